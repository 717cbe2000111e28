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
from lsmi_jax.estimation import SET_TO_ZERO, Estimate, Summary
from lsmi_jax.inputs import import_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "COLORS",
    "NAMES",
    "plot_classes",
    "plot_layers",
    "plot_radar",
    "plot_samples",
    "plot_summary",
    "plot_training",
    "pyplot",
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
        TypeError: If ``summary`` has the wrong type.
        ValueError: If the means are those of groups.
    """
    check_type("summary", summary, Summary, Estimate)
    if isinstance(summary, Estimate):
        summary = summary.mean()
    if np.ndim(summary.num_samples):
        raise ValueError("summary: expected means of all samples together, got means by category; see plot_classes")
    ax = _axes(ax)
    mean, lower, upper = (np.asarray(jnp.stack(part)) for part in (summary.mean, summary.lower, summary.upper))
    labels = [f"{part.symbol}  {name}" for part, name in zip(PARTS, names, strict=True)]
    labels += [quantity.symbol for quantity in INFORMATION]
    whiskers = np.maximum([mean - lower, upper - mean], 0)
    zero = [place for place, part in enumerate(PARTS) if part.field in summary.set_to_zero()]
    whiskers[:, zero] = 0  # not estimates
    colors = [quantity.color for quantity in (*PARTS, *INFORMATION)]
    ax.barh(labels, mean, 0.7, xerr=whiskers, color=colors, error_kw={"elinewidth": 0.8})
    for place in zero:
        ax.annotate(SET_TO_ZERO, (0, place), (4, 0), textcoords="offset points", va="center", fontsize="small")
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
    """Mean interactions of each class, or any other category, as bars, with whiskers of two standard errors.

    Args:
        summary: Means of G classes, from `Estimate.mean`; or an estimate, with the labels in place of the names.
        class_names: Names of the G classes; None for those of the summary, or numbers if it has none. With an
            estimate, the class of each sample ``[n]``.
        ax: Axes to draw on; None for new ones.
        names: Names of the four parts for the legend.

    Returns:
        The axes.

    Raises:
        TypeError: If ``summary`` has the wrong type.
        ValueError: If the means are not by category, or there is not one name for each.
    """
    summary, given = _of_classes(summary, class_names)
    ax, position = _axes(ax), np.arange(len(given))
    for index, (name, color) in enumerate(zip(names, COLORS, strict=True)):
        mean, error = np.asarray(summary.mean[index]), np.asarray(summary.standard_error[index])
        offset = (index - 1.5) * 0.2
        ax.bar(position + offset, mean, 0.2, yerr=2 * error, color=color, label=name, error_kw={"elinewidth": 0.8})
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set_xticks(position, given)
    ax.set_ylabel("mean information (nats)")
    ax.spines[["top", "right"]].set_visible(False)
    # Above the bars, which would be covered.
    ax.legend(frameon=False, ncols=len(names), loc="lower center", bbox_to_anchor=(0.5, 1))
    return ax


def plot_radar(
    summary: Summary | Estimate,
    class_names: Sequence[str] | None = None,
    *,
    ax: "Axes | None" = None,
    names: Sequence[str] = NAMES,
) -> "Axes":
    """Mean interactions of each class, or any other category, as one polygon over the four parts.

    It shows which parts dominate in a category. Areas have no meaning. For standard errors, use `plot_classes`.

    Args:
        summary: As in `plot_classes`.
        class_names: As in `plot_classes`.
        ax: Polar axes to draw on; None for new ones.
        names: Names of the four parts.

    Returns:
        The axes.

    Raises:
        TypeError: If ``summary`` has the wrong type.
        ValueError: As `plot_classes`, or if ``ax`` are not polar.
    """
    summary, given = _of_classes(summary, class_names)
    if ax is None:
        ax = pyplot().subplots(layout="constrained", subplot_kw={"projection": "polar"})[1]
    if ax.name != "polar":
        raise ValueError(f"ax: expected polar axes, got {ax.name}")
    means = np.stack([np.asarray(part) for part in summary.mean[: len(PARTS)]], axis=1)
    angles = np.arange(len(PARTS)) * 2 * np.pi / len(PARTS)
    around = [*range(len(PARTS)), 0]  # back to the first part
    for name, values in zip(given, means, strict=True):
        (line,) = ax.plot(angles[around], values[around], label=name, linewidth=1.6)
        ax.fill(angles[around], values[around], color=line.get_color(), alpha=0.08)
    ax.set_xticks(angles, [f"{part.symbol}\n{name}" for part, name in zip(PARTS, names, strict=True)])
    ax.set_ylim(min(0.0, float(np.nanmin(means))), 1.05 * max(float(np.nanmax(means)), 1e-3))
    ax.set_title("mean information (nats)", fontsize="medium")
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.15, 0.5))
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
        TypeError: If ``interactions`` have the wrong type.
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

    Raises:
        ValueError: If there are not four names.
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
        TypeError: If ``means`` is not a `Summary`.
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


def _of_classes(summary: Summary | Estimate, class_names: Any) -> tuple[Summary, list[str]]:
    """Means of groups, and the name of each; of an estimate, by the labels in place of the names."""
    check_type("summary", summary, Summary, Estimate)
    if isinstance(summary, Estimate):
        if class_names is None:
            raise ValueError("class_names: expected the labels of the samples with an estimate, got None")
        if np.shape(class_names) != (summary.num_samples,):
            raise ValueError(
                f"class_names: expected the label of each of {summary.num_samples} samples with an estimate, "
                f"got shape {np.shape(class_names)}"
            )
        summary, class_names = summary.mean(class_names), None
    if not np.ndim(summary.num_samples):
        raise ValueError("summary: expected means by category, got means of all samples together; see plot_summary")
    count = len(summary.num_samples)
    own = summary.names or tuple(map(str, range(count))) if class_names is None else class_names
    given = own.tolist() if isinstance(own, np.ndarray) else own
    return summary, check_several("class_names", given, count, items="names")


def _axes(ax: "Axes | None") -> "Axes":
    """The given axes, or new ones."""
    return pyplot().subplots(layout="constrained")[1] if ax is None else ax


def pyplot() -> Any:
    """Matplotlib's pyplot, imported when it is needed."""
    return import_extra("matplotlib.pyplot", purpose="a plot", extra="plot")
