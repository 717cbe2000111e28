"""What is written: one row a sample, and a summary with all that the numbers follow from."""

import csv
import io
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lsmi_jax.storage import write_whole
from lsmi_jax.estimation import Estimate
from lsmi_jax.storage import pyarrow
from lsmi_jax.estimation import Summary

__all__ = ["QUANTITIES", "summary_of", "versions", "write_json", "write_table"]

QUANTITIES = ("R", "U1", "U2", "S", "I1", "I2", "I12")


def versions() -> dict[str, Any]:
    """What computed, and on what."""
    packages = ("lsmi-jax", "jax", "jaxlib", "flax", "optax", "numpy")
    return {name: version(name) for name in packages} | {
        "python": platform.python_version(),
        "system": platform.platform(),
        "devices": [str(device.device_kind) for device in jax.devices()],
        "x64": bool(jax.config.values["jax_enable_x64"]),
    }


def write_table(path: Path, columns: dict[str, np.ndarray]) -> None:
    """Writes columns as Parquet or CSV, by the ending of the path."""
    if path.suffix == ".parquet":
        arrow, parquet = pyarrow()
        table = arrow.table({name: arrow.array(values) for name, values in columns.items()})
        write_whole(path, lambda file: parquet.write_table(table, file))
        return

    def write(file: Any) -> None:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        text.flush()
        text.detach()

    write_whole(path, write)


def summary_of(
    result: Estimate, classes: tuple[np.ndarray, np.ndarray], groups: dict[str, tuple[np.ndarray, np.ndarray]]
) -> dict[str, Any]:
    """Means with intervals, of all, of each class and of each group, and how far to trust them.

    Args:
        result: The estimate.
        classes: The class ``0..K-1`` of each sample, and the classes' names.
        groups: For each grouping, the group ``0..G-1`` of each sample, and the groups' names.

    Returns:
        What JSON can hold, in nats.
    """
    arrays = result.diagnostics._asdict()
    diagnostics = {name: None if value is None else np.asarray(value).tolist() for name, value in arrays.items()}
    means = {
        "overall": _both(result, None)[0],
        "classes": _by_name(result, *classes),
        "groups": {name: _by_name(result, *grouping) for name, grouping in groups.items()},
    }
    return {"units": "nats", "diagnostics": diagnostics, "findings": result.diagnostics.findings(), "means": means}


def _by_name(result: Estimate, index: np.ndarray, names: np.ndarray) -> dict[str, Any]:
    return dict(zip(map(str, names), _both(result, index), strict=True))


def _both(result: Estimate, groups: np.ndarray | None) -> list[dict[str, Any]]:
    """Raw means, and under ``adjusted`` those of the interactions after the paper's shift."""
    raw, adjusted = (_entries(result.mean(groups, adjusted=kind)) for kind in (False, True))
    for one, other in zip(raw, adjusted, strict=True):
        one["adjusted"] = {name: other[name] for name in QUANTITIES[:4]}
    return raw


def _entries(summary: Summary) -> list[dict[str, Any]]:
    """One dictionary a group."""
    arrays = {
        kind: np.stack([np.atleast_1d(one) for one in getattr(summary, kind)])
        for kind in ("mean", "standard_error", "lower", "upper")
    }
    counts = np.atleast_1d(summary.num_samples)
    return [
        {"samples": int(counts[group])}
        | {
            name: {kind: _number(values[row, group]) for kind, values in arrays.items()}
            for row, name in enumerate(QUANTITIES)
        }
        for group in range(len(counts))
    ]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a dictionary, NaN as null."""
    text = json.dumps(content, indent=1, default=str, allow_nan=False)
    write_whole(path, lambda file: file.write(text.encode()))
