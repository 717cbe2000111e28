"""The HTML report: one file, no network, readable on a phone, in light and dark mode (extra ``[cli]``: jinja2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lsmi_jax.decomposition import INFORMATION, PARTS, THRESHOLD
from lsmi_jax.estimation import Estimate
from lsmi_jax.reporting._page import as_json, bars, group_of, origin, script_of, write_page
from lsmi_jax.reporting._report_data import sample_data

__all__ = ["Report", "write_report"]

NUM_BINS = 40
PLURALS = {"class": "classes", "bin": "bins"}


@dataclass(frozen=True)
class Report:
    """Content of a report.

    Attributes:
        title: Name of the data.
        names: Names of the two modalities.
        result: The estimate.
        summary: Content of ``summary.json`` for this estimate.
        ids: Name of each sample ``[n]``.
        labels: Label of each sample ``[n]``, as the user wrote it.
        classes: Names of the classes ``[K]``, in the order of their codes.
        groups: Group of each sample ``[n]``, by the name of the grouping.
        images: From `check_images`; None for none.
    """

    title: str
    names: tuple[str, str]
    result: Estimate
    summary: Mapping[str, Any]
    ids: np.ndarray
    labels: np.ndarray
    classes: Sequence[str] = ()
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    images: np.ndarray | None = None


def write_report(path: Path, report: Report) -> None:
    """Writes a report.

    Args:
        path: The file.
        report: Its content.

    Raises:
        ImportError: If jinja2 or, for images, Pillow is not installed.
        OSError: If the file cannot be written.
    """
    write_page(path, "report.html.j2", _context(report))


def _context(report: Report) -> dict[str, Any]:
    """Variables of the template."""
    summary, (x1, x2) = report.summary, report.names
    means, overall = summary["means"], summary["means"]["overall"]
    diagnostics, labels = summary["diagnostics"], means.get("labels", {})
    # Heading, the column that a click filters, and means of the groups.
    own = ("bin", "bin") if report.result.predictions is None else ("class", "label")
    by = [
        ("label", "", labels),
        (*own, means["classes"]),
        *((name, name, groups) for name, groups in means["by"].items()),
    ]
    views = zip((x1, x2, "both"), diagnostics["cross_entropy"], diagnostics["accuracy"], strict=True)
    return {
        "words": {part.symbol: part.label.format(x1=x1, x2=x2) for part in PARTS},
        "title": report.title,
        "x1": x1,
        "x2": x2,
        "overall": overall,
        "largest": max(PARTS, key=lambda part: overall["adjusted"][part.symbol]["mean"] or 0.0),
        "target": f"{len(labels)} labels" if labels else f"{len(means['classes'])} {PLURALS[own[0]]}",
        "about": f"all {len(labels)} labels" if labels else "the label",
        "bars": _bars(overall),
        "added": [_added(name, other, overall["added"][own]) for name, other, own in ((x2, x1, "x2"), (x1, x2, "x1"))],
        "groups": [{**group_of(name, groups, overall), "key": key} for name, key, groups in by if groups],
        "histograms": _histograms(report.result),
        "samples": as_json(_samples(report)),
        "threshold": THRESHOLD,
        "errors_include_fit": summary["errors_include_fit"],
        "views": [{"name": name, "loss": loss, "accuracy": accuracy} for name, loss, accuracy in views],
        "diagnostics": diagnostics,
        "findings": summary["findings"],
        **origin(summary),
        **script_of("report.js"),
    }


def _samples(report: Report) -> dict[str, Any]:
    """What the script of the page shows."""
    given = report.ids, report.labels, report.classes, report.groups, report.images
    return sample_data(report.result, report.names, *given)


def _bars(overall: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Bars of information and of the parts, with their intervals."""
    entries = [(quantity, overall[quantity.symbol]) for quantity in INFORMATION]
    entries += [(part, overall["adjusted"][part.symbol]) for part in PARTS]
    known = [(own, e) for own, e in entries if e["mean"] is not None]
    return bars([(own.symbol, own.column, e["mean"], (e["lower"], e["upper"])) for own, e in known])


def _added(name: str, other: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What a modality adds to the other one, and whether that is distinguishable from zero."""
    is_clear = entry["lower"] is not None and not entry["lower"] <= 0 <= entry["upper"]
    return {"name": name, "other": other, **entry, "is_clear": is_clear}


def _histograms(result: Estimate) -> list[dict[str, Any]]:
    """Histograms of the parts over a common range; heights are square roots of counts."""
    values = [np.asarray(part, float) for part in result.interactions]
    finite = np.concatenate([part[np.isfinite(part)] for part in values])
    if not finite.size:
        return []
    low, high = np.quantile(finite, [0.002, 0.998])
    edges = np.linspace(low, max(high, low + 1e-6), NUM_BINS + 1)
    step, histograms = 100 / NUM_BINS, []
    for part, samples in zip(PARTS, values, strict=True):
        counts = np.histogram(np.clip(samples[np.isfinite(samples)], low, high), edges)[0]
        heights = 90 * np.sqrt(counts / max(1, counts.max()))
        bars = [{"x": k * step, "y": 92 - h, "width": 0.8 * step, "height": h} for k, h in enumerate(heights)]
        zero = 100 * -edges[0] / (edges[-1] - edges[0]) if edges[0] < 0 < edges[-1] else None
        histograms.append({"part": part, "bars": bars, "zero": zero, "low": edges[0], "high": edges[-1]})
    return histograms
