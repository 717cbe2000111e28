"""The HTML report of three or more modalities together, with links to the reports of their pairs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lsmi_jax.decomposition import PARTS
from lsmi_jax.estimation import NORMAL
from lsmi_jax.reporting._page import bars, group_of, origin, write_page

__all__ = ["write_modalities_report"]


def write_modalities_report(path: Path, title: str, names: tuple[str, ...], summary: Mapping[str, Any]) -> None:
    """Writes the report of several modalities.

    Args:
        path: The file.
        title: Name of the data.
        names: Names of the modalities.
        summary: Content of ``summary.json``: means of all modalities together, and of each pair with its folder.

    Raises:
        ImportError: If jinja2 is not installed.
        OSError: If the file cannot be written.
    """
    write_page(path, "modalities.html.j2", _context(title, names, summary))


def _context(title: str, names: tuple[str, ...], summary: Mapping[str, Any]) -> dict[str, Any]:
    """Variables of the template."""
    means, (redundancy, unique, _, synergy) = summary["together"]["means"], PARTS
    kinds = [("shared", "shared", redundancy.column)]
    kinds += [(f"unique_{name}", f"unique to {name}", unique.column) for name in names]
    kinds += [("synergy", "synergy", synergy.column)]
    rows = [{"words": words, "entry": means[column]} for column, words, _ in kinds]
    information = [{"words": f"information of {name}", "entry": means[f"i_{name}"]} for name in names]
    information += [{"words": "information of all", "entry": means["i_all"]}]
    losses = zip((*names, "all"), summary["together"]["cross_entropy"], strict=True)
    return {
        "title": title,
        "names": names,
        "num_samples": summary["data"]["samples"],
        "num_classes": summary["data"]["classes"],
        "i_all": means["i_all"],
        "largest": max(rows, key=lambda row: row["entry"]["mean"] or 0),
        "bars": bars(
            [(words, color, means[column]["mean"] or 0, _interval(means[column])) for column, words, color in kinds]
        ),
        "rows": rows + information,
        "pairs": group_of("pair", summary["pairs"]),
        "losses": list(losses),
        "errors_include_fit": summary["errors_include_fit"],
        "findings": summary["findings"],
        **origin(summary),
    }


def _interval(entry: Mapping[str, float | None]) -> tuple[float | None, float | None]:
    """A 95% interval of a mean, by its standard error."""
    mean, error = entry["mean"], entry["standard_error"]
    return (None, None) if mean is None or error is None else (mean - NORMAL * error, mean + NORMAL * error)
