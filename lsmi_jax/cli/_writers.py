"""Writes the table of samples, one row per sample, and the summary."""

import csv
import io
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lsmi_jax.decomposition import INFORMATION, PARTS
from lsmi_jax.estimation import NORMAL, Estimate, Summary, added_cells
from lsmi_jax.inputs import import_extra
from lsmi_jax.storage import write_atomic

__all__ = ["check_libraries", "from_cells", "number", "summary_of", "versions", "write_json", "write_table"]

QUOTED = ("=", "+", "-", "@", "\t", "\r", "'")  # a spreadsheet runs text that begins with these, or hides the quote


def check_libraries(table_format: str, *, has_images: bool) -> None:
    """Raises ImportError if a library that writes the results is not installed."""
    import_extra("jinja2", purpose="the report", extra="cli")
    if has_images:
        import_extra("PIL.Image", purpose="--image", extra="cli")
    if table_format == "parquet":
        import_extra("pyarrow", purpose="--format parquet", extra="cli")


def versions() -> dict[str, Any]:
    """Versions of packages, and the devices."""
    packages = ("lsmi-jax", "jax", "jaxlib", "flax", "optax", "numpy")
    return {name: version(name) for name in packages} | {
        "python": platform.python_version(),
        "system": platform.platform(),
        "devices": [str(device.device_kind) for device in jax.devices()],
        "x64": bool(jax.config.jax_enable_x64),  # type: ignore[attr-defined]
    }


def write_table(path: Path, columns: dict[str, np.ndarray]) -> None:
    """Writes columns as Parquet or CSV, depending on the ending of the path.

    In CSV, a quote precedes text that a spreadsheet would run as a formula; `from_cells` removes it.
    """
    if path.suffix == ".parquet":
        arrow, parquet = (import_extra(name, purpose="Parquet", extra="cli") for name in ("pyarrow", "pyarrow.parquet"))
        table = arrow.table({name: arrow.array(values) for name, values in columns.items()})
        write_atomic(path, lambda file: parquet.write_table(table, file))
        return

    def write(file: Any) -> None:
        """Writes CSV to a binary file."""
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text)
        writer.writerow(map(_as_cell, columns))
        writer.writerows(map(_as_cell, row) for row in zip(*columns.values(), strict=True))
        text.flush()
        text.detach()

    write_atomic(path, write)


def _as_cell(value: Any) -> Any:
    """A value in a form that a spreadsheet shows and does not run."""
    return f"'{value}" if isinstance(value, str) and value.startswith(QUOTED) else value


def from_cells(values: np.ndarray) -> np.ndarray:
    """Values of a column of a CSV file that `write_table` wrote."""
    if values.dtype.kind != "U":
        return values
    return np.array([value.removeprefix("'") for value in values])


def summary_of(
    result: Estimate,
    classes: tuple[np.ndarray, np.ndarray] | None,
    means_by: dict[str, tuple[np.ndarray, np.ndarray]],
) -> dict[str, Any]:
    """Means with intervals of all samples, of each class and of each group, with diagnostics.

    Args:
        result: The estimate.
        classes: The class ``0..K-1`` of each sample, and the classes' names; None for none.
        means_by: For each of the user's columns, the part ``0..G-1`` of each sample, and the names of the parts.

    Returns:
        A dictionary for JSON, in nats. ``errors_include_fit`` is true if errors and intervals are those of sampling
        and of the fit, and false if they are of sampling only.
    """
    arrays = result.diagnostics._asdict()
    diagnostics = {name: None if value is None else np.asarray(value).tolist() for name, value in arrays.items()}
    means = {
        "overall": _both(result, None)[0] | {"added": _added(result)},
        "classes": {} if classes is None else _by_name(result, *classes),
        "by": {name: _by_name(result, *parts) for name, parts in means_by.items()},
    }
    return {
        "units": "nats",
        "diagnostics": diagnostics,
        "findings": result.findings(),
        "errors_include_fit": result.seeds is not None,
        "means": means,
    }


def _added(result: Estimate) -> dict[str, Any]:
    """What each modality adds to the other, ``I12 - I2`` and ``I12 - I1``, with intervals of 95%."""
    found = {}
    for name, (mean, error) in zip(("x1", "x2"), added_cells(result), strict=True):
        ends = {"lower": number(mean - NORMAL * error), "upper": number(mean + NORMAL * error)}
        found[name] = {"mean": number(mean), "standard_error": number(error), **ends}
    return found


def _by_name(result: Estimate, index: np.ndarray, names: np.ndarray) -> dict[str, Any]:
    """Means of each group, by its name."""
    return dict(zip(map(str, names), _both(result, index), strict=True))


def _both(result: Estimate, by: np.ndarray | None) -> list[dict[str, Any]]:
    """Raw means of each group, with the means after the paper's shift under ``adjusted``, and the ``shift``."""
    raw, adjusted = result.mean(by), result.mean(by, adjusted=True)
    constant = 0.0 if adjusted.shift is None else adjusted.shift  # the union information needs no shift
    entries, shift, zero = _entries(raw), np.ravel(np.asarray(constant))[0], adjusted.set_to_zero()
    for entry, shifted in zip(entries, _entries(adjusted), strict=True):
        entry["adjusted"] = {part.symbol: _shifted(shifted[part.symbol], part.field in zero) for part in PARTS}
        entry["shift"] = number(shift)
    return entries


def _shifted(entry: dict[str, Any], is_zero: bool) -> dict[str, Any]:
    """One shifted mean; one that the shift sets to zero is not an estimate, and has no error and no interval."""
    without = dict.fromkeys(("standard_error", "lower", "upper")) if is_zero else {}
    return entry | without | {"set_to_zero": is_zero}


def _entries(summary: Summary) -> list[dict[str, Any]]:
    """One dictionary per group."""
    arrays = {
        kind: np.stack([np.atleast_1d(values) for values in getattr(summary, kind)])
        for kind in ("mean", "standard_error", "lower", "upper")
    }
    counts = np.atleast_1d(summary.num_samples)
    return [
        {"samples": int(counts[group])}
        | {
            quantity.symbol: {kind: number(values[row, group]) for kind, values in arrays.items()}
            for row, quantity in enumerate((*PARTS, *INFORMATION))
        }
        for group in range(len(counts))
    ]


def number(value: float) -> float | None:
    """A float, or None, which is JSON's null, if it is not finite."""
    return float(value) if np.isfinite(value) else None


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a dictionary as JSON."""
    text = json.dumps(content, indent=1, default=str, allow_nan=False)
    write_atomic(path, lambda file: file.write(text.encode()))
