"""Small array helpers that every folder shares: dtypes, shapes and temperatures."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

__all__ = ["check_floats", "check_temperature", "expand_like", "widen"]


def widen(array: jax.Array) -> jax.Array:
    """Casts half precision to float32 and leaves wider floats unchanged."""
    return array if jnp.finfo(array.dtype).bits >= 32 else array.astype(jnp.float32)


def expand_like(row: jax.Array, array: jax.Array) -> jax.Array:
    """Reshapes ``[d]`` so that it broadcasts against ``[..., d]`` without rank promotion."""
    return row.reshape((1,) * (array.ndim - 1) + row.shape)


def check_floats(**named: ArrayLike) -> list[jax.Array]:
    """Returns arrays of one shape and one dtype, at least float32; the error names the first that differs."""
    arrays = {name: jnp.asarray(value) for name, value in named.items()}
    first, shape = next((name, array.shape) for name, array in arrays.items())
    for name, array in arrays.items():
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError(f"{name}: expected a floating dtype, got {array.dtype}")
        if array.shape != shape:
            raise ValueError(f"{name}: expected shape {shape} as {first}, got {array.shape}")
    widened = [widen(array) for array in arrays.values()]
    widest = max((array.dtype for array in widened), key=lambda dtype: jnp.finfo(dtype).bits)
    return [array.astype(widest) for array in widened]


def check_temperature(temperature: ArrayLike | None) -> None:
    """Raises ValueError unless the temperature is positive; a traced value or None passes."""
    if temperature is None or isinstance(temperature, jax.core.Tracer):
        return
    if not float(temperature) > 0:  # type: ignore[arg-type]
        raise ValueError(f"temperature: expected a positive number, got {temperature}")
