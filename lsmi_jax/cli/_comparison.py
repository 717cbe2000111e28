"""Compares two results, sample by sample where the samples are known to be the same."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lsmi_jax.cli._readers import Columns, read
from lsmi_jax.decomposition import PARTS

__all__ = ["compare"]


class Results(NamedTuple):
    """Content of a folder of results."""

    summary: dict[str, Any]
    samples: Columns


def compare(first: Path, second: Path) -> list[str]:
    """Compares the means of two results, and their samples where these are known to be the same.

    Samples are the same if their ids are equal or, for identical data, if their row numbers are.

    Args:
        first: Folder of results.
        second: Another.

    Returns:
        Lines to print, in nats.

    Raises:
        FileNotFoundError: If a folder has no results.
        ValueError: If ids are not unique.
    """
    results = _results(first), _results(second)
    rows = _common(*results)
    sizes = [len(result.samples["id"]) for result in results]
    if rows is None:
        common, note = "no samples known to be in both", "(standard error), samples unpaired"
    else:
        common, note = f"{len(rows[0])} samples in both", "on the common samples (standard error), correlation"
    lines = [f"{common}, of {sizes[0]} and {sizes[1]}; raw means in nats, not shifted"]
    lines.append(f"{'':4s}{'first':>9s}{'second':>9s}   difference {note}")
    include_fit = rows is None and all(result.summary.get("errors_include_fit", False) for result in results)
    return [
        *lines,
        *_parts(results, rows),
        *([] if include_fit else ["Errors do not include the variation of the fits."]),
    ]


def _results(folder: Path) -> Results:
    """Reads a folder of results."""
    path = folder / "summary.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder}: expected a folder of results, got one without summary.json")
    summary = json.loads(path.read_text())
    samples = read(folder / f"samples.{summary['options']['format']}")
    if len(np.unique(samples["id"])) != len(samples["id"]):
        raise ValueError(f"{folder}: expected unique ids, got some twice")
    return Results(summary, samples)


def _common(first: Results, second: Results) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows of the common samples in each result; None for fewer than three."""
    numbered = None in (first.summary["options"]["ids"], second.summary["options"]["ids"])
    if numbered and first.summary["data"]["sha256"] != second.summary["data"]["sha256"]:
        return None
    common, *rows = np.intersect1d(first.samples["id"], second.samples["id"], return_indices=True)
    return (rows[0], rows[1]) if len(common) > 2 else None


def _parts(results: tuple[Results, Results], rows: tuple[np.ndarray, np.ndarray] | None) -> Iterator[str]:
    """One line per part."""
    for part in PARTS:
        known = [result.summary["means"]["overall"][part.symbol] for result in results]
        means = [_as_float(entry["mean"]) for entry in known]
        difference, error = means[1] - means[0], math.hypot(*(_as_float(entry["standard_error"]) for entry in known))
        more = ""
        if rows is not None:
            first, second = (np.asarray(r.samples[part.column], float)[i] for r, i in zip(results, rows, strict=True))
            difference, error = (second - first).mean(), (second - first).std(ddof=1) / math.sqrt(len(first))
            more = f", {np.corrcoef(first, second)[0, 1]:z.2f}"
        yield f"{part.symbol:4s}{means[0]:+z9.3f}{means[1]:+z9.3f}   {difference:+z.3f} ({error:.3f}){more}"


def _as_float(value: float | None) -> float:
    """Converts JSON's null back to NaN."""
    return float("nan") if value is None else value
