"""Samples ranked by how typical they are of a kind, and by how suspicious their labels are."""

import jax
import numpy as np

from lsmi_jax.decomposition import KINDS, gain, kind
from lsmi_jax.inputs import to_host

__all__ = ["RANKED_BY", "ranked", "suspicious"]

RANKED_BY = {
    "both know": "the smaller of i1 and i2, highest first",
    "only x1": "i1, highest first",
    "only x2": "i2, highest first",
    "only together": "gain, highest first",
    "x1 misleads": "i1, lowest first",
    "x2 misleads": "i2, lowest first",
    "none knows": "i12, lowest first",
}
"""What samples of each kind are ranked by."""


def ranked(information: tuple[jax.Array, jax.Array, jax.Array], name: str) -> np.ndarray:
    """Rows of the samples of one kind.

    Args:
        information: Pointwise information i1, i2, i12 ``[n]``, in nats.
        name: One of `lsmi_jax.KINDS`.

    Returns:
        Row indices in the order of `RANKED_BY`. Samples without a finite value come last.

    Raises:
        ValueError: If there is no such kind.
    """
    if name not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {name!r}")
    i1, i2, i12 = (to_host(i) for i in information)
    both = np.minimum(i1, i2), i1, i2, to_host(gain(*information)), i1, i2, i12
    values = dict(zip(KINDS, both, strict=True))[name]
    rows = np.flatnonzero(to_host(kind(*information)) == KINDS.index(name))
    sign = -1 if RANKED_BY[name].endswith("highest first") else 1
    keys = np.where(np.isfinite(values[rows]), sign * values[rows], np.inf)
    return rows[np.argsort(keys, kind="stable")]


def suspicious(information: tuple[jax.Array, jax.Array, jax.Array]) -> np.ndarray:
    """Rows of all samples that have an i12, lowest first.

    Args:
        information: Pointwise information i1, i2, i12 ``[n]``, in nats.

    Returns:
        Row indices.
    """
    i12 = to_host(information[2])
    rows = np.flatnonzero(~np.isnan(i12))
    return rows[np.argsort(i12[rows], kind="stable")]
