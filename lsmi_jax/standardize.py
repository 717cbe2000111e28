"""Column statistics that a model keeps beside its parameters, so that it can be given raw features."""

import jax
import jax.numpy as jnp
from flax import nnx

__all__ = ["Standardize", "Statistic"]

# A spread below this fraction of a column's magnitude is float32 round-off: the column is constant.
_ROUND_OFF = 1e-6


class Statistic(nnx.Variable):
    """A value measured on data once: kept with a module, never trained."""


class Standardize(nnx.Module):
    """Shift and scale of every column; a constant column becomes zero."""

    def __init__(self, features: jax.Array):
        """Measures mean and standard deviation.

        Args:
            features: Rows ``[n, d]``.
        """
        features = features.astype(jnp.float32)
        mean = features.mean(0)
        spread = features.std(0)
        self.mean = Statistic(mean)
        self.scale = Statistic(jnp.where(spread > _ROUND_OFF * jnp.abs(mean), spread, 0.0))

    def __call__(self, features: jax.Array) -> jax.Array:
        """Standardised features, ``[..., d]`` in float32."""
        scale = self.scale[...]
        inverse = jnp.where(scale > 0, 1 / jnp.where(scale > 0, scale, 1), 0)
        shifted = features.astype(jnp.float32) - _like(self.mean[...], features)
        return shifted * _like(inverse, features)


def _like(row: jax.Array, features: jax.Array) -> jax.Array:
    return row.reshape((1,) * (features.ndim - 1) + row.shape)
