"""The HTML report: one file, no network, readable on a phone, in light and dark mode (extra ``[cli]``: jinja2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lsmi_jax.decomposition import KINDS, PARTS, THRESHOLD
from lsmi_jax.estimation import Estimate
from lsmi_jax.reporting._images import thumbnail
from lsmi_jax.reporting._page import bars, group_of, origin, write_page
from lsmi_jax.reporting._top_samples import TopSamples, name_modalities, top_samples

__all__ = ["Report", "write_report"]

NUM_TOP = 8
NUM_BINS = 40


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
        images: From `check_images`; None for none.
    """

    title: str
    names: tuple[str, str]
    result: Estimate
    summary: Mapping[str, Any]
    ids: np.ndarray
    labels: np.ndarray
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
    by = {"label": labels, "class": means["classes"], **means["by"]}
    views = zip((x1, x2, "both"), diagnostics["cross_entropy"], diagnostics["accuracy"], strict=True)
    return {
        "parts": PARTS,
        "words": {part.symbol: part.label.format(x1=x1, x2=x2) for part in PARTS},
        "title": report.title,
        "x1": x1,
        "x2": x2,
        "overall": overall,
        "largest": max(PARTS, key=lambda part: overall["adjusted"][part.symbol]["mean"]),
        "target": f"{len(labels)} labels" if labels else f"{len(means['classes'])} classes",
        "about": f"all {len(labels)} labels" if labels else "the label",
        "bars": _bars(overall["adjusted"]),
        "groups": [group_of(name, groups) for name, groups in by.items() if groups],
        "histograms": _histograms(report.result),
        "tops": [_top(report, top) for top in top_samples(report.result, NUM_TOP)],
        "threshold": THRESHOLD,
        "errors_include_fit": summary["errors_include_fit"],
        "has_images": report.images is not None,
        "views": [{"name": name, "loss": loss, "accuracy": accuracy} for name, loss, accuracy in views],
        "diagnostics": diagnostics,
        "findings": summary["findings"],
        **origin(summary),
    }


def _bars(means: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Bars of the parts with their intervals."""
    entries = ((part, means[part.symbol]) for part in PARTS)
    return bars([(part.symbol, part.column, e["mean"], (e["lower"], e["upper"])) for part, e in entries])


def _histograms(result: Estimate) -> list[dict[str, Any]]:
    """Histograms of the parts over a common range; heights are square roots of counts."""
    values = [np.asarray(part, float) for part in result.interactions]
    finite = np.concatenate([part[np.isfinite(part)] for part in values])
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


def _top(report: Report, top: TopSamples) -> dict[str, Any]:
    """The list of one kind; the first four kinds have the colors of the parts."""
    rows = [
        {
            "id": report.ids[row],
            "label": report.labels[row],
            "value": value,
            "image": None if report.images is None else thumbnail(report.images[row]),
        }
        for row, value in zip(top.rows, top.values, strict=True)
    ]
    color = dict(zip(KINDS, (part.column for part in PARTS), strict=False)).get(top.kind, "")
    return {
        "name": name_modalities(top.kind, report.names),
        "color": color,
        "size": top.size,
        "share": top.size / report.result.num_samples,
        "ranked_by": top.ranked_by,
        "rows": rows,
    }
