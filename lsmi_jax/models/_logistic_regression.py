"""Ridge-penalized logistic regression over a path of penalties, as a pure function."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

__all__ = ["fit_linear", "linear_losses"]

MAX_LOGITS = 2**15  # rows times classes in one gradient step


def fit_linear(
    rows: jax.Array, labels: jax.Array, *, num_classes: int, penalties: jax.Array, num_steps: int = 40
) -> tuple[jax.Array, jax.Array]:
    """Ridge-penalized logistic regressions, each started from the previous one.

    Accelerated gradient steps (Beck and Teboulle, 2009). Half the largest eigenvalue of the second moment
    bounds the curvature (Boehning, 1992). Whitening makes the eigenvalues similar, so that few steps suffice;
    with too many columns for whitening, the small number of steps acts as regularization. With many rows and
    classes, each step uses a batch of the rows, corrected by how the batch's gradient differed from the full
    gradient at the start (SVRG; Johnson and Zhang, 2013).

    Args:
        rows: Whitened rows ``[n, d]``, sorted by class or in random order.
        labels: Class labels ``[n]``.
        num_classes: Number of classes K.
        penalties: Ridge penalties on the weights, decreasing, ``[P]``.
        num_steps: Number of steps for each penalty.

    Returns:
        Kernels ``[P, d, K]`` and biases ``[P, K]``.
    """
    # The step size is the inverse of an upper bound on the curvature; the momenta are Nesterov's.
    curvature = 0.5 * jnp.maximum(1.0, 1.05 * _largest_eigenvalue(rows))
    steps = np.arange(num_steps, dtype=np.float32)
    momenta = jnp.asarray(steps / (steps + 3))
    batches = _spread_batches(rows.shape[0], -(-rows.shape[0] * num_classes // MAX_LOGITS))
    num_batches = len(batches)
    turns = jnp.asarray(np.arange(num_steps) % num_batches)

    def gradient(weights: tuple, batch: jax.Array) -> tuple:
        part = (rows[batch], labels[batch]) if num_batches > 1 else (rows, labels)
        return jax.grad(lambda weights: linear_losses(weights, *part).mean())(weights)

    def with_penalty(start: tuple, penalty: jax.Array) -> tuple:
        # With a single batch, a step uses all rows and needs no correction.
        surplus = _surpluses(partial(gradient, start), batches, num_steps) if num_batches > 1 else None

        def step(carry: tuple, turn: tuple) -> tuple:
            weights, before = carry
            momentum, index = turn
            # A gradient step from a point ahead in the direction of the last change.
            ahead = jax.tree.map(lambda new, old: new + momentum * (new - old), weights, before)
            kernel, bias = gradient(ahead, batches[index])
            if surplus is not None:
                kernel, bias = kernel - surplus[0][index], bias - surplus[1][index]
            grads = (kernel + penalty * ahead[0], bias)
            return (jax.tree.map(lambda leaf, grad: leaf - grad / (curvature + penalty), ahead, grads), weights), None

        (weights, _), _ = jax.lax.scan(step, (start, start), (momenta, turns))
        return weights, weights

    zeros = (jnp.zeros((rows.shape[1], num_classes)), jnp.zeros(num_classes))
    return jax.lax.scan(with_penalty, zeros, penalties)[1]


def _surpluses(gradient: Callable, batches: jax.Array, num_used: int) -> tuple:
    """Difference between the gradient of each batch in use and the gradient of all rows."""
    # Gradients of the batches in use one by one, and of all others as a sum only.
    each = jax.lax.map(gradient, batches[:num_used])
    total = jax.tree.map(lambda leaf: leaf.sum(0), each)
    others = batches[num_used:]
    total = jax.lax.scan(lambda t, batch: (jax.tree.map(jnp.add, t, gradient(batch)), None), total, others)[0]
    return jax.tree.map(lambda leaf, t: leaf - t[None] / len(batches), each, total)


def _spread_batches(size: int, num_batches: int) -> jax.Array:
    """Cuts rows into batches ``[m, b]``, each spread over all rows, so that rows sorted by class are mixed."""
    used = size // num_batches * num_batches
    return jnp.asarray((np.arange(used) * size // used).reshape(-1, num_batches).T)


def linear_losses(weights: tuple[jax.Array, jax.Array], rows: jax.Array, labels: jax.Array) -> jax.Array:
    """Cross-entropy of each row under a linear classifier.

    Args:
        weights: Kernel ``[d, K]`` and bias ``[K]``.
        rows: Whitened rows ``[n, d]``.
        labels: Class labels ``[n]``.

    Returns:
        Losses ``[n]`` in nats.
    """
    kernel, bias = weights
    return optax.softmax_cross_entropy_with_integer_labels(rows @ kernel + bias[None], labels)


def _largest_eigenvalue(rows: jax.Array, num_steps: int = 30) -> jax.Array:
    """Largest eigenvalue of the second moment of rows, by power iteration."""

    def step(_: int, vector: jax.Array) -> jax.Array:
        image = rows.T @ (rows @ vector)
        return image / jnp.maximum(jnp.linalg.norm(image), jnp.finfo(image.dtype).tiny)

    # Rayleigh quotient of the vector that repeated multiplication converges to.
    vector = jax.lax.fori_loop(0, num_steps, step, jnp.abs(rows).mean(0))
    return ((rows @ vector) ** 2).mean()
