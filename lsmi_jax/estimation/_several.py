"""Means of several estimates of the same rows, as one summary and one table."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsmi_jax.decomposition import INFORMATION, PARTS, Interactions, set_to_zero
from lsmi_jax.estimation._formatting import Overview, Row
from lsmi_jax.estimation._result import Estimate, mean_cells
from lsmi_jax.estimation._summary import Summary

__all__ = ["columns_of_means", "estimate_of", "means_of", "overview_of"]


def estimate_of(estimates: Sequence[Estimate], names: Sequence[str], which: int | str, each: str) -> Estimate:
    """The estimate at a position, or of a name; ``each`` is what the names denote, for the message."""
    if isinstance(which, int):
        return estimates[which]
    if which not in names:
        raise KeyError(f"{each}: expected one of {', '.join(names)}, got {which!r}")
    return estimates[names.index(which)]


def means_of(estimates: Sequence[Estimate], **options: Any) -> Summary:
    """Means of every estimate, stacked; ``options`` are those of `Estimate.mean`."""
    summaries = [estimate.mean(**options) for estimate in estimates]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *summaries)


def columns_of_means(estimates: Sequence[Estimate]) -> dict[tuple[str, str], np.ndarray]:
    """Raw and shifted mean parts of every estimate with their errors, in nats, by heading and symbol."""
    columns: dict[tuple[str, str], np.ndarray] = {}
    raw, shifted = means_of(estimates), means_of(estimates, adjusted=True)
    shift = jnp.zeros(len(estimates)) if shifted.shift is None else jnp.asarray(shifted.shift)
    zero = set_to_zero(Interactions(*shifted.mean[: len(PARTS)]), shift)
    errors = (jnp.where(is_zero, jnp.nan, e) for is_zero, e in zip(zero, shifted.standard_error, strict=False))
    for name, means in {
        "raw": raw.mean,
        "raw error": raw.standard_error,
        "adjusted": shifted.mean,
        "adjusted error": errors,
    }.items():
        columns |= {(name, part.symbol): np.asarray(mean) for part, mean in zip(PARTS, means, strict=False)}
    return columns


def overview_of(heading: str, names: Sequence[str], estimates: Sequence[Estimate]) -> Overview:
    """Raw means of every estimate, one row each."""
    rows = [
        Row(name, tuple(f"{cell.mean:+z.3f}" for cell in mean_cells(estimate)))
        for name, estimate in zip(names, estimates, strict=True)
    ]
    return Overview(heading, tuple(quantity.symbol for quantity in (*PARTS, *INFORMATION)), rows)
