"""Ridge-penalized logistic regression over a path of penalties, as pure functions."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from lsmi_jax.models._linear_algebra import inverse_cholesky, product

__all__ = ["LinearWeights", "Ridge", "fit_linear", "fit_ridge", "linear_logits", "linear_losses"]

LinearWeights = tuple[jax.Array, jax.Array]
"""Kernel ``[d, K]`` and bias ``[K]`` of a linear classifier."""

ROUND_OFF = 1e-6  # of the trace, as much as keeps a float32 factorization positive
MAX_BACKTRACKING_STEPS = 10


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
    rows: jax.Array, labels: jax.Array, left_out: jax.Array, *, num_classes: int, penalties: jax.Array
) -> Ridge:
    """Fits a ridge-penalized logistic regression with the penalty of least cross-entropy on held-out rows.

    Args:
        rows: Rows ``[n, d]``, centered.
        labels: Class labels ``[n]``.
        left_out: Indices of the held-out rows of each split ``[S, h]``.
        num_classes: Number of classes K.
        penalties: Ridge penalties on the weights, decreasing, ``[P]``.

    Returns:
        A `Ridge`.
    """
    # Training rows of each split have weight one and its held-out rows zero; then, all rows have weight one.
    size = rows.shape[0]
    is_train = jax.vmap(lambda part: jnp.ones(size).at[part].set(0))(left_out)
    weights = jnp.concatenate([is_train, jnp.ones((1, size))])
    kernels, biases = _fit_paths(rows, labels, weights, penalties, num_classes)

    def held_out_losses(kernel: jax.Array, bias: jax.Array, part: jax.Array) -> jax.Array:
        own = rows[part], labels[part]
        return jax.vmap(lambda *weights: linear_losses(weights, *own).mean())(kernel, bias)

    best = jnp.nanargmin(jax.vmap(held_out_losses)(kernels[:-1], biases[:-1], left_out).mean(0))
    return Ridge((kernels[-1, best], biases[-1, best]), (kernels[:-1, best], biases[:-1, best]))


def fit_linear(
    rows: jax.Array, labels: jax.Array, *, num_classes: int, penalties: jax.Array, num_steps: int = 8
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
    weights = jnp.ones((1, rows.shape[0]))
    return jax.tree.map(lambda leaf: leaf[0], _fit_paths(rows, labels, weights, penalties, num_classes, num_steps))


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


def _fit_paths(
    rows: jax.Array, labels: jax.Array, weights: jax.Array, penalties: jax.Array, num_classes: int, num_steps: int = 8
) -> LinearWeights:
    """Paths of fits for each row of ``weights [S, n]``: kernels ``[S, P, d, K]`` and biases ``[S, P, K]``.

    Under `jax.vmap`, one data set is fitted after another: on CPUs, batched matrix products are several times slower.
    """

    @jax.custom_batching.sequential_vmap
    def fit(rows: jax.Array, labels: jax.Array, weights: jax.Array, penalties: jax.Array) -> LinearWeights:
        size, dim = rows.shape
        if dim <= size:
            return _minimize(rows, labels, weights, penalties, num_classes, num_steps)
        # Weights lie in the span of the rows: with X X^T = L L^T and X = L Q, fit on the rows of L.
        gram = product(rows, rows.T)
        inverse = inverse_cholesky(_with_ridge(gram, 0.0))
        kernels, biases = _minimize(product(gram, inverse.T), labels, weights, penalties, num_classes, num_steps)
        return jnp.einsum("nd,spnk->spdk", product(inverse, rows), kernels, precision="highest"), biases

    return fit(rows, labels, weights, penalties)


def _minimize(
    rows: jax.Array, labels: jax.Array, weights: jax.Array, penalties: jax.Array, num_classes: int, num_steps: int
) -> LinearWeights:
    """Minimizes cross-entropy plus ridge penalty with L-BFGS on preconditioned weights.

    The curvature of the loss is at most half the second moment of the rows (Boehning, 1992), whose Cholesky factor
    makes the number of steps independent of how the columns correlate.
    """
    size, dim = rows.shape
    linesearch = optax.scale_by_backtracking_linesearch(MAX_BACKTRACKING_STEPS, store_grad=True)
    optimizer = optax.lbfgs(linesearch=linesearch)
    curvature = 0.5 * product(rows.T, rows) / size

    def with_penalty(starts: LinearWeights, penalty: jax.Array) -> tuple[LinearWeights, LinearWeights]:
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

            value_and_grad = optax.value_and_grad_from_state(loss)

            def step(carry: tuple, _: None) -> tuple:
                v, state = carry
                value, grad = value_and_grad(v, state=state)
                updates, state = optimizer.update(grad, state, v, value=value, grad=grad, value_fn=loss)
                return (optax.apply_updates(v, updates), state), None

            start = product(inverse, product(bound, kernel)), bias
            (last, _), _ = jax.lax.scan(step, (start, optimizer.init(start)), None, length=num_steps)
            return weights_of(last)

        fitted = jax.lax.map(fit_one, (starts, weights))
        return fitted, fitted

    zeros = jnp.zeros((len(weights), dim, num_classes)), jnp.zeros((len(weights), num_classes))
    kernels, biases = jax.lax.scan(with_penalty, zeros, penalties)[1]
    return kernels.swapaxes(0, 1), biases.swapaxes(0, 1)


def _with_ridge(matrix: jax.Array, ridge: jax.Array | float) -> jax.Array:
    """A matrix plus a multiple of the identity, a little more than asked so that round-off leaves it positive."""
    round_off = ROUND_OFF * jnp.maximum(jnp.trace(matrix), jnp.finfo(jnp.float32).tiny / ROUND_OFF)
    return matrix + (ridge + round_off) * jnp.eye(len(matrix))
