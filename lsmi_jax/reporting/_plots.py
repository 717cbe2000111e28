"""Plots of interactions (extra ``[plot]``: matplotlib)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from lsmi_jax.decomposition import (
    INFORMATION,
    PARTS,
    Interactions,
    check_interactions,
    check_several,
    check_type,
)
from lsmi_jax.estimation import Estimate, Pairs, Summary
from lsmi_jax.inputs import import_extra, pairs_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "COLORS",
    "NAMES",
    "plot_classes",
    "plot_layers",
    "plot_pairs",
    "plot_samples",
    "plot_summary",
    "plot_training",
]

COLORS = tuple(part.color for part in PARTS)
"""Colors of the four parts."""

NAMES = tuple(part.name for part in PARTS)
"""Names of the four parts."""


def plot_summary(summary: Summary | Estimate, *, ax: "Axes | None" = None, names: Sequence[str] = NAMES) -> "Axes":
    """Mean interactions and information of a data set, with intervals.

    Args:
        summary: An estimate, or means of all its samples, from `Estimate.mean`.
        ax: Axes to draw on; None for new ones.
        names: Names of the four parts.

    Returns:
        The axes.

    Raises:
        TypeError: If ``summary`` is something else.
        ValueError: If the means are those of groups.
    """
    check_type("summary", summary, Summary, Estimate)
    if isinstance(summary, Estimate):
        summary = summary.mean()
    if np.ndim(summary.num_samples):
        raise ValueError("summary: expected means of all samples together, got means of groups; see plot_classes")
    ax = _axes(ax)
    mean, lower, upper = (np.asarray(jnp.stack(part)) for part in (summary.mean, summary.lower, summary.upper))
    labels = [f"{part.symbol}  {name}" for part, name in zip(PARTS, names, strict=True)]
    labels += [quantity.symbol for quantity in INFORMATION]
    whiskers = np.maximum([mean - lower, upper - mean], 0)
    ax.barh(
        labels, mean, 0.7, xerr=whiskers, color=[*COLORS, *["0.7"] * len(INFORMATION)], error_kw={"elinewidth": 0.8}
    )
    ax.invert_yaxis()
    ax.axvline(0, color="black", linewidth=0.8)
    mean_of = "mean" if summary.shift is None else f"mean, shifted by {float(summary.shift):+z.3f},"
    ax.set_xlabel(f"{mean_of} of {int(summary.num_samples)} samples (nats)")
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    return ax


def plot_classes(
    summary: Summary | Estimate,
    class_names: Sequence[str] | None = None,
    *,
    ax: "Axes | None" = None,
    names: Sequence[str] = NAMES,
) -> "Axes":
    """Mean interactions of each class, or any other group, as bars, with whiskers of two standard errors.

    Args:
        summary: Means of G classes, from `Estimate.mean`; or an estimate, with the labels in place of the names.
        class_names: Names of the G classes; None for those of the summary, or numbers if it has none. With an
            estimate, the class of each sample ``[n]``.
        ax: Axes to draw on; None for new ones.
        names: Names of the four parts for the legend.

    Returns:
        The axes.

    Raises:
        TypeError: If ``summary`` is something else.
        ValueError: If the means are not those of groups, or there is not one name for each.
    """
    check_type("summary", summary, Summary, Estimate)
    if isinstance(summary, Estimate):
        if class_names is None:
            raise ValueError("class_names: expected the labels of the samples with an estimate, got None")
        summary, class_names = summary.mean(class_names), None
    if not np.ndim(summary.num_samples):
        raise ValueError("summary: expected means of groups, got means of all samples together; see plot_summary")
    count = len(summary.num_samples)
    own = summary.names or tuple(map(str, range(count))) if class_names is None else class_names
    given = check_several("class_names", own.tolist() if isinstance(own, np.ndarray) else own, count, items="names")
    ax, position = _axes(ax), np.arange(count)
    for index, (name, color) in enumerate(zip(names, COLORS, strict=True)):
        mean, error = np.asarray(summary.mean[index]), np.asarray(summary.standard_error[index])
        offset = (index - 1.5) * 0.2
        ax.bar(position + offset, mean, 0.2, yerr=2 * error, color=color, label=name, error_kw={"elinewidth": 0.8})
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set_xticks(position, given)
    ax.set_ylabel("mean information (nats)")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    return ax


def plot_samples(
    interactions: Interactions | Estimate, *, ax: "Axes | None" = None, names: Sequence[str] = NAMES
) -> "Axes":
    """Histograms of the parts over samples, on one axis, with logarithmic counts.

    Args:
        interactions: Interactions ``[n]`` in nats, or an estimate.
        ax: Axes to draw on; None for new ones.
        names: Names of the four parts.

    Returns:
        The axes.

    Raises:
        TypeError: If ``interactions`` are something else.
    """
    if isinstance(interactions, Estimate):
        interactions = interactions.interactions
    ax, parts = _axes(ax), [np.asarray(part) for part in check_interactions(interactions)]
    bins = np.histogram_bin_edges(np.concatenate([part[np.isfinite(part)] for part in parts]), 60)
    for part, name, color in zip(parts, names, COLORS, strict=True):
        ax.hist(part, bins.tolist(), histtype="step", linewidth=1.6, color=color, label=name)
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set(yscale="log", xlabel="nats", ylabel="samples")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    return ax


def plot_training(
    steps: np.ndarray,
    tracked: Interactions,
    held_out: Interactions | None = None,
    *,
    ax: "Axes | None" = None,
    names: Sequence[str] = NAMES,
) -> "Axes":
    """Mean interactions over training; dashed lines are means of held-out samples.

    Args:
        steps: Steps or epochs ``[t]``.
        tracked: Mean interactions ``[t]`` in nats, such as a tracker's `Tracker.means`.
        held_out: Mean interactions ``[t]`` of held-out samples; None to leave them out.
        ax: Axes to draw on; None for new ones.
        names: Names of the four parts.

    Returns:
        The axes.
    """
    ax = _axes(ax)
    for name, color, values in zip(names, COLORS, tracked, strict=True):
        ax.plot(steps, np.asarray(values), color=color, label=name)
    for color, values in zip(COLORS, held_out or (), strict=False):
        ax.plot(steps, np.asarray(values), color=color, linestyle="--", linewidth=1)
    ax.set(xlabel="step", ylabel="mean interaction (nats)")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    return ax


def plot_layers(
    means: Summary,
    layer_names: Sequence[str],
    *,
    ax: "Axes | None" = None,
    names: Sequence[str] = NAMES,
) -> "Axes":
    """Mean interactions over the depth of a network, with whiskers of two standard errors; dashed: both together.

    Args:
        means: Means of L layers, from `lsmi_jax.applications.Layers.means`.
        layer_names: Names of the layers.
        ax: Axes to draw on; None for new ones.
        names: Names of the four parts.

    Returns:
        The axes.

    Raises:
        TypeError: If ``means`` are no `Summary`.
        ValueError: If they are not those of layers, or there is not one name for each.
    """
    check_type("means", means, Summary)
    if not np.ndim(means.num_samples):
        raise ValueError("means: expected those of layers, got means of one estimate; see plot_summary")
    given = check_several("layer_names", list(layer_names), len(means.num_samples), items="names")
    ax, depth = _axes(ax), np.arange(len(given))
    for name, color, part in zip(names, COLORS, PARTS, strict=True):
        values, errors = (np.asarray(getattr(own, part.field)) for own in (means.mean, means.standard_error))
        ax.errorbar(depth, values, 2 * errors, color=color, label=name, marker="o", markersize=4, elinewidth=0.8)
    total = np.asarray(means.mean.information12)
    ax.plot(depth, total, color="black", linestyle="--", linewidth=1, label="both together")
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set_xticks(depth, given)
    ax.set(xlabel="layer", ylabel="mean information (nats)")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    return ax


def plot_pairs(pairs: Pairs, *, ax: Sequence["Axes"] | None = None, adjusted: bool = True) -> Sequence["Axes"]:
    """Mean interactions of every pair of modalities as matrices, one panel per part.

    Redundancy and synergy have one value per pair; the diagonal of redundancy is the information of a single
    modality. Uniqueness has two values per pair: the information that is unique to the modality of the row.

    Args:
        pairs: Of M modalities, from `lsmi_jax.estimate_pairs`.
        ax: Three axes to draw on; None for new ones.
        adjusted: Whether to apply the paper's shift, `lsmi_jax.adjust`.

    Returns:
        The axes.

    Raises:
        TypeError: If ``pairs`` are something else.
    """
    check_type("pairs", pairs, Pairs)
    if ax is None:
        ax = _pyplot().subplots(1, 3, figsize=(16, 5.5), layout="constrained")[1]
    titles = ("redundancy of both", "unique to the row", "synergy of both")
    matrices = _matrices(pairs, adjusted)
    for matrix, title, color, panel in zip(matrices, titles, (COLORS[0], COLORS[1], COLORS[3]), ax, strict=True):
        _draw_matrix(matrix, pairs.names, color, panel)
        panel.set_title(f"{title} ({'shifted, ' if adjusted else ''}nats)", fontsize=10, color=color, fontweight="bold")
    return ax


def _axes(ax: "Axes | None") -> "Axes":
    """The given axes, or new ones."""
    return _pyplot().subplots(layout="constrained")[1] if ax is None else ax


def _pyplot() -> Any:
    """Matplotlib's pyplot, imported when it is needed."""
    return import_extra("matplotlib.pyplot", purpose="a plot", extra="plot")


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
