"""Groups ranked by the mean of one quantity, as in Table 3 of Yang et al. (2025)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lsmi_jax.decomposition import INFORMATION, PARTS, check_count, find_quantity

if TYPE_CHECKING:
    from lsmi_jax.estimation._summary import Summary

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


def top_groups(summary: "Summary", quantity: str, count: int, names: Sequence[str] | None) -> list[GroupMean]:
    """The groups of a summary with the highest means of a quantity; see `Summary.top`."""
    field = find_quantity(quantity, (*PARTS, *INFORMATION), argument="quantity").field
    check_count("count", count, 1)
    if np.ndim(summary.num_samples) != 1:
        raise ValueError("summary: expected means of groups, got those of all samples; use mean(by=labels)")
    counts = np.asarray(summary.num_samples)
    known = summary.names or names or [str(number) for number in range(len(counts))]
    if len(known) != len(counts):
        raise ValueError(f"names: expected {len(counts)} names, one per group, got {len(known)}")
    mean, lower, upper = (np.asarray(getattr(own, field)) for own in (summary.mean, summary.lower, summary.upper))
    # Groups without a finite mean are not ranked.
    ranked = [group for group in np.argsort(-mean, kind="stable") if np.isfinite(mean[group])]
    return [
        GroupMean(str(known[g]), float(mean[g]), float(lower[g]), float(upper[g]), int(counts[g]))
        for g in ranked[:count]
    ]
