"""Ridge-penalized logistic regression over a path of penalties, as pure functions."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.scipy.special import logsumexp

from lsmi_jax.decomposition import average
from lsmi_jax.inputs import weights_of
from lsmi_jax.models._early_stopping import training_weights
from lsmi_jax.models._linear_algebra import inverse_cholesky, one_by_one, product, second_moment

__all__ = ["NUM_MORE", "SLACK", "LinearWeights", "Ridge", "fit_linear", "fit_ridge", "linear_logits", "linear_losses"]

LinearWeights = tuple[jax.Array, jax.Array]
"""Kernel ``[d, K]`` and bias ``[K]`` of a linear classifier."""

NUM_STEPS = 9  # at most, at each penalty of a path
NUM_MORE = 3  # times as many steps at the best penalty
PATIENCE = 2  # penalties in a row that do not lessen the held-out loss, after which a path ends
TOLERANCE = 1e-5  # nats; descent ends with a step that changes the loss by less
SMALL_GRADIENT = 1e-5  # ends descent at the best penalty: there, one step more or less would show in single samples
MARGIN = 1e-4  # nats by which a smaller penalty must be better, so that round-off does not choose it
SLACK = 1e-6  # nats of round-off by which a step may raise the loss
ROUND_OFF = 1e-6  # of the trace; keeps a float32 factorization positive


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
    weights: jax.Array | None = None,
    left_out_weights: jax.Array | None = None,
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
        weights: Weight of each row ``[n]``; None for equal weights.
        left_out_weights: Weights of the held-out rows ``[S, h]``; None for those of ``weights``.
        num_classes: Number of classes K.
        penalties: Ridge penalties on the weights, decreasing, ``[P]``.
        num_more: Number of times that the best fit is continued.

    Returns:
        A `Ridge`.
    """

    @one_by_one
    def fit(
        rows: jax.Array, labels: jax.Array, left_out: jax.Array, weights: Any, counted: Any, penalties: jax.Array
    ) -> LinearWeights:
        spanned, to_columns = _span(rows)
        # Held-out rows of each split have weight zero; at last, all rows have their own.
        all_rows = jnp.ones(len(labels)) if weights is None else weights
        row_weights = jnp.concatenate([training_weights(left_out, all_rows), all_rows[None]])
        descend = _descent(spanned, labels, row_weights, num_classes, NUM_STEPS)
        held_out = spanned[left_out], labels[left_out]

        def held_out_loss(fitted: jax.Array) -> jax.Array:
            losses = jax.vmap(linear_losses)(_unpack(fitted[:-1]), *held_out)
            return average(losses.reshape(-1), None if counted is None else counted.reshape(-1))

        def is_open(carry: tuple) -> jax.Array:
            return carry[0] < len(penalties) + num_more

        def step(carry: tuple) -> tuple:
            index, num_worse, current, (best, least, best_penalty) = carry
            is_path = index < len(penalties)
            penalty = jnp.where(is_path, penalties[jnp.minimum(index, len(penalties) - 1)], best_penalty)
            # At the best penalty, only the gradient ends descent: no change is below a negative tolerance.
            fitted = descend(jnp.where(is_path, current, best), penalty, jnp.where(is_path, TOLERANCE, -1.0))
            loss = held_out_loss(fitted)
            is_better = loss < least - MARGIN
            kept = is_better | ~is_path
            found = fitted, jnp.minimum(loss, least), penalty
            best = jax.tree.map(lambda new, old: jnp.where(kept, new, old), found, (best, least, best_penalty))
            num_worse = jnp.where(is_better, 0, num_worse + 1)
            # The rest of the path is left out once it only gets worse.
            is_over = is_path & (num_worse >= PATIENCE)
            return jnp.where(is_over, len(penalties), index + 1), num_worse, fitted, best

        zeros = jnp.zeros((len(row_weights), spanned.shape[1] + 1, num_classes))
        carry = jnp.asarray(0), jnp.asarray(0), zeros, (zeros, jnp.asarray(jnp.inf), penalties[0])
        kernels, biases = _unpack(jax.lax.while_loop(is_open, step, carry)[-1][0])
        return to_columns(kernels), biases

    counted = weights_of(left_out, None, weights) if left_out_weights is None else left_out_weights
    kernels, biases = fit(rows, labels, left_out, weights, counted, penalties)
    return Ridge((kernels[-1], biases[-1]), (kernels[:-1], biases[:-1]))


