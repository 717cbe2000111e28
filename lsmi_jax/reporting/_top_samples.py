"""The most typical samples of each kind, and what they are ranked by."""

import re
from typing import NamedTuple

import numpy as np

from lsmi_jax.decomposition import KINDS
from lsmi_jax.estimation import Estimate
from lsmi_jax.inputs import to_host

__all__ = ["TopSamples", "name_modalities", "top_samples"]

_RANKED_BY = {
    "both know": "the smaller of i1 and i2, highest first",
    "only x1": "i1, highest first",
    "only x2": "i2, highest first",
    "only together": "gain, highest first",
    "x1 misleads": "i1, lowest first",
    "x2 misleads": "i2, lowest first",
    "none knows": "i12, lowest first",
}
"""What samples of each kind are ranked by."""


class TopSamples(NamedTuple):
    """The first samples of one kind.

    Attributes:
        kind: Name of the kind, from `lsmi_jax.KINDS`.
        ranked_by: What its samples are ranked by.
        size: Number of all samples of the kind.
        rows: Indices of its first samples.
        values: What they are ranked by, in nats.
    """

    kind: str
    ranked_by: str
    size: int
    rows: np.ndarray
    values: np.ndarray


def top_samples(estimate: Estimate, count: int) -> list[TopSamples]:
    """The first samples of every kind, in the order of the kinds.

    Args:
        estimate: The estimate.
        count: Number of samples per kind; fewer where a kind has fewer.

    Returns:
        One `TopSamples` per kind. Samples without a finite value come last.
    """
    i1, i2, i12 = (to_host(i) for i in estimate.information)
    ranks = (np.minimum(i1, i2), i1, i2, to_host(estimate.gain), i1, i2, i12)
    codes, top = to_host(estimate.kind), []
    for code, (kind, values) in enumerate(zip(KINDS, ranks, strict=True)):
        rows = np.flatnonzero(codes == code)
        sign = -1 if _RANKED_BY[kind].endswith("highest first") else 1
        keys = np.where(np.isfinite(values[rows]), sign * values[rows], np.inf)
        first = rows[np.argsort(keys, kind="stable")[:count]]
        top.append(TopSamples(kind, _RANKED_BY[kind], len(rows), first, values[first]))
    return top


def name_modalities(kind: str, names: tuple[str, str]) -> str:
    """A kind with the names of the modalities in place of x1 and x2."""
    return re.sub("x[12]", lambda found: names[int(found[0][1]) - 1], kind)
