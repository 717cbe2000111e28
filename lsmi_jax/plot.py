"""Pictures of interactions (extra ``[plot]``: matplotlib)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lsmi_jax.decomposition import Interactions
from lsmi_jax.estimator import pairs_of
from lsmi_jax.pairs import Pairs
from lsmi_jax.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COLORS", "NAMES", "plot_groups", "plot_pairs", "plot_top_images"]

NAMES = ("redundancy", "unique 1", "unique 2", "synergy")
"""Names of the four parts, in the order of `Interactions`."""

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
"""One colour a part, everywhere; Okabe & Ito's palette, safe for colour-blind readers."""


def plot_groups(summary: Summary, group_names: Sequence[str], *, ax: "Axes", names: Sequence[str] = NAMES) -> "Axes":
    """Mean interactions of each group as bars, with whiskers of two standard errors.

    Args:
        summary: Means of G groups, from `Estimate.mean`.
        group_names: Names of the groups, G of them.
        ax: Axes to draw on.
        names: Names of the four parts for the legend.

    Returns:
        The axes.
    """
    position = np.arange(len(group_names))
    for index, (name, color) in enumerate(zip(names, COLORS, strict=True)):
        mean, error = np.asarray(summary.mean[index]), np.asarray(summary.standard_error[index])
        offset = (index - 1.5) * 0.2
        ax.bar(position + offset, mean, 0.2, yerr=2 * error, color=color, label=name, error_kw={"elinewidth": 0.8})
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set_xticks(position, group_names)
    ax.set_ylabel("mean information (nats)")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def plot_pairs(pairs: Pairs, *, axes: Sequence["Axes"], adjusted: bool = True) -> Sequence["Axes"]:
    """Mean interactions of every pair of modalities as matrices, a panel for each part.

    Redundancy and synergy have one value a pair; on the diagonal of redundancy is what a modality says of the label
    by itself. Uniqueness has two: what the modality of the row says that that of the column does not.

    Args:
        pairs: Of M modalities, from `lsmi_jax.estimate_pairs`.
        axes: Three axes to draw on.
        adjusted: Whether the means are those after the paper's shift, `lsmi_jax.adjust`.

    Returns:
        The axes.
    """
    titles = ("redundancy of both", "unique to the row, beside the column", "synergy of both")
    matrices = _matrices(pairs, adjusted)
    for matrix, title, color, ax in zip(matrices, titles, (COLORS[0], COLORS[1], COLORS[3]), axes, strict=True):
        _draw_matrix(matrix, pairs.names, color, ax)
        ax.set_title(f"{title} (nats)", fontsize=10, color=color, fontweight="bold")
    return axes


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
    """Cells as dark as their value is large, with the value."""
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


def plot_top_images(
    interactions: Interactions,
    images: np.ndarray,
    *,
    axes: Sequence["Axes"],
    count: int = 12,
    names: Sequence[str] = NAMES,
) -> Sequence["Axes"]:
    """For each part, the images of the samples that rank highest in it, in a row.

    Args:
        interactions: Interactions ``[n]`` in nats.
        images: One grey image a sample, ``[n, height, width]``.
        axes: Four axes to draw on.
        count: Number of images in a row.
        names: Names of the four parts.

    Returns:
        The axes.
    """
    width = images.shape[2]
    for part, name, color, ax in zip(interactions, names, COLORS, axes, strict=True):
        values = np.asarray(part)
        top = np.argsort(-values, kind="stable")[:count]
        padded = np.pad(images[top], ((0, 0), (1, 1), (1, 1)))
        ax.imshow(np.concatenate(list(padded), axis=1), cmap="gray_r", aspect="equal")
        centres = np.arange(len(top)) * (width + 2) + (width + 1) / 2
        ax.set_xticks(centres, [f"{values[i]:.1f}" for i in top], fontsize=8)
        ax.set_yticks([])
        ax.tick_params(length=0)
        ax.set_title(f"highest in {name}, nats below", loc="left", fontsize=10, color=color, fontweight="bold")
        for spine in ax.spines.values():
            spine.set_color(color)
    return axes