def fit_linear(
    rows: jax.Array, labels: jax.Array, *, num_classes: int, penalties: jax.Array, num_steps: int = 13
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
    descend = _descent(spanned, labels, jnp.ones((1, len(labels))), num_classes, num_steps)

    def step(start: jax.Array, penalty: jax.Array) -> tuple[jax.Array, jax.Array]:
        return (fitted := descend(start, penalty, TOLERANCE)), fitted[0]

    start = jnp.zeros((1, spanned.shape[1] + 1, num_classes))
    kernels, biases = _unpack(jax.lax.scan(step, start, penalties)[1])
    return to_columns(kernels), biases


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
    """Rows in coordinates of the space that they span, if fewer than columns; and the map back for kernels."""
    size, dim = rows.shape
    if dim <= size:
        return rows, lambda kernels: kernels
    # With X X^T = L L^T and X = L Q, the rows of L have the inner products of the rows of X.
    gram = product(rows, rows.T)
    inverse = inverse_cholesky(_with_ridge(gram, 0.0))
    directions = product(inverse, rows)
    return product(gram, inverse.T), lambda kernels: product(directions.T[None], kernels)


def _descent(
    rows: jax.Array, labels: jax.Array, row_weights: jax.Array, num_classes: int, num_steps: int
) -> Callable[[jax.Array, jax.Array, jax.Array | float], jax.Array]:
    """Minimizer of cross-entropy plus ridge penalty for each of ``row_weights [S, n]``; the last is of all rows.

    Its weights are ``[S, d + 1, K]``, with the biases last. L-BFGS on preconditioned weights: the curvature of the
    loss is at most half the second moment of the rows (Boehning, 1992), whose Cholesky factor makes the number of
    steps independent of how the columns correlate.
    """
    rows = jnp.pad(rows, ((0, 0), (0, 1)), constant_values=1)  # a column of ones for the biases
    targets = jax.nn.one_hot(labels, num_classes)
    is_penalized = jnp.ones(rows.shape[1]).at[-1].set(0)
    curvature = 0.5 * second_moment(rows, row_weights[-1])

    def descend(starts: jax.Array, penalty: jax.Array, tolerance: jax.Array | float) -> jax.Array:
        # With A = L L^T the bound on the curvature, weights are L^-T v.
        bound = _with_ridge(curvature, penalty * is_penalized)
        inverse = inverse_cholesky(bound)

        def fit_one(start: jax.Array, row_weights: jax.Array) -> jax.Array:
            shares = row_weights / row_weights.sum()
            moment = product(rows.T, shares[:, None] * targets)

            def loss(v: jax.Array) -> jax.Array:
                # Cross-entropy is the log-sum of a row's logits minus the logit of its label, which is linear in v.
                own = product(inverse.T, v)
                cross_entropy = (shares * logsumexp(rows @ own, axis=1)).sum() - (moment * own).sum()
                return cross_entropy + penalty / 2 * (own[:-1] ** 2).sum()

            return product(inverse.T, _minimize(loss, product(inverse, product(bound, start)), num_steps, tolerance))

        return jax.vmap(fit_one)(starts, row_weights)

    return descend


def _minimize(
    loss: Callable[[jax.Array], jax.Array], start: jax.Array, num_steps: int, tolerance: jax.Array | float
) -> jax.Array:
    """Minimizes a loss whose curvature is at most two, by L-BFGS of unit steps, until it hardly changes."""
    optimizer = optax.scale_by_lbfgs()
    initial, infinite = optimizer.init(start), jnp.asarray(jnp.inf)

    def is_open(carry: tuple) -> jax.Array:
        *_, (_, _, grad), count, change = carry
        return (count < num_steps) & (change > tolerance) & ((grad**2).sum() > SMALL_GRADIENT**2)

    def step(carry: tuple) -> tuple:
        v, state, (last, last_value, last_grad), count, _ = carry
        value, grad = jax.value_and_grad(loss)(v)
        direction, ahead = optimizer.update(grad, state, v)
        # A step that did not descend is replaced by a gradient step, which the bound makes safe.
        full = v - direction, ahead, (v, value, grad)
        safe = last - last_grad / 2, initial, (last, last_value, last_grad)
        chosen = jax.tree.map(lambda new, old: jnp.where(value <= last_value + SLACK, new, old), full, safe)
        return *chosen, count + 1, jnp.abs(last_value - value)

    carry = start, initial, (start, infinite, jnp.full_like(start, jnp.inf)), jnp.asarray(0), infinite
    *_, (best, _, _), _, _ = jax.lax.while_loop(is_open, step, carry)
    return best


def _unpack(weights: jax.Array) -> LinearWeights:
    """Kernels ``[..., d, K]`` and biases ``[..., K]`` of weights ``[..., d + 1, K]``."""
    return weights[..., :-1, :], weights[..., -1, :]


def _with_ridge(matrix: jax.Array, ridge: jax.Array | float) -> jax.Array:
    """A matrix plus a diagonal, a little more than asked so that round-off leaves it positive."""
    round_off = ROUND_OFF * jnp.maximum(jnp.trace(matrix), jnp.finfo(jnp.float32).tiny / ROUND_OFF)
    return matrix + jnp.diag(jnp.broadcast_to(ridge + round_off, len(matrix)))
