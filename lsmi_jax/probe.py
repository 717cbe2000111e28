"""The discriminator's building block: a small network from features to the logits of a class."""

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from lsmi_jax.whiten import Whiten

__all__ = ["Probe"]


NUM_DRAWN = 256  # rows that the hidden weights are combinations of


class Probe(nnx.Module):
    """A linear classifier plus one hidden layer, on whitened features.

    The hidden weights start as random combinations of rows, which turn as the rows do. The hidden layer's
    output starts at zero, so that a probe starts as a linear one and training can only add to it.

    Example:
        >>> probe = Probe(jax.random.key(0), jnp.eye(3), num_classes=2)
        >>> print(probe(jnp.eye(3)).shape)
        (3, 2)
    """

    def __init__(self, key: jax.Array, features: jax.Array, *, num_classes: int, width: int = 64):
        """Initialises the weights, and the whitening from data.

        Args:
            key: Random key.
            features: Rows ``[n, d]`` that whiten the input.
            num_classes: Number of classes K.
            width: Number of hidden units.
        """
        row_key, combination_key, rngs_key = jax.random.split(key, 3)
        size, dim = features.shape
        zeros, rngs = nnx.initializers.zeros_init(), nnx.Rngs(rngs_key)
        self.whiten = Whiten(features)
        self.linear = nnx.Linear(dim, num_classes, kernel_init=zeros, rngs=rngs)
        self.hidden = nnx.Linear(dim, width, kernel_init=zeros, rngs=rngs)
        self.output = nnx.Linear(width, num_classes, use_bias=False, kernel_init=zeros, rngs=rngs)
        rows = self.whiten(features[jax.random.choice(row_key, size, (NUM_DRAWN,))])
        kernel = rows.T @ jax.random.normal(combination_key, (NUM_DRAWN, width))
        power = ((rows @ kernel) ** 2).mean()
        self.hidden.kernel.set_value(kernel * jnp.sqrt(2 / jnp.where(power > 0, power, 1)))

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
        return self.linear(rows) + self.output(jax.nn.gelu(self.hidden(rows)))

    def fit_linear(self, features: jax.Array, labels: jax.Array, *, penalty: jax.Array, num_steps: int = 100) -> None:
        """Sets the linear part to the ridge-penalised logistic regression.

        Nesterov's accelerated gradient. Half the largest eigenvalue of the second moment bounds the
        curvature (Boehning, 1992), and whitening makes all eigenvalues alike, so that few steps suffice;
        columns that are too many to be whitened end up regularised by so few steps.

        Args:
            features: Rows ``[n, d]``.
            labels: Class labels ``[n]``.
            penalty: Ridge penalty on the weights of whitened columns, a scalar.
            num_steps: Number of full-batch steps.
        """
        rows = self.whiten(features)
        step_size = 1 / (0.5 * jnp.maximum(1.0, 1.05 * _largest_eigenvalue(rows)) + penalty)

        def objective(weights: tuple[jax.Array, jax.Array]) -> jax.Array:
            kernel, bias = weights
            cross_entropy = optax.softmax_cross_entropy_with_integer_labels(rows @ kernel + bias[None], labels)
            return cross_entropy.mean() + 0.5 * penalty * (kernel**2).sum()

        optimizer = optax.sgd(1.0, momentum=0.9, nesterov=True)

        def step(carry: tuple, _: None) -> tuple:
            weights, state = carry
            grads = jax.tree.map(lambda leaf: step_size * leaf, jax.grad(objective)(weights))
            updates, state = optimizer.update(grads, state)
            return (optax.apply_updates(weights, updates), state), None

        start = (jnp.zeros((rows.shape[1], self.linear.out_features)), jnp.zeros(self.linear.out_features))
        (weights, _), _ = jax.lax.scan(step, (start, optimizer.init(start)), length=num_steps)
        self.linear.kernel.set_value(weights[0])
        if self.linear.bias is not None:
            self.linear.bias.set_value(weights[1])


def _largest_eigenvalue(rows: jax.Array, num_steps: int = 30) -> jax.Array:
    """Largest eigenvalue of the second moment of rows, by power iteration."""

    def step(_: int, vector: jax.Array) -> jax.Array:
        image = rows.T @ (rows @ vector)
        return image / jnp.maximum(jnp.linalg.norm(image), jnp.finfo(image.dtype).tiny)

    vector = jax.lax.fori_loop(0, num_steps, step, jnp.abs(rows).mean(0))
    return ((rows @ vector) ** 2).mean()
