"""Log-densities are computed in float32 or wider, whatever comes in."""

import jax
import jax.numpy as jnp

__all__ = ["widen"]


def widen(array: jax.Array) -> jax.Array:
    """The array in float32 if it is in half precision, unchanged if it is wider."""
    return array if jnp.finfo(array.dtype).bits >= 32 else array.astype(jnp.float32)
