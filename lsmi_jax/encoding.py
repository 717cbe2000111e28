"""Labels of any kind as the integers that everything else takes."""

import numpy as np
from jax.typing import ArrayLike

__all__ = ["encode_labels"]


def encode_labels(labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Numbers labels ``0..K-1`` in sorted order: strings, floats, or integers with gaps.

    Args:
        labels: Labels ``[n]`` of one sortable kind, without missing values.

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
    values = np.asarray(labels)
    if isinstance(labels, (list, tuple)) and values.dtype.kind in "US" and not all(isinstance(v, str) for v in labels):
        raise TypeError("labels: expected one kind of value, got strings among others")
    if values.ndim != 1:
        raise ValueError(f"labels: expected shape [n], got {values.shape}")
    missing = sum(value is None or value != value for value in values.tolist())
    if missing:
        raise ValueError(f"labels: expected no missing values, got {missing} among {len(values)}")
    try:
        classes, encoded = np.unique(values, return_inverse=True)
    except TypeError as error:
        raise TypeError(f"labels: expected values that can be sorted, got dtype {values.dtype}: {error}") from None
    return encoded.astype(np.int32), classes
