"""Checks of keys, features, logits and priors at the host boundary, before any work is done."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import as_array, check_several
from lsmi_jax.inputs._sharding import to_host

__all__ = [
    "check_features",
    "check_finite",
    "check_key",
    "check_log_prior",
    "check_names",
    "check_numbers",
    "check_weights",
    "named_classes",
    "rows_of_one_length",
]


def check_key(key: Any) -> jax.Array:
    """Checks a random key.

    Args:
        key: From `jax.random.key`, or a legacy key from `jax.random.PRNGKey`; may be traced.

    Returns:
        A typed key.

    Raises:
        TypeError: If it is anything else, such as an integer seed or the data.

    Examples:
        >>> check_key(jax.random.PRNGKey(0)) == jax.random.key(0)
        Array(True, dtype=bool)
    """
    if isinstance(key, jax.Array):
        if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
            return key
        if key.dtype == jnp.uint32 and key.ndim == 1:
            return jax.random.wrap_key_data(key)
    if isinstance(key, np.ndarray) and key.dtype == np.uint32 and key.ndim == 1:
        return jax.random.wrap_key_data(jnp.asarray(key))
    got = f"{key}" if isinstance(key, int) else type(key).__name__
    if hasattr(key, "dtype") and hasattr(key, "shape"):
        got = f"an array of dtype {key.dtype} and shape {key.shape}"
    raise TypeError(f"key: expected a random key such as jax.random.key(0), got {got}")


def check_features(features: Sequence[ArrayLike], *, only_two: bool = True) -> tuple[Any, ...]:
    """Checks feature blocks ``[n, d]`` of finite values.

    Args:
        features: Feature blocks of real numbers, integers or booleans.
        only_two: Whether exactly two blocks are expected, not two or more.

    Returns:
        The blocks as arrays of their own types; `pack` makes them float32.

    Raises:
        TypeError: If a block does not hold numbers.
        ValueError: If the number of blocks is wrong, a block is not 2-D, is empty, or holds NaN or inf, or
            the blocks differ in length.
    """
    blocks = check_several("features", features, 2, at_least=not only_two)
    checked = tuple(_check_block(f"features[{m}]", block) for m, block in enumerate(blocks))
    lengths = [len(block) for block in checked]
    if len(set(lengths)) > 1:
        raise ValueError(f"features: expected blocks of equal length, got {' and '.join(map(str, lengths))} rows")
    return checked


def check_log_prior(log_prior: ArrayLike, num_classes: int, labels: ArrayLike | None = None) -> jax.Array:
    """Checks a log-prior ``[K]`` whose probabilities sum to one.

    Args:
        log_prior: Log-probability of each class, in nats; ``-inf`` for a class without samples.
        num_classes: Number of classes K.
        labels: Labels of the samples ``[n]``; None if they are not known.

    Returns:
        The log-prior as a float32 array.

    Raises:
        ValueError: If the shape is wrong, the probabilities do not sum to one within 1e-3, or a class that occurs
            has probability zero.
    """
    array = np.asarray(as_array("log_prior", log_prior), dtype=np.float32)
    if array.shape != (num_classes,):
        raise ValueError(f"log_prior: expected shape ({num_classes},), got {array.shape}")
    total = np.exp(array).sum()
    if not abs(total - 1) <= 1e-3:
        raise ValueError(f"log_prior: expected probabilities that sum to 1, got a sum of {total:.6g}")
    occurring = np.unique(np.asarray([] if labels is None else labels, dtype=int))
    impossible = occurring[~np.isfinite(array[occurring])]
    if impossible.size:
        raise ValueError(f"log_prior: expected a finite value for every class that occurs, got -inf for {impossible}")
    return jnp.asarray(array)


def check_weights(weights: ArrayLike | None, num_samples: int) -> jax.Array | None:
    """Checks weights of rows, and scales them to mean one.

    Args:
        weights: Weight of each row ``[n]``, positive; None for equal weights.
        num_samples: Number of rows n.

    Returns:
        Weights ``[n]``, float32, or None.

    Raises:
        TypeError: If they are not numbers.
        ValueError: If they are not ``[n]``, or one is not positive and finite.
    """
    if weights is None:
        return None
    wide = check_numbers("weights", weights, num_samples)
    bad = int((~(np.isfinite(wide) & (wide > 0))).sum())
    if bad:
        raise ValueError(f"weights: expected positive, finite weights, got {bad} others; leave out rows of weight zero")
    return jnp.asarray(wide / wide.mean(), jnp.float32)


def check_numbers(name: str, values: ArrayLike, num_samples: int, purpose: str = "") -> np.ndarray:
    """Checks numbers of rows.

    Args:
        name: Name of the argument, for the message.
        values: Numbers ``[n]``.
        num_samples: Number of rows n.
        purpose: What they are for, for the message.

    Returns:
        The numbers ``[n]``, float64; some may not be finite.

    Raises:
        TypeError: If they are not real numbers.
        ValueError: If they are not ``[n]``.
    """
    array = to_host(values) if isinstance(values, jax.Array) else rows_of_one_length(name, values)
    if not (jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)):
        raise TypeError(f"{name}: expected real numbers{purpose}, got dtype {array.dtype}")
    if array.shape != (num_samples,):
        raise ValueError(f"{name}: expected shape ({num_samples},), one for each row, got {array.shape}")
    return array.astype(np.float64)


def named_classes(counts: np.ndarray, scarce: np.ndarray) -> str:
    """The first of some classes ``[s]`` with their counts ``[K]``, for a message."""
    named = ", ".join(f"{c} ({counts[c]})" for c in scarce[:5])
    return f"{named}{', ...' if scarce.size > 5 else ''}"


def check_finite(name: str, block: Any, expected: str = "finite values") -> None:
    """Raises ValueError if a block ``[n, d]`` holds NaN or inf."""
    bad = int(_count_not_finite(block) if isinstance(block, jax.Array) else (~np.isfinite(block)).any(axis=1).sum())
    if bad:
        raise ValueError(f"{name}: expected {expected}, got NaN or inf in {bad} of {len(block)} rows")


def _check_block(name: str, block: ArrayLike) -> Any:
    """Checks one feature block."""
    if hasattr(block, "toarray"):  # SciPy's sparse arrays
        kind = type(block).__name__
        raise TypeError(f"{name}: expected a dense array, got {kind}; use its toarray(), or a truncated SVD of it")
    if not isinstance(block, jax.Array):
        block = rows_of_one_length(name, block)
    is_real = jnp.issubdtype(block.dtype, jnp.floating) or jnp.issubdtype(block.dtype, jnp.integer)
    if not is_real and block.dtype != bool:
        raise TypeError(f"{name}: expected real numbers, got dtype {block.dtype}")
    if block.ndim != 2:
        raise ValueError(f"{name}: expected shape [n, d], got {block.shape}")
    if 0 in block.shape:
        raise ValueError(f"{name}: expected at least one row and one column, got shape {block.shape}")
    block = block.astype(np.float32) if block.dtype == bool else block
    check_finite(name, block)
    return block


def rows_of_one_length(name: str, values: Any) -> np.ndarray:
    """Converts values to a numpy array, or raises ValueError; ``name`` is for the message."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name}: expected rows of equal length, got rows of different lengths") from error


@jax.jit
def _count_not_finite(rows: jax.Array) -> jax.Array:
    """Number of rows with a NaN or inf; compiled, so that sharded rows are not moved."""
    return (~jnp.isfinite(rows)).any(axis=1).sum()


def check_names(names: Sequence[str] | None, count: int, *, prefix: str, each: str) -> tuple[str, ...]:
    """Checks names of modalities or labels.

    Args:
        names: All different; None for the prefix with numbers from 1.
        count: How many there must be.
        prefix: Beginning of the names that are made.
        each: What each is the name of, for the message.

    Returns:
        The names.

    Raises:
        ValueError: If they are not all different, or not ``count`` names.
    """
    if names is None:
        return tuple(f"{prefix}{m + 1}" for m in range(count))
    if isinstance(names, str) or len(names) != count or len(set(names)) != count:
        raise ValueError(f"names: expected {count} different names, one per {each}, got {names!r}")
    return tuple(names)
