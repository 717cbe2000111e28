"""Parts of a data set by how much of an interaction its samples carry."""

from collections.abc import Sequence

import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import Interactions
from lsmi_jax.placement import to_host
from lsmi_jax.result import Estimate

__all__ = ["partition"]


def partition(
    estimate: Estimate | Interactions,
    by: str = "redundancy",
    *,
    quantiles: Sequence[float] = (0.5,),
    labels: ArrayLike | None = None,
) -> tuple[np.ndarray, ...]:
    """Cuts a data set at quantiles of one interaction, as for Table 6 of Yang et al. (2025).

    Nothing is left to chance: of equal values the earlier row counts as the lower. The shift of
    `lsmi_jax.adjust` is the same for all rows and changes no part.

    Args:
        estimate: Interactions of n samples, in nats: an `lsmi_jax.Estimate`, or its raw or adjusted ones.
        by: Which interaction: a field of `lsmi_jax.Interactions`.
        quantiles: Where to cut, rising, between 0 and 1; q of them make q + 1 parts.
        labels: Class labels ``[n]``, to rank each sample among those of its class: every part then has the
            classes in the proportions of the whole, as nearly as whole rows allow. None to rank it among all.

    Returns:
        Row indices of each part, from low to high interaction, each in row order. Every row is in exactly
        one part, and ``quantile * n`` of them, rounded, are below a quantile.

    Raises:
        TypeError: If ``labels`` are not integers.
        ValueError: If ``by`` is no interaction, ``quantiles`` do not rise between 0 and 1, the interaction
            has a NaN, or ``labels`` are not ``[n]``.

    Examples:
        >>> part = np.array([0.3, 2.0, 0.1, 1.5])
        >>> interactions = Interactions(part, part, part, part)
        >>> low, high = partition(interactions, by="redundancy")
        >>> print(low, high)
        [0 2] [1 3]
        >>> low, high = partition(interactions, by="redundancy", labels=np.array([0, 1, 0, 1]))
        >>> print(low, high)
        [2 3] [0 1]
    """
    values, cuts = _values(estimate, by), _check_quantiles(quantiles)
    size = len(values)
    classes = np.zeros(size, int) if labels is None else _check_labels(labels, size)
    level = _rank_in_class(values, classes)
    order = np.lexsort((classes, level))
    ends = np.rint(cuts * size).astype(int)
    return tuple(np.sort(rows) for rows in np.split(order, ends))


def _rank_in_class(values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Rank of each value in its class, in ``(0, 1)``; of equal ones the earlier is the lower."""
    order = np.lexsort((values, classes))
    sizes = np.bincount(classes)
    starts = np.cumsum(sizes) - sizes
    rank = np.empty(len(values))
    rank[order] = (np.arange(len(values)) - starts[classes[order]] + 0.5) / sizes[classes[order]]
    return rank


def _values(estimate: Estimate | Interactions, by: str) -> np.ndarray:
    if by not in Interactions._fields:
        raise ValueError(f"by: expected one of {', '.join(Interactions._fields)}, got {by!r}")
    interactions = estimate.interactions if isinstance(estimate, Estimate) else estimate
    values = to_host(getattr(interactions, by))
    if values.ndim != 1:
        raise ValueError(f"estimate: expected a {by} of shape [n], got {values.shape}")
    if np.isnan(values).any():
        raise ValueError(f"estimate: expected a {by} of every sample, got NaN for {np.isnan(values).sum()} of them")
    return values


def _check_quantiles(quantiles: Sequence[float]) -> np.ndarray:
    cuts = np.asarray(quantiles, float)
    if cuts.ndim != 1 or not cuts.size or not (np.diff(cuts, prepend=0, append=1) > 0).all():
        raise ValueError(f"quantiles: expected numbers that rise between 0 and 1, got {quantiles}")
    return cuts


def _check_labels(labels: ArrayLike, num_samples: int) -> np.ndarray:
    classes = to_host(labels)
    if not np.issubdtype(classes.dtype, np.integer):
        raise TypeError(f"labels: expected integers, got dtype {classes.dtype}")
    if classes.shape != (num_samples,):
        raise ValueError(f"labels: expected shape ({num_samples},) as the interactions, got {classes.shape}")
    return np.unique(classes, return_inverse=True)[1]
