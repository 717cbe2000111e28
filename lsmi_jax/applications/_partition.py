"""Partitions of a data set by the size of one interaction or of the gain."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import GAIN, PARTS, Interactions, check_type, find_quantity
from lsmi_jax.estimation import Estimate
from lsmi_jax.inputs import to_host

__all__ = ["partition"]


def partition(
    estimate: Estimate | Interactions,
    by: str = "r",
    *,
    quantiles: Sequence[float] = (0.5,),
    labels: ArrayLike | None = None,
) -> tuple[np.ndarray, ...]:
    """Splits a data set at quantiles of one interaction, or of the gain, as for Table 6 of Yang et al. (2025).

    The result is deterministic: among equal values, the earlier row ranks lower. The shift of `lsmi_jax.adjust` is
    the same for all rows, so raw and adjusted interactions give the same subsets.

    Args:
        estimate: Interactions of n samples, in nats: an `lsmi_jax.Estimate` or `lsmi_jax.Interactions`.
        by: Interaction to rank by: ``"r"``, ``"u1"``, ``"u2"`` or ``"s"``, or a field of `lsmi_jax.Interactions`
            such as ``"redundancy"``; or ``"gain"``, what both modalities add to the better one. A subset with high s
            may contain samples that one modality knows alone; `lsmi_jax.kind` shows which.
        quantiles: Where to split, increasing, between 0 and 1. There is one more subset than there are quantiles.
        labels: Class labels ``[n]``, to rank each sample within its class. Every subset then has the class
            proportions of the data set, up to rounding to whole rows. None to rank over all samples.

    Returns:
        Row indices of each subset, sorted, from the subset with the lowest interactions to the highest. Every row
            is in exactly one subset, and ``quantile * n`` rows, rounded, are below each quantile.

    Raises:
        TypeError: If ``labels`` are not integers, or ``estimate`` has the wrong type.
        ValueError: If ``by`` is not an interaction, ``quantiles`` do not increase between 0 and 1, the
            interaction has a NaN, or ``labels`` are not ``[n]``.

    Examples:
        >>> values = np.array([0.3, 2.0, 0.1, 1.5])
        >>> interactions = Interactions(values, values, values, values)
        >>> low, high = partition(interactions, by="r")
        >>> print(low, high)
        [0 2] [1 3]
        >>> low, high = partition(interactions, by="r", labels=np.array([0, 1, 0, 1]))
        >>> print(low, high)
        [2 3] [0 1]
    """
    values, cuts = _values(estimate, by), _check_quantiles(quantiles)
    size = len(values)
    classes = np.zeros(size, int) if labels is None else _check_labels(labels, size)
    # Sorting by the rank within the class interleaves the classes in proportion to their sizes.
    order = np.lexsort((classes, _rank_in_class(values, classes)))
    ends = np.rint(cuts * size).astype(int)
    return tuple(np.sort(rows) for rows in np.split(order, ends))


def _rank_in_class(values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Relative rank of each value within its class, in ``(0, 1)``; among equal values, the earlier ranks lower."""
    order = np.lexsort((values, classes))
    sizes = np.bincount(classes)
    starts = np.cumsum(sizes) - sizes
    rank = np.empty(len(values))
    rank[order] = (np.arange(len(values)) - starts[classes[order]] + 0.5) / sizes[classes[order]]
    return rank


def _values(estimate: Estimate | Interactions, by: str) -> np.ndarray:
    """The interaction to rank by, ``[n]`` without NaN."""
    field = find_quantity(by, (*PARTS, GAIN)).field
    check_type("estimate", estimate, Estimate, Interactions)
    interactions = estimate.interactions if isinstance(estimate, Estimate) else estimate
    values = to_host(_gain(interactions) if field == GAIN.field else getattr(interactions, field))
    if values.ndim != 1:
        raise ValueError(f"estimate: expected {field} of shape [n], got {values.shape}")
    if np.isnan(values).any():
        raise ValueError(f"estimate: expected {field} without NaN, got NaN for {np.isnan(values).sum()} samples")
    return values


def _gain(interactions: Interactions) -> jax.Array:
    """The gain ``i12 - max(i1, i2)``, from the parts."""
    return interactions.synergy + jnp.minimum(interactions.unique1, interactions.unique2)


def _check_quantiles(quantiles: Sequence[float]) -> np.ndarray:
    """Quantiles as an array that increases between 0 and 1."""
    cuts = np.asarray(quantiles, float)
    if cuts.ndim != 1 or not cuts.size or not (np.diff(cuts, prepend=0, append=1) > 0).all():
        raise ValueError(f"quantiles: expected increasing numbers between 0 and 1, got {quantiles}")
    return cuts


def _check_labels(labels: ArrayLike, num_samples: int) -> np.ndarray:
    """Labels encoded as ``0..K-1``; any integers are allowed."""
    classes = to_host(labels)
    if not np.issubdtype(classes.dtype, np.integer):
        raise TypeError(f"labels: expected integers, got dtype {classes.dtype}")
    if classes.shape != (num_samples,):
        raise ValueError(f"labels: expected shape ({num_samples},) to match the interactions, got {classes.shape}")
    return np.unique(classes, return_inverse=True)[1]
