"""Samples ranked by how typical they are of a kind, and by how suspicious their labels are."""

import jax
import numpy as np

from lsmi_jax.decomposition import KINDS, gain, kind
from lsmi_jax.inputs import to_host

__all__ = ["RANKED_BY", "ranked", "suspicious"]

HIGHEST, LOWEST = "highest first", "lowest first"
ORDERS = {
    "both know": ("the smaller of i1 and i2", HIGHEST),
    "only x1": ("i1", HIGHEST),
    "only x2": ("i2", HIGHEST),
    "only together": ("gain", HIGHEST),
    "x1 misleads": ("i1", LOWEST),
    "x2 misleads": ("i2", LOWEST),
    "none knows": ("i12", LOWEST),
}
RANKED_BY = {name: ", ".join(order) for name, order in ORDERS.items()}
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
    quantity, order = ORDERS[name]
    quantities = {"i1": i1, "i2": i2, "i12": i12, "the smaller of i1 and i2": np.minimum(i1, i2)}
    values = to_host(gain(*information)) if quantity == "gain" else quantities[quantity]
    rows = np.flatnonzero(to_host(kind(*information)) == KINDS.index(name))
    keys = np.where(np.isfinite(values[rows]), -values[rows] if order == HIGHEST else values[rows], np.inf)
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
