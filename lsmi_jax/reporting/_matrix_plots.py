"""Plots of pairs of modalities as matrices (extra ``[plot]``: matplotlib)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lsmi_jax.decomposition import check_type
from lsmi_jax.estimation import Pairs
from lsmi_jax.inputs import pairs_of
from lsmi_jax.reporting._plots import COLORS, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_pairs"]


def plot_pairs(pairs: Pairs, *, ax: Sequence["Axes"] | None = None, adjusted: bool = True) -> Sequence["Axes"]:
    """Mean interactions of every pair of modalities as matrices, one panel per part.

    Redundancy and synergy have one value per pair; the diagonal of redundancy is the information of a single
    modality. Uniqueness has two values per pair: the information that is unique to the modality of the row.

    Args:
        pairs: Results of M modalities, from `lsmi_jax.estimate` or `lsmi_jax.estimate_pairs`.
        ax: Three axes to draw on; None for new ones.
        adjusted: Whether to apply the paper's shift, `lsmi_jax.adjust`; there is none with the union information.

    Returns:
        The axes.

    Raises:
        TypeError: If ``pairs`` have the wrong type.
    """
    check_type("pairs", pairs, Pairs)
    if ax is None:
        ax = pyplot().subplots(1, 3, figsize=(16, 5.5), layout="constrained")[1]
    titles = ("redundancy of both", "unique to the row", "synergy of both")
    matrices = _matrices(pairs, adjusted)
    unit = "shifted, nats" if adjusted and pairs.estimates[0].i_union is None else "nats"
    for matrix, title, color, panel in zip(matrices, titles, (COLORS[0], COLORS[1], COLORS[3]), ax, strict=True):
        _draw_matrix(matrix, pairs.names, color, panel)
        panel.set_title(f"{title} ({unit})", fontsize=10, color=color, fontweight="bold")
    return ax


def _matrices(pairs: Pairs, adjusted: bool) -> np.ndarray:
    """Redundancy, uniqueness and synergy of each pair in both orders, ``[3, M, M]``."""
    mean = pairs.means(adjusted=adjusted, num_resamples=2).mean
    matrices = np.full((3, len(pairs.names), len(pairs.names)), np.nan)
    for position, (a, b) in enumerate(pairs_of(len(pairs.names))):
        r, u1, u2, s, i1, i2, _ = (float(part[position]) for part in mean)
        matrices[:, a, b], matrices[:, b, a] = (r, u1, s), (r, u2, s)
        matrices[0, a, a], matrices[0, b, b] = i1, i2
    return matrices


def _draw_matrix(matrix: np.ndarray, names: Sequence[str], color: str, ax: "Axes") -> None:
    """A matrix with the value in each cell, darker for larger values."""
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("shades", ["white", color]).with_extremes(bad="0.93")
    ax.imshow(matrix, cmap=shades, vmin=0, vmax=max(1.3 * np.nanmax(matrix), 1e-3))
    for (row, column), value in np.ndenumerate(matrix):
        if np.isfinite(value):
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=9)
    ax.set_xticks(np.arange(len(names)), names, rotation=30, ha="right")
    ax.set_yticks(np.arange(len(names)), names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
