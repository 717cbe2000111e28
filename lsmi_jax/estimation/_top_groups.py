"""Groups ranked by the mean of one quantity, as in Table 3 of Yang et al. (2025)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lsmi_jax.decomposition import check_count

__all__ = ["GroupMean", "top_groups"]


class GroupMean(NamedTuple):
    """The mean of one quantity over a group of samples.

    Attributes:
        name: Name of the group; its number if it has none.
        mean: The mean, in nats.
        lower: Lower end of its interval.
        upper: Upper end.
        num_samples: Number of samples in the group.
    """

    name: str
    mean: float
    lower: float
    upper: float
    num_samples: int


def top_groups(
    mean: np.ndarray, lower: np.ndarray, upper: np.ndarray, counts: np.ndarray, names: Sequence[str] | None, number: int
) -> list[GroupMean]:
    """The groups with the highest means.

    Args:
        mean: Mean of each group ``[G]``, in nats; groups without a finite mean are not ranked.
        lower: Lower ends of their intervals.
        upper: Upper ends.
        counts: Numbers of samples.
        names: Names of the groups; None for their numbers.
        number: How many groups to return.

    Returns:
        A `GroupMean` of each, highest first.
    """
    check_count("count", number, 1)
    known = [str(group) for group in range(len(counts))] if names is None else names
    if len(known) != len(counts):
        raise ValueError(f"names: expected {len(counts)} names, one per group, got {len(known)}")
    ranked = [group for group in np.argsort(-mean, kind="stable") if np.isfinite(mean[group])]
    return [
        GroupMean(str(known[g]), float(mean[g]), float(lower[g]), float(upper[g]), int(counts[g]))
        for g in ranked[:number]
    ]
