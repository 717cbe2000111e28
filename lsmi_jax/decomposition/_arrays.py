"""Small helpers that every folder shares: checks of counts, dtypes, shapes and temperatures."""

import operator
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

__all__ = [
    "as_array",
    "average",
    "check_count",
    "check_floats",
    "check_positive",
    "check_several",
    "check_temperature",
    "check_type",
    "effective_size",
    "expand_like",
    "finite_rows",
    "widen",
]

TINY = float(jnp.finfo(jnp.float32).tiny)


def widen(array: jax.Array) -> jax.Array:
    """Casts half precision to float32 and leaves wider floats unchanged."""
    return array if jnp.finfo(array.dtype).bits >= 32 else array.astype(jnp.float32)


def expand_like(row: jax.Array, array: jax.Array) -> jax.Array:
    """Reshapes ``[d]`` so that it broadcasts against ``[..., d]`` without rank promotion."""
    return row.reshape((1,) * (array.ndim - 1) + row.shape)


def finite_rows(*arrays: jax.Array) -> jax.Array:
    """Which rows are finite in every array, booleans of their common shape."""
    return jnp.stack([jnp.isfinite(array) for array in arrays]).all(axis=0)


def average(values: jax.Array, weights: jax.Array | None = None) -> jax.Array:
    """Mean over the first axis, weighted; a row of weight zero may have any value.

    Args:
        values: ``[n, ...]``.
        weights: Weight of each row ``[n]``, not negative; None for equal weights.

    Returns:
        ``[...]``.
    """
    if weights is None:
        return values.mean(0)
    own = weights.reshape(-1, *[1] * (values.ndim - 1)).astype(values.dtype)
    return jnp.where(own > 0, own * values, 0).sum(0) / own.sum()


def effective_size(weights: jax.Array | None, num_rows: int) -> jax.Array | int:
    """Number of equally weighted rows whose mean would vary as much (Kish, 1965): ``(sum w)^2 / sum w^2``.

    Args:
        weights: Weight of each row ``[n]``; None for equal weights.
        num_rows: Number of rows n.

    Returns:
        A scalar; n without weights.
    """
    return num_rows if weights is None else weights.sum() ** 2 / (weights**2).sum()


def as_array(name: str, value: Any) -> jax.Array:
    """Converts numbers to an array, or raises TypeError; ``name`` is for the message."""
    try:
        return jnp.asarray(None if isinstance(value, str) else value)  # JAX would warn of a string first
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}: expected an array of numbers, got {_kind(value)}") from error


def check_type(name: str, value: Any, *kinds: type) -> None:
    """Raises TypeError unless a value is of one of the kinds; ``name`` is for the message."""
    if not isinstance(value, kinds):
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{name}: expected {expected} of lsmi_jax, got {_kind(value)}")


def _kind(value: Any) -> str:
    """Describes a value for a message."""
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):  # named ones are known by their names
        return f"a {type(value).__name__} of something else"
    return "None" if value is None else type(value).__name__


def check_several(name: str, values: Any, count: int, *, at_least: bool = False, items: str = "arrays") -> list:
    """Checks the number of items of a tuple or list.

    Args:
        name: Name of the argument, for the message.
        values: A tuple or list.
        count: The number of items.
        at_least: Whether there may be more.
        items: What they are, for the message.

    Returns:
        The items.

    Raises:
        ValueError: If it is not a tuple or list, or has another number of items.
    """
    is_sequence = isinstance(values, Sequence) and not isinstance(values, (str, bytes))
    if not is_sequence or len(values) < count or (len(values) > count and not at_least):
        got = f"{len(values)}" if is_sequence else type(values).__name__
        raise ValueError(f"{name}: expected a tuple of {'at least ' * at_least}{count} {items}, got {got}")
    return list(values)


def check_floats(**named: ArrayLike) -> list[jax.Array]:
    """Returns arrays of one shape and one dtype, at least float32; the error names the first that differs."""
    arrays = {name: as_array(name, value) for name, value in named.items()}
    first, shape = next((name, array.shape) for name, array in arrays.items())
    for name, array in arrays.items():
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError(f"{name}: expected a floating dtype, got {array.dtype}")
        if array.shape != shape:
            raise ValueError(f"{name}: expected shape {shape} as {first}, got {array.shape}")
    widened = [widen(array) for array in arrays.values()]
    widest = max((array.dtype for array in widened), key=lambda dtype: jnp.finfo(dtype).bits)
    return [array.astype(widest) for array in widened]


def check_count(name: str, value: Any, minimum: int) -> int:
    """Checks a number of things.

    Args:
        name: Name of the argument, for the message.
        value: An integer of Python, numpy or JAX.
        minimum: The smallest number that makes sense.

    Returns:
        The integer.

    Raises:
        TypeError: If the value is not an integer.
        ValueError: If it is smaller than the minimum.
    """
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an integer, got {value!r}") from None
    if isinstance(value, bool):
        raise TypeError(f"{name}: expected an integer, got {value!r}")
    if count < minimum:
        raise ValueError(f"{name}: expected at least {minimum}, got {count}")
    return count


def check_positive(name: str, value: Any) -> None:
    """Raises TypeError or ValueError unless a value is a positive, finite number; ``name`` is for the message."""
    if isinstance(value, (bool, str)):
        raise TypeError(f"{name}: expected a number, got {value!r}")
    try:
        number = float(value)
    except TypeError:
        raise TypeError(f"{name}: expected a number, got {value!r}") from None
    if not 0 < number < float("inf"):
        raise ValueError(f"{name}: expected a positive number, got {value}")


def check_temperature(temperature: ArrayLike | None) -> None:
    """Raises ValueError unless the temperature is positive; a traced value or None passes."""
    if temperature is None or isinstance(temperature, jax.core.Tracer):
        return
    if not TINY <= float(temperature) < float("inf"):  # type: ignore[arg-type]
        raise ValueError(f"temperature: expected a positive number of nats in float32, got {temperature}")
