"""Plots of the images of samples (extra ``[plot]``: matplotlib)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lsmi_jax.estimation import Estimate, ranked
from lsmi_jax.reporting._plots import COLORS, NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_top_images"]


def plot_top_images(
    estimate: Estimate,
    images: np.ndarray,
    *,
    axes: Sequence["Axes"],
    count: int = 12,
    names: Sequence[str] = NAMES,
) -> Sequence["Axes"]:
    """For each part, a row of images of the samples with the highest values.

    The row of synergy holds only samples of the kind "only together", ranked by their gain: no modality knows the label
    of any of them alone. See `lsmi_jax.kind`.

    Args:
        estimate: Estimate of n samples.
        images: One gray image per sample, ``[n, height, width]``.
        axes: Four axes to draw on.
        count: Number of images per row.
        names: Names of the four parts.

    Returns:
        The axes.
    """
    for (title, top, values), color, ax in zip(_top_by_part(estimate, count, names), COLORS, axes, strict=True):
        _draw_images(images[top], values, ax, count)
        ax.set_title(title, loc="left", fontsize=10, color=color, fontweight="bold")
        for spine in ax.spines.values():
            spine.set_color(color)
    return axes


def _top_by_part(estimate: Estimate, count: int, names: Sequence[str]) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Title, rows and values of the first samples of each part; those of synergy are known only together."""
    tops = []
    for part, name in zip(estimate.interactions[:3], names, strict=False):
        values = np.asarray(part)
        rows = np.argsort(-values, kind="stable")[:count]
        tops.append((f"highest in {name}, nats below", rows, values[rows]))
    together = ranked(estimate.information, "only together")
    number = f"{len(together)} sample{'s' * (len(together) != 1)}"
    title = f"{names[3]}: known only together ({number}), by gain, nats below"
    return [*tops, (title, together[:count], np.asarray(estimate.gain)[together[:count]])]


def _draw_images(images: np.ndarray, values: np.ndarray, ax: "Axes", count: int) -> None:
    """Gray images side by side, with a value below each, and blank places up to the count."""
    ax.set_yticks([])
    ax.tick_params(length=0)
    if not len(images):
        ax.set_xticks([])
        ax.text(0.5, 0.5, "no such sample", ha="center", va="center", fontsize=9, transform=ax.transAxes)
        return
    width = images.shape[2]
    # Rows with fewer images show them at the same size.
    padded = np.pad(images, ((0, count - len(images)), (1, 1), (1, 1)))
    ax.imshow(np.concatenate(list(padded), axis=1), cmap="gray_r", aspect="equal")
    centers = np.arange(len(images)) * (width + 2) + (width + 1) / 2
    ax.set_xticks(centers, [f"{value:.1f}" for value in values], fontsize=8)
