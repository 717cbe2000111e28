"""Checks at the host boundary: what a user passed, before any work is done."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.placement import to_host

__all__ = ["check_class_counts", "check_features", "check_labels", "check_log_prior", "check_logits", "check_no_logits"]


def check_features(features: Sequence[ArrayLike], *, only_two: bool = True) -> tuple[jax.Array, ...]:
    """Float32 blocks ``[n, d]`` of finite values.

    Args:
        features: Feature blocks of real numbers, integers or booleans.
        only_two: Whether there must be exactly two, not two or more.

    Returns:
        The blocks as float32 arrays.

    Raises:
        TypeError: If a block does not hold numbers.
        ValueError: If there are not as many blocks, or a block is not 2-D, is empty, or holds NaN or inf, or
            the blocks differ in length.
    """
    blocks = _several(features, "features", 2, at_least=not only_two)
    checked = tuple(_check_block(f"features[{m}]", block) for m, block in enumerate(blocks))
    lengths = [len(block) for block in checked]
    if len(set(lengths)) > 1:
        raise ValueError(f"features: expected blocks of one length, got {' and '.join(map(str, lengths))} rows")
    return checked


def check_labels(
    labels: ArrayLike, num_samples: int, num_classes: int | None = None, *, few_rows: bool = False
) -> tuple[jax.Array, int]:
    """Labels ``[n]`` in ``0..K-1``, and K.

    Args:
        labels: Integer class labels.
        num_samples: Number of rows of the features.
        num_classes: Number of classes K; None for one more than the largest label.
        few_rows: Whether these are a few rows of many, which need not hold two classes.

    Returns:
        The labels as int32, and K.

    Raises:
        TypeError: If the labels are not integers.
        ValueError: If they are not ``[n]``, or out of range, or K is below 2.
    """
    array = to_host(labels)
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"labels: expected integers 0..K-1, got dtype {array.dtype}; encode_labels makes them")
    if array.shape != (num_samples,):
        raise ValueError(f"labels: expected shape ({num_samples},) to match the features, got {array.shape}")
    if array.min() < 0:
        raise ValueError(f"labels: expected 0..K-1, got {array.min()}; encode_labels makes them")
    count = int(array.max()) + 1 if num_classes is None else int(num_classes)
    if num_classes is None and count > num_samples and not few_rows:
        raise ValueError(
            f"labels: expected 0..K-1 without gaps, got {array.max()} among {num_samples} samples; "
            "encode_labels removes gaps"
        )
    if count < 2 and not few_rows:
        raise ValueError(f"labels: expected at least 2 classes, got {count}")
    if array.max() >= count:
        raise ValueError(f"labels: expected 0..{count - 1} for num_classes={count}, got {array.max()}")
    return jnp.asarray(array, dtype=jnp.int32), count


def check_class_counts(labels: jax.Array, num_classes: int, *, minimum: int, reason: str) -> None:
    """Every class has enough samples.

    Args:
        labels: Class labels ``[n]`` in ``0..K-1``.
        num_classes: Number of classes K.
        minimum: Least number of samples of a class.
        reason: What needs them, for the message.

    Raises:
        ValueError: If a class has fewer.
    """
    counts = np.bincount(np.asarray(labels), minlength=num_classes)
    if (counts > 0).sum() < 2:
        raise ValueError("labels: expected at least 2 classes with samples, got one")
    scarce = np.flatnonzero(counts < minimum)
    if scarce.size:
        named = ", ".join(f"{c} ({counts[c]})" for c in scarce[:5])
        raise ValueError(
            f"labels: expected at least {minimum} samples of every class for {reason}, got too few of class "
            f"{named}{', ...' if scarce.size > 5 else ''}{'; encode_labels removes gaps' if not counts.all() else ''}"
        )


def check_logits(
    logits: Sequence[ArrayLike], num_samples: int, num_classes: int, count: int = 3
) -> tuple[jax.Array, ...]:
    """Sets of logits ``[n, K]``: of each modality, then of each pair.

    Args:
        logits: Arrays of floats; ``-inf`` is allowed, for a class that is ruled out.
        num_samples: Number of rows n.
        num_classes: Number of classes K.
        count: Number of sets: three for two modalities.

    Returns:
        The logits as float32 arrays.

    Raises:
        TypeError: If they are not floats.
        ValueError: If there are not as many, or a shape is wrong, or a value is NaN or +inf.
    """
    checked = []
    for m, one in enumerate(_several(logits, "logits", count)):
        name, array = f"logits[{m}]", jnp.asarray(one)
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError(f"{name}: expected a floating dtype, got {array.dtype}")
        if array.shape != (num_samples, num_classes):
            raise ValueError(f"{name}: expected shape ({num_samples}, {num_classes}), got {array.shape}")
        bad = int((jnp.isnan(array) | (array == jnp.inf)).any(axis=1).sum())
        if bad:
            raise ValueError(f"{name}: expected no NaN and no +inf, got some in {bad} of {num_samples} rows")
        checked.append(array.astype(jnp.float32))
    return tuple(checked)


def check_no_logits(logits: object) -> None:
    """Batches carry their own logits.

    Args:
        logits: What was passed beside batches.

    Raises:
        ValueError: If that is anything.
    """
    if logits is not None:
        raise ValueError("logits: expected none beside batches, got some: make a batch (features, labels, logits)")


def check_log_prior(log_prior: ArrayLike, num_classes: int) -> jax.Array:
    """Log-prior ``[K]`` that sums to one.

    Args:
        log_prior: Log-probability of each class, in nats.
        num_classes: Number of classes K.

    Returns:
        The log-prior as a float32 array.

    Raises:
        ValueError: If the shape is wrong or the probabilities do not sum to one within 1e-3.
    """
    array = np.asarray(log_prior, dtype=np.float32)
    if array.shape != (num_classes,):
        raise ValueError(f"log_prior: expected shape ({num_classes},), got {array.shape}")
    total = np.exp(array).sum()
    if not abs(total - 1) <= 1e-3:
        raise ValueError(f"log_prior: expected probabilities that sum to 1, got a sum of {total:.6g}")
    return jnp.asarray(array)


def _several(values: Any, name: str, count: int, *, at_least: bool = False) -> list:
    if not isinstance(values, Sequence) or len(values) < count or (len(values) > count and not at_least):
        got = f"{len(values)}" if isinstance(values, Sequence) else type(values).__name__
        raise ValueError(f"{name}: expected a tuple of {'at least ' * at_least}{count} arrays, got {got}")
    return list(values)


def _check_block(name: str, block: ArrayLike) -> jax.Array:
    if not isinstance(block, jax.Array):
        block = np.asarray(block)
    is_real = jnp.issubdtype(block.dtype, jnp.floating) or jnp.issubdtype(block.dtype, jnp.integer)
    if not is_real and block.dtype != bool:
        raise TypeError(f"{name}: expected real numbers, got dtype {block.dtype}")
    if block.ndim != 2:
        raise ValueError(f"{name}: expected shape [n, d], got {block.shape}")
    if 0 in block.shape:
        raise ValueError(f"{name}: expected at least one row and one column, got shape {block.shape}")
    with np.errstate(over="ignore"):
        array = block.astype(np.float32)
    bad = int(_count_not_finite(array) if isinstance(array, jax.Array) else (~np.isfinite(array)).any(axis=1).sum())
    if bad:
        raise ValueError(f"{name}: expected finite float32 values, got NaN or inf in {bad} of {len(array)} rows")
    return jnp.asarray(array)


@jax.jit
def _count_not_finite(rows: jax.Array) -> jax.Array:
    return (~jnp.isfinite(rows)).any(axis=1).sum()
