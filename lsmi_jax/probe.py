"""The discriminator's building block: a small network from features to the logits of a class."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from lsmi_jax.whiten import Whiten

__all__ = ["Probe", "fit_linear", "linear_losses"]


NUM_DRAWN = 256  # rows that the hidden weights are combinations of
MAX_LOGITS = 2**15  # rows times classes in one step of a regression


class Probe(nnx.Module):
    """A linear classifier plus one hidden layer, on whitened features.

    The hidden weights start as random combinations of rows, which turn as the rows do. The hidden layer's
    output starts at zero, so that a probe starts as a linear one and training can only add to it.

    Examples:
        >>> probe = Probe(jax.random.key(0), jnp.eye(3), num_classes=2)
        >>> print(probe(jnp.eye(3)).shape)
        (3, 2)
    """

    def __init__(self, key: jax.Array, features: jax.Array, *, num_classes: int, width: int = 64):
        """Initialises the weights, and the whitening from data.

        Args:
            key: Random key.
            features: Rows ``[n, d]`` that whiten the input, sorted by class or in random order.
            num_classes: Number of classes K.
            width: Number of hidden units.
        """
        size, dim = features.shape
        self.whiten = Whiten(features)
        self.kernel = nnx.Param(jnp.zeros((dim, num_classes)))
        self.bias = nnx.Param(jnp.zeros(num_classes))
        rows = self.whiten(features[np.arange(NUM_DRAWN) * size // NUM_DRAWN])
        hidden = rows.T @ jax.random.normal(key, (NUM_DRAWN, width))
        power = ((rows @ hidden) ** 2).mean()
        self.hidden_kernel = nnx.Param(hidden * jnp.sqrt(2 / jnp.where(power > 0, power, 1)))
        self.hidden_bias = nnx.Param(jnp.zeros(width))
        self.output_kernel = nnx.Param(jnp.zeros((width, num_classes)))

    def __call__(self, features: jax.Array) -> jax.Array:
        """Logits of the classes.

        Args:
            features: Rows ``[n, d]``.

        Returns:
            Logits ``[n, K]`` in nats, float32.
        """
        return self.logits(self.whiten(features))

    def logits(self, rows: jax.Array) -> jax.Array:
        """Logits of the classes, from whitened rows.

        Args:
            rows: Whitened rows ``[n, d]``.

        Returns:
            Logits ``[n, K]`` in nats, float32.
        """
        linear = rows @ self.kernel[...] + self.bias[...][None]
        hidden = jax.nn.gelu(rows @ self.hidden_kernel[...] + self.hidden_bias[...][None])
        return linear + hidden @ self.output_kernel[...]


def fit_linear(
    rows: jax.Array, labels: jax.Array, *, num_classes: int, penalties: jax.Array, num_steps: int = 40
) -> tuple[jax.Array, jax.Array]:
    """Ridge-penalised logistic regressions, each started from the one before.

    Accelerated gradient steps (Beck and Teboulle, 2009). Half the largest eigenvalue of the second moment
    bounds the curvature (Boehning, 1992), and whitening makes all eigenvalues alike, so that few steps
    suffice; columns that are too many to be whitened end up regularised by so few steps. Where rows and
    classes are many, a step sees some of the rows, and of all only how they differed at the start
    (Johnson and Zhang, 2013).

    Args:
        rows: Whitened rows ``[n, d]``, sorted by class or in random order.
        labels: Class labels ``[n]``.
        num_classes: Number of classes K.
        penalties: Ridge penalties on the weights, falling, ``[P]``.
        num_steps: Number of steps for each.

    Returns:
        Kernels ``[P, d, K]`` and biases ``[P, K]``.
    """
    curvature = 0.5 * jnp.maximum(1.0, 1.05 * _largest_eigenvalue(rows))
    steps = np.arange(num_steps, dtype=np.float32)
    momenta = jnp.asarray(steps / (steps + 3))
    batches = _spread_batches(rows.shape[0], -(-rows.shape[0] * num_classes // MAX_LOGITS))
    num_batches = len(batches)
    turns = jnp.asarray(np.arange(num_steps) % num_batches)

    def gradient(weights: tuple, batch: jax.Array) -> tuple:
        seen = (rows[batch], labels[batch]) if num_batches > 1 else (rows, labels)
        return jax.grad(lambda weights: linear_losses(weights, *seen).mean())(weights)

    def with_penalty(start: tuple, penalty: jax.Array) -> tuple:
        # With one batch only, what a step sees is all there is.
        surplus = _surpluses(partial(gradient, start), batches, num_steps) if num_batches > 1 else None

        def step(carry: tuple, turn: tuple) -> tuple:
            weights, before = carry
            momentum, index = turn
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
    """By how much the gradient of each batch that is used exceeds that of all rows."""
    each = jax.lax.map(gradient, batches[:num_used])
    total = jax.tree.map(lambda leaf: leaf.sum(0), each)
    others = batches[num_used:]
    total = jax.lax.scan(lambda t, one: (jax.tree.map(jnp.add, t, gradient(one)), None), total, others)[0]
    return jax.tree.map(lambda leaf, t: leaf - t[None] / len(batches), each, total)


def _spread_batches(size: int, num_batches: int) -> jax.Array:
    """Cuts rows into batches ``[m, b]``, each spread over all of them, so that a sorted class is, too."""
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

    vector = jax.lax.fori_loop(0, num_steps, step, jnp.abs(rows).mean(0))
    return ((rows @ vector) ** 2).mean()
