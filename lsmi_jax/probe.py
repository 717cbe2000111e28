"""The discriminator's building block: a small network from features to the logits of a class."""

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from lsmi_jax.standardize import Standardize

__all__ = ["Probe"]


class Probe(nnx.Module):
    """A linear classifier plus one hidden layer, on standardised features.

    The hidden layer's output starts at zero, so that a probe starts as a linear one and training can
    only add to it.

    Example:
        >>> probe = Probe(jax.random.key(0), jnp.eye(3), num_classes=2)
        >>> print(probe(jnp.eye(3)).shape)
        (3, 2)
    """

    def __init__(self, key: jax.Array, features: jax.Array, *, num_classes: int, width: int = 64):
        """Initialises the weights, and the standardisation from data.

        Args:
            key: Random key.
            features: Rows ``[n, d]`` whose column means and scales standardise the input.
            num_classes: Number of classes K.
            width: Number of hidden units.
        """
        rngs = nnx.Rngs(key)
        dim = features.shape[-1]
        zeros = nnx.initializers.zeros_init()
        self.standardize = Standardize(features)
        self.linear = nnx.Linear(dim, num_classes, kernel_init=zeros, rngs=rngs)
        self.hidden = nnx.Linear(dim, width, kernel_init=nnx.initializers.he_normal(), rngs=rngs)
        self.output = nnx.Linear(width, num_classes, use_bias=False, kernel_init=zeros, rngs=rngs)

    def __call__(self, features: jax.Array, *, noise: jax.Array | None = None) -> jax.Array:
        """Logits of the classes.

        Args:
            features: Rows ``[n, d]``.
            noise: Added to the standardised rows, ``[n, d]``; None for none.

        Returns:
            Logits ``[n, K]`` in nats, float32.
        """
        rows = self.standardize(features)
        if noise is not None:
            rows = rows + noise
        return self.linear(rows) + self.output(jax.nn.relu(self.hidden(rows)))

    def fit_linear(self, features: jax.Array, labels: jax.Array, *, penalty: jax.Array, num_steps: int = 100) -> None:
        """Sets the linear part to the ridge-penalised logistic regression.

        Nesterov's accelerated gradient on a preconditioned problem: half the (penalised) second moment of
        the features bounds the curvature (Boehning, 1992), so that a unit step is safe whatever the
        correlations of the columns.

        Args:
            features: Rows ``[n, d]``.
            labels: Class labels ``[n]``.
            penalty: Ridge penalty on the standardised weights, a scalar.
            num_steps: Number of full-batch steps.
        """
        rows = self.standardize(features)
        rows = jnp.concatenate([rows, jnp.ones_like(rows[:, :1])], axis=1)
        penalties = jnp.full(rows.shape[1], penalty).at[-1].set(0.0)
        moment = 0.5 * rows.T @ rows / rows.shape[0]
        factor = jnp.linalg.cholesky(moment + jnp.diag(penalties + 1e-6))
        whitened = jax.scipy.linalg.solve_triangular(factor, rows.T, lower=True).T

        def to_weights(whitened_weights: jax.Array) -> jax.Array:
            return jax.scipy.linalg.solve_triangular(factor.T, whitened_weights, lower=False)

        def objective(whitened_weights: jax.Array) -> jax.Array:
            cross_entropy = optax.softmax_cross_entropy_with_integer_labels(whitened @ whitened_weights, labels)
            ridge = (penalties[:, None] * to_weights(whitened_weights) ** 2).sum()
            return cross_entropy.mean() + 0.5 * ridge

        optimizer = optax.sgd(1.0, momentum=0.9, nesterov=True)

        def step(carry: tuple, _: None) -> tuple:
            weights, state = carry
            updates, state = optimizer.update(jax.grad(objective)(weights), state)
            return (optax.apply_updates(weights, updates), state), None

        start = jnp.zeros((rows.shape[1], self.linear.out_features))
        (weights, _), _ = jax.lax.scan(step, (start, optimizer.init(start)), length=num_steps)
        weights = to_weights(weights)
        self.linear.kernel.set_value(weights[:-1])
        if self.linear.bias is not None:
            self.linear.bias.set_value(weights[-1])
