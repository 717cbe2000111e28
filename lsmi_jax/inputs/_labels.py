"""Class labels: encoding labels of any kind as integers, and checks."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import check_count
from lsmi_jax.inputs._sharding import to_host
from lsmi_jax.inputs._validation import named_classes, rows_of_one_length

__all__ = ["check_class_counts", "check_groups", "check_labels", "encode", "encode_labels", "is_missing"]


def encode_labels(labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Encodes labels as ``0..K-1`` in sorted order: strings, floats, booleans, or integers with gaps.

    Args:
        labels: Labels ``[n]`` of one sortable kind, without missing values. Pandas labels may have any of its types;
            the categories of a categorical keep their order, and those that do not occur are left out.

    Returns:
        Integers ``[n]``, and the classes ``[K]`` they index: ``classes[encoded]`` are the labels.

    Raises:
        TypeError: If the labels cannot be sorted, as when strings and numbers are mixed.
        ValueError: If the labels are not ``[n]`` or some are missing (NaN or None).

    Examples:
        >>> encoded, classes = encode_labels(["dog", "cat", "dog"])
        >>> print(encoded, classes)
        [1 0 1] ['cat' 'dog']
    """
    return encode("labels", labels)


def check_groups(groups: Any, num_samples: int) -> jax.Array | None:
    """Checks groups of rows that belong together, and encodes them.

    Args:
        groups: Group of each row ``[n]``, of any sortable kind; None for none.
        num_samples: Number of rows n.

    Returns:
        Groups ``[n]``, ``0..G-1``, int32, or None.

    Raises:
        TypeError: If the groups cannot be sorted.
        ValueError: If they are not ``[n]``, or some are missing.
    """
    if groups is None:
        return None
    encoded, _ = encode("groups", groups)
    if len(encoded) != num_samples:
        raise ValueError(f"groups: expected shape ({num_samples},), one for each row, got {encoded.shape}")
    return jnp.asarray(encoded)


def is_missing(values: np.ndarray) -> np.ndarray:
    """Which values ``[n]`` are missing: None and NaN.

    Args:
        values: Values ``[n]``.

    Returns:
        Booleans ``[n]``.
    """
    return np.array([value is None or value != value for value in values.tolist()], bool)


def encode(name: str, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Encodes values as `encode_labels` does.

    Args:
        name: Name of the argument, for the message.
        labels: Values ``[n]`` of any sortable kind, without missing ones.

    Returns:
        Integers ``[n]``, and the distinct values that they index.

    Raises:
        TypeError: If the values cannot be sorted.
        ValueError: If they are not ``[n]``, or some are missing.
    """
    categories = getattr(labels, "cat", labels)  # of a Series, or of the array itself
    if hasattr(categories, "categories") and hasattr(categories, "codes"):
        return _encode_categories(name, np.asarray(categories.codes), np.asarray(categories.categories))
    if hasattr(labels, "isna"):  # pandas: its missing values have no truth value
        _check_none_missing(name, int(labels.isna().sum()), len(labels))
        labels = labels.to_numpy()
    values = to_host(labels) if isinstance(labels, jax.Array) else rows_of_one_length(name, labels)
    if values.ndim != 1:
        advice = "; combine several columns into one, for example as strings" if values.ndim == 2 else ""
        raise ValueError(f"{name}: expected shape [n], got {values.shape}{advice}")
    if isinstance(labels, (list, tuple)) and values.dtype.kind in "US" and not all(isinstance(v, str) for v in labels):
        raise TypeError(f"{name}: expected values of one type, got strings mixed with other types")
    _check_none_missing(name, int(is_missing(values).sum()), len(values))
    try:
        classes, encoded = np.unique(values, return_inverse=True)
    except TypeError as error:
        raise TypeError(f"{name}: expected values that can be sorted, got dtype {values.dtype}: {error}") from None
    return encoded.astype(np.int32), classes


def _encode_categories(name: str, codes: np.ndarray, categories: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Encodes codes of categories, and leaves out categories that do not occur."""
    _check_none_missing(name, int((codes < 0).sum()), len(codes))
    occurring, encoded = np.unique(codes, return_inverse=True)
    return encoded.astype(np.int32), categories[occurring]


def _check_none_missing(name: str, missing: int, size: int) -> None:
    """Raises ValueError if values are missing."""
    if missing:
        raise ValueError(f"{name}: expected no missing values, got {missing} among {size}")


def check_labels(
    labels: ArrayLike, num_samples: int, num_classes: int | None = None, *, few_rows: bool = False
) -> tuple[jax.Array, int]:
    """Checks labels ``[n]`` in ``0..K-1``.

    Args:
        labels: Integer class labels.
        num_samples: Number of rows of the features.
        num_classes: Number of classes K; None for one more than the largest label.
        few_rows: Whether these rows are a small part of the data, which may lack classes.

    Returns:
        The labels as int32, and K.

    Raises:
        TypeError: If the labels are not integers.
        ValueError: If they are not ``[n]``, or out of range, or K is below 2.
    """
    array = to_host(labels) if isinstance(labels, jax.Array) else rows_of_one_length("labels", labels)
    if not np.issubdtype(array.dtype, np.integer):
        advice = '; target="continuous" takes numbers' if array.dtype.kind == "f" else ""
        advice += "; estimate_labels takes columns of booleans" if array.ndim == 2 and array.dtype == bool else ""
        raise TypeError(f"labels: expected integers 0..K-1, got dtype {array.dtype}; encode_labels makes them{advice}")
    if array.shape != (num_samples,):
        advice = "; estimate_labels takes columns of 0 and 1" if array.ndim == 2 and array.shape[1] > 1 else ""
        raise ValueError(f"labels: expected shape ({num_samples},) to match the features, got {array.shape}{advice}")
    if array.min() < 0:
        advice = 'pass unlabeled="use" if -1 means no label' if array.min() == -1 else "encode_labels makes them"
        raise ValueError(f"labels: expected 0..K-1, got {array.min()}; {advice}")
    count = int(array.max()) + 1 if num_classes is None else check_count("num_classes", num_classes, 1)
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


def check_class_counts(labels: ArrayLike, num_classes: int, *, minimum: int, reason: str) -> None:
    """Raises ValueError if a class has fewer than ``minimum`` samples; ``reason`` is for the message."""
    counts = np.bincount(np.asarray(labels), minlength=num_classes)
    if (counts > 0).sum() < 2:
        raise ValueError("labels: expected at least 2 classes with samples, got one")
    scarce = np.flatnonzero(counts < minimum)
    if scarce.size:
        advice = "" if counts.all() else "; encode_labels removes gaps"
        raise ValueError(
            f"labels: expected at least {minimum} samples of every class for {reason}, got too few of class "
            f"{named_classes(counts, scarce)}{advice}"
        )
