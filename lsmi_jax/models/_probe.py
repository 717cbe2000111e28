"""The building block of a discriminator: a small network from features to the logits of the classes."""

import jax
import jax.numpy as jnp
from flax import nnx

from lsmi_jax.decomposition import as_array, check_count
from lsmi_jax.inputs import check_key, evenly_spaced
from lsmi_jax.models._whitening import Whiten

__all__ = ["Probe"]

NUM_DRAWN = 256  # rows that the initial hidden weights are combinations of


class Probe(nnx.Module):
    """A linear classifier plus one hidden layer, on whitened features.

    The hidden weights start as random combinations of rows, which rotate with the rows. The hidden layer's
    output starts at zero, so that training starts from a linear classifier.

    Examples:
        >>> probe = Probe(jax.random.key(0), jnp.eye(3), num_classes=2)
        >>> print(probe(jnp.eye(3)).shape)
        (3, 2)
    """

    def __init__(
        self,
        key: jax.Array,
        features: jax.Array,
        weights: jax.Array | None = None,
        *,
        num_classes: int,
        width: int = 64,
    ):
        """Initializes the weights, and the whitening from data.

        Args:
            key: Random key.
            features: Rows ``[n, d]`` to whiten with, sorted by class or in random order.
            weights: Weight of each row ``[n]``; None for equal weights.
            num_classes: Number of classes K.
            width: Number of hidden units.

        Raises:
            TypeError: If the key is not a random key, or a number is not an integer.
            ValueError: If ``features`` are not ``[n, d]`` with n, d >= 1, or a number is not positive.
        """
        key, features = check_key(key), as_array("features", features)
        check_count("num_classes", num_classes, 1)
        check_count("width", width, 1)
        if features.ndim != 2 or 0 in features.shape:
            raise ValueError(f"features: expected shape [n, d] with n, d >= 1, got {features.shape}")
        size, dim = features.shape
        self.whiten = Whiten(features, weights)
        self.kernel = nnx.Param(jnp.zeros((dim, num_classes)))
        self.bias = nnx.Param(jnp.zeros(num_classes))
        rows = self.whiten(features[evenly_spaced(size, NUM_DRAWN, weights)])
        hidden = rows.T @ jax.random.normal(key, (NUM_DRAWN, width))
        # He initialization: rescaled so that hidden units have mean square 2 on the rows.
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
