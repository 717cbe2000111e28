"""Ridge-penalized logistic regression over a path of penalties, as pure functions."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from lsmi_jax.models._early_stopping import training_weights
from lsmi_jax.models._linear_algebra import inverse_cholesky, product

__all__ = ["LinearWeights", "Ridge", "fit_linear", "fit_ridge", "linear_logits", "linear_losses"]

LinearWeights = tuple[jax.Array, jax.Array]
"""Kernel ``[d, K]`` and bias ``[K]`` of a linear classifier."""

NUM_STEPS = 8  # at each penalty of a path
NUM_MORE = 3  # times as many steps at the best penalty
ROUND_OFF = 1e-6  # of the trace, as much as keeps a float32 factorization positive


class Ridge(NamedTuple):
    """A logistic regression whose penalty was chosen on held-out rows.

    Attributes:
        weights: Kernel ``[d, K]`` and bias ``[K]``, fitted to all rows.
        members: Kernels ``[S, d, K]`` and biases ``[S, K]``, fitted to the training rows of each split.
    """

    weights: LinearWeights
    members: LinearWeights

    def held_out(self, rows: jax.Array, left_out: jax.Array) -> jax.Array:
        """Logits of the held-out rows of each split under its member ``[S, h, K]``."""
        return jax.vmap(linear_logits)(self.members, rows[left_out])


def fit_ridge(
    rows: jax.Array,
    labels: jax.Array,
    left_out: jax.Array,
    *,
    num_classes: int,
    penalties: jax.Array,
    num_more: int = NUM_MORE,
) -> Ridge:
    """Fits a ridge-penalized logistic regression with the penalty of least cross-entropy on held-out rows.

    A path of decreasing penalties, each started from the previous one, and then more steps at the best of them.
    Under `jax.vmap`, one data set is fitted after another: on CPUs, batched matrix products are several times slower.

    Args:
        rows: Rows ``[n, d]``, centered.
        labels: Class labels ``[n]``.
        left_out: Indices of the held-out rows of each split ``[S, h]``.
        num_classes: Number of classes K.
        penalties: Ridge penalties on the weights, decreasing, ``[P]``.
        num_more: Times that the best fit is continued.

    Returns:
        A `Ridge`.
    """

    @jax.custom_batching.sequential_vmap
    def fit(rows: jax.Array, labels: jax.Array, left_out: jax.Array, penalties: jax.Array) -> LinearWeights:
        spanned, to_columns = _span(rows)
        # Training rows of each split have weight one and its held-out rows zero; at last, all rows have weight one.
        is_train = training_weights(left_out, len(labels))
        descend = _descent(spanned, labels, jnp.concatenate([is_train, jnp.ones((1, len(labels)))]), NUM_STEPS)

        def held_out_loss(fitted: LinearWeights) -> jax.Array:
            kernels, biases = fitted
            each = zip(kernels[:-1], biases[:-1], left_out, strict=True)
            return jnp.stack([linear_losses((k, b), spanned[part], labels[part]).mean() for k, b, part in each]).mean()

        def step(carry: tuple, penalty: jax.Array) -> tuple[tuple, None]:
            current, (best, least, best_penalty) = carry
            is_path = jnp.isfinite(penalty)
            start = jax.tree.map(lambda new, old: jnp.where(is_path, new, old), current, best)
            penalty = jnp.where(is_path, penalty, best_penalty)
            fitted = descend(start, penalty)
            loss = held_out_loss(fitted)
            found = fitted, jnp.minimum(loss, least), penalty
            kept = (loss < least) | ~is_path
            best = jax.tree.map(lambda new, old: jnp.where(kept, new, old), found, (best, least, best_penalty))
            return (fitted, best), None

        zeros = _zeros(len(left_out) + 1, spanned.shape[1], num_classes)
        plan = jnp.concatenate([penalties, jnp.full(num_more, jnp.nan)])  # NaN stands for the best so far
        carry = (zeros, (zeros, jnp.asarray(jnp.inf), penalties[0]))
        (kernels, biases), *_ = jax.lax.scan(step, carry, plan)[0][1]
        return to_columns(kernels), biases

    kernels, biases = fit(rows, labels, left_out, penalties)
    return Ridge((kernels[-1], biases[-1]), (kernels[:-1], biases[:-1]))


def fit_linear(
    rows: jax.Array, labels: jax.Array, *, num_classes: int, penalties: jax.Array, num_steps: int = 12
) -> LinearWeights:
    """Ridge-penalized logistic regressions, each started from the previous one.

    Args:
        rows: Rows ``[n, d]``, centered.
        labels: Class labels ``[n]``.
        num_classes: Number of classes K.
        penalties: Ridge penalties on the weights, decreasing, ``[P]``.
        num_steps: Number of steps for each penalty.

    Returns:
        Kernels ``[P, d, K]`` and biases ``[P, K]``.
    """
    spanned, to_columns = _span(rows)
    descend = _descent(spanned, labels, jnp.ones((1, len(labels))), num_steps)

    def step(start: LinearWeights, penalty: jax.Array) -> tuple[LinearWeights, LinearWeights]:
        return (fitted := descend(start, penalty)), fitted

    kernels, biases = jax.lax.scan(step, _zeros(1, spanned.shape[1], num_classes), penalties)[1]
    return to_columns(kernels[:, 0]), biases[:, 0]


def linear_logits(weights: LinearWeights, rows: jax.Array) -> jax.Array:
    """Logits ``[n, K]`` of rows ``[n, d]`` under a linear classifier."""
    kernel, bias = weights
    return rows @ kernel + bias[None]


def linear_losses(weights: LinearWeights, rows: jax.Array, labels: jax.Array) -> jax.Array:
    """Cross-entropy of each row under a linear classifier.

    Args:
        weights: Kernel ``[d, K]`` and bias ``[K]``.
        rows: Rows ``[n, d]``.
        labels: Class labels ``[n]``.

    Returns:
        Losses ``[n]`` in nats.
    """
    return optax.softmax_cross_entropy_with_integer_labels(linear_logits(weights, rows), labels)


def _span(rows: jax.Array) -> tuple[jax.Array, Callable[[jax.Array], jax.Array]]:
    """Rows in coordinates of the space that they span, if fewer than columns; and the way back for kernels."""
    size, dim = rows.shape
    if dim <= size:
        return rows, lambda kernels: kernels
    # With X X^T = L L^T and X = L Q, the rows of L have the inner products of the rows of X.
    gram = product(rows, rows.T)
    inverse = inverse_cholesky(_with_ridge(gram, 0.0))
    directions = product(inverse, rows)
    return product(gram, inverse.T), lambda kernels: product(directions.T[None], kernels)


def _descent(
    rows: jax.Array, labels: jax.Array, weights: jax.Array, num_steps: int
) -> Callable[[LinearWeights, jax.Array], LinearWeights]:
    """Minimizer of cross-entropy plus ridge penalty for each row of ``weights [S, n]``, from given starts.

    L-BFGS on preconditioned weights: the curvature of the loss is at most half the second moment of the rows
    (Boehning, 1992), whose Cholesky factor makes the number of steps independent of how the columns correlate.
    """
    optimizer = optax.scale_by_lbfgs()
    curvature = 0.5 * product(rows.T, rows) / len(labels)

    def descend(starts: LinearWeights, penalty: jax.Array) -> LinearWeights:
        # With A = L L^T the bound on the curvature, weights are L^-T v.
        bound = _with_ridge(curvature, penalty)
        inverse = inverse_cholesky(bound)

        def weights_of(v: LinearWeights) -> LinearWeights:
            return product(inverse.T, v[0]), v[1]

        def fit_one(inputs: tuple[LinearWeights, jax.Array]) -> LinearWeights:
            (kernel, bias), row_weights = inputs
            shares = row_weights / row_weights.sum()

            def loss(v: LinearWeights) -> jax.Array:
                own = weights_of(v)
                return (shares * linear_losses(own, rows, labels)).sum() + penalty / 2 * (own[0] ** 2).sum()

            def step(carry: tuple, _: None) -> tuple:
                v, state, (last, last_value, last_grad) = carry
                value, grad = jax.value_and_grad(loss)(v)
                direction, ahead = optimizer.update(grad, state, v)
                # A step that did not descend is taken back for a gradient step, which the bound makes safe.
                full = jax.tree.map(jnp.subtract, v, direction), ahead, (v, value, grad)
                safe = jax.tree.map(lambda old, g: old - g / 2, last, last_grad), initial, (last, last_value, last_grad)
                return jax.tree.map(lambda new, old: jnp.where(value <= last_value, new, old), full, safe), None

            start = product(inverse, product(bound, kernel)), bias
            initial = optimizer.init(start)
            before = start, jnp.asarray(jnp.inf), start
            (reached, _, (best, value, _)), _ = jax.lax.scan(step, (start, initial, before), None, length=num_steps)
            is_better = loss(reached) <= value
            return weights_of(jax.tree.map(lambda new, old: jnp.where(is_better, new, old), reached, best))

        return jax.vmap(fit_one)((starts, weights))

    return descend


def _zeros(count: int, dim: int, num_classes: int) -> LinearWeights:
    """Weights of zero for each of some fits."""
    return jnp.zeros((count, dim, num_classes)), jnp.zeros((count, num_classes))


def _with_ridge(matrix: jax.Array, ridge: jax.Array | float) -> jax.Array:
    """A matrix plus a multiple of the identity, a little more than asked so that round-off leaves it positive."""
    round_off = ROUND_OFF * jnp.maximum(jnp.trace(matrix), jnp.finfo(jnp.float32).tiny / ROUND_OFF)
    return matrix + (ridge + round_off) * jnp.eye(len(matrix))
