"""The HTML report: one file, no network, readable on a phone, in light and dark mode (extra ``[cli]``: jinja2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from lsmi_jax.decomposition import KINDS, PARTS, THRESHOLD
from lsmi_jax.estimation import Estimate
from lsmi_jax.inputs import import_extra
from lsmi_jax.reporting._images import thumbnail
from lsmi_jax.reporting._top_samples import TopSamples, name_modalities, top_samples
from lsmi_jax.storage import write_atomic

__all__ = ["Report", "write_report"]

MAX_GROUPS = 60
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
    jinja2 = import_extra("jinja2", purpose="a report", extra="cli")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters |= {
        "number": lambda value: f"{value:z.3f}",  # z: no minus sign before zero
        "short": lambda value: f"{value:z.2f}",
        "place": lambda value: f"{value:.2f}",
    }
    template = environment.from_string(files("lsmi_jax.reporting").joinpath("template.html.j2").read_text("utf-8"))
    page = template.render(_context(report)) + "\n"
    write_atomic(path, lambda file: file.write(page.encode()))


def _context(report: Report) -> dict[str, Any]:
    """Variables of the template."""
    summary, (x1, x2) = report.summary, report.names
    means, overall = summary["means"], summary["means"]["overall"]
    diagnostics = summary["diagnostics"]
    views = zip((x1, x2, "both"), diagnostics["cross_entropy"], diagnostics["accuracy"], strict=True)
    return {
        "parts": PARTS,
        "words": {part.symbol: part.label.format(x1=x1, x2=x2) for part in PARTS},
        "title": report.title,
        "x1": x1,
        "x2": x2,
        "overall": overall,
        "largest": max(PARTS, key=lambda part: overall["adjusted"][part.symbol]["mean"]),
        "num_classes": len(means["classes"]),
        "bars": _bars(overall["adjusted"]),
        "groups": [_group(name, groups) for name, groups in (("class", means["classes"]), *means["by"].items())],
        "histograms": _histograms(report.result),
        "tops": [_top(report, top) for top in top_samples(report.result, NUM_TOP)],
        "threshold": THRESHOLD,
        "errors_include_fit": summary["errors_include_fit"],
        "has_images": report.images is not None,
        "views": [{"name": name, "loss": loss, "accuracy": accuracy} for name, loss, accuracy in views],
        "diagnostics": diagnostics,
        "findings": summary["findings"],
        "version": summary["versions"]["lsmi-jax"],
        "seed": summary["options"].get("seed"),
        "checksum": summary["data"]["sha256"][:12],
    }


def _bars(means: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Horizontal bars of the parts with their intervals, in percent of the width."""
    ends = [means[part.symbol][kind] or 0 for part in PARTS for kind in ("mean", "lower", "upper")]
    low, high = min(0, *ends), max(1e-6, *ends)

    def place(value: float) -> float:
        """Position on the axis."""
        return 100 * (value - low) / (high - low)

    bars = []
    for part in PARTS:
        entry = means[part.symbol]
        start, end = map(place, sorted((0, entry["mean"])))
        limits = {kind: None if entry[kind] is None else place(entry[kind]) for kind in ("lower", "upper")}
        bars.append({"part": part, "start": start, "width": end - start, "zero": place(0), **limits})
    return bars


def _group(name: str, groups: Mapping[str, Any]) -> dict[str, Any]:
    """Rows of a table of groups, and the length of its longest bar."""
    rows = [
        {
            "name": group,
            "samples": entry["samples"],
            "means": {part.symbol: entry["adjusted"][part.symbol]["mean"] for part in PARTS},
        }
        for group, entry in list(groups.items())[:MAX_GROUPS]
    ]
    size = max(1e-6, *(abs(mean) for row in rows for mean in row["means"].values()))
    return {"name": name, "rows": rows, "size": size, "total": len(groups)}


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
