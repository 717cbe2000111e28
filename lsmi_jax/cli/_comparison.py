"""Two results side by side, sample by sample where the samples are the same."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lsmi_jax.cli._readers import Columns, read
from lsmi_jax.decomposition import LETTERS, SYMBOLS

__all__ = ["compare"]


class Results(NamedTuple):
    """What a folder of results holds."""

    summary: dict[str, Any]
    samples: Columns


def compare(first: Path, second: Path) -> list[str]:
    """Compares the means of two results, and their samples where these are known to be the same.

    Samples are the same where their ids are, or, of the very same data, the numbers of their rows.

    Args:
        first: Folder of results.
        second: Another.

    Returns:
        Lines to print, in nats.

    Raises:
        FileNotFoundError: If a folder holds no results.
        ValueError: If samples are not named apart.
    """
    results = _results(first), _results(second)
    rows = _common(*results)
    sizes = [len(one.samples["id"]) for one in results]
    if rows is None:
        yes, words = "no samples known to be in both", "(standard error), samples unpaired"
    else:
        yes, words = f"{len(rows[0])} samples in both", "on the common samples (standard error), correlation"
    lines = [f"{yes}, of {sizes[0]} and {sizes[1]}; means in nats"]
    lines.append(f"{'':4s}{'first':>9s}{'second':>9s}   difference {words}")
    return lines + list(_parts(results, rows))


def _results(folder: Path) -> Results:
    path = folder / "summary.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder}: expected a folder of results, got one without summary.json")
    summary = json.loads(path.read_text())
    samples = read(folder / f"samples.{summary['options']['format']}")
    if len(np.unique(samples["id"])) != len(samples["id"]):
        raise ValueError(f"{folder}: expected every id once, got some twice")
    return Results(summary, samples)


def _common(first: Results, second: Results) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows of either of the samples that are in both; None for fewer than three."""
    numbered = None in (first.summary["options"]["ids"], second.summary["options"]["ids"])
    if numbered and first.summary["data"]["sha256"] != second.summary["data"]["sha256"]:
        return None
    common, *rows = np.intersect1d(first.samples["id"], second.samples["id"], return_indices=True)
    return (rows[0], rows[1]) if len(common) > 2 else None


def _parts(results: tuple[Results, Results], rows: tuple[np.ndarray, np.ndarray] | None) -> Iterator[str]:
    """A line for each of R, U1, U2 and S."""
    for letter, symbol in zip(LETTERS, SYMBOLS, strict=True):
        known = [one.summary["means"]["overall"][letter] for one in results]
        means = [_as_float(one["mean"]) for one in known]
        difference, error = means[1] - means[0], math.hypot(*(_as_float(one["standard_error"]) for one in known))
        more = ""
        if rows is not None:
            one, other = (np.asarray(of.samples[symbol], float)[index] for of, index in zip(results, rows, strict=True))
            difference, error = (other - one).mean(), (other - one).std(ddof=1) / math.sqrt(len(one))
            more = f", {np.corrcoef(one, other)[0, 1]:z.2f}"
        yield f"{letter:4s}{means[0]:+z9.3f}{means[1]:+z9.3f}   {difference:+z.3f} ({error:.3f}){more}"


def _as_float(value: float | None) -> float:
    """JSON has null for what is not finite."""
    return float("nan") if value is None else value
