"""Compares two results, sample by sample where the samples are known to be the same."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lsmi_jax.cli._readers import read
from lsmi_jax.cli._writers import from_cells
from lsmi_jax.decomposition import INFORMATION, PARTS
from lsmi_jax.storage import damage_as_value_error

__all__ = ["compare"]

COMPARED = (*PARTS, *INFORMATION)


class Results(NamedTuple):
    """What a comparison needs from a folder of results.

    Attributes:
        samples: Columns of the table, by name.
        means: Mean of each part and information in nats, and its standard error, by its symbol.
        include_fit: Whether the errors include variation between fits.
        numbered: Whether ids are row numbers.
        sha256: Checksum of the data.
    """

    samples: dict[str, np.ndarray]
    means: dict[str, tuple[float, float]]
    include_fit: bool
    numbered: bool
    sha256: str


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
        common, note = "no samples that are known to be in both", "(standard error), samples unpaired"
    else:
        common, note = f"{len(rows[0])} samples in both", "on the common samples (standard error), correlation"
    lines = [f"{common}, of {sizes[0]} and {sizes[1]}; raw means in nats, not shifted"]
    lines.append(f"{'':4s}{'first':>9s}{'second':>9s}   difference {note}")
    include_fit = rows is None and all(result.include_fit for result in results)
    return [
        *lines,
        *_parts(results, rows),
        *([] if include_fit else ["Standard errors omit variation between fits."]),
    ]


def _results(folder: Path) -> Results:
    """Reads a folder of results."""
    path = folder / "summary.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder}: expected a folder of results, got one without summary.json")
    with damage_as_value_error(f"{path}: expected a summary by this version, got a damaged file or another version"):
        summary = json.loads(path.read_text())
    if "pairs" in summary:
        own = ", ".join(str(folder / entry["folder"]) for entry in summary["pairs"].values())
        raise ValueError(f"{folder}: expected results of two modalities, such as {own}")
    with damage_as_value_error(f"{path}: expected a summary by this version, got a damaged file or another version"):
        options, overall = summary["options"], summary["means"]["overall"]
        entries = {part.symbol: overall[part.symbol] for part in COMPARED}
        means = {
            name: (_as_float(entry["mean"]), _as_float(entry["standard_error"])) for name, entry in entries.items()
        }
        is_numbered = options["ids"] is None and options.get("join") is None
        about = summary["errors_include_fit"] is True, is_numbered, str(summary["data"]["sha256"])
        table = folder / f"samples.{options['format']}"
    columns = read(table, keep_na=True)  # a sample may be called NA
    with damage_as_value_error(f"{table}: expected the columns of results, got different ones"):
        samples = {name: columns[name] for name in ("id", *(part.column for part in COMPARED))}
    if table.suffix == ".csv":
        samples["id"] = from_cells(samples["id"])
    if len(np.unique(samples["id"])) != len(samples["id"]):
        raise ValueError(f"{folder}: expected unique ids, got repeated ones")
    return Results(samples, means, *about)


def _common(first: Results, second: Results) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows of the common samples in each result; None for fewer than three."""
    if (first.numbered or second.numbered) and first.sha256 != second.sha256:
        return None
    common, *rows = np.intersect1d(first.samples["id"], second.samples["id"], return_indices=True)
    return (rows[0], rows[1]) if len(common) > 2 else None


def _parts(results: tuple[Results, Results], rows: tuple[np.ndarray, np.ndarray] | None) -> Iterator[str]:
    """One line per part, and per information."""
    for part in COMPARED:
        means, errors = zip(*(result.means[part.symbol] for result in results), strict=True)
        difference, error = means[1] - means[0], math.hypot(*errors)
        more = ""
        if rows is not None:
            first, second = (np.asarray(r.samples[part.column], float)[i] for r, i in zip(results, rows, strict=True))
            difference, error = (second - first).mean(), (second - first).std(ddof=1) / math.sqrt(len(first))
            with np.errstate(invalid="ignore"):  # a constant has no correlation: NaN
                more = f", {np.corrcoef(first, second)[0, 1]:z.2f}"
        yield f"{part.symbol:4s}{means[0]:+z9.3f}{means[1]:+z9.3f}   {difference:+z.3f} ({error:.3f}){more}"


def _as_float(value: float | None) -> float:
    """Converts JSON's null back to NaN."""
    return float("nan") if value is None else value
