"""A run: its data, labels and options, and the files that it writes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import lsmi_jax
from lsmi_jax.cli._inputs import Inputs
from lsmi_jax.cli._labels import Labels
from lsmi_jax.cli._options import OutputOptions, modality_names
from lsmi_jax.cli._readers import checksum
from lsmi_jax.cli._writers import summary_of, versions, write_json, write_table
from lsmi_jax.decomposition import INFORMATION, PARTS, PREDICTED
from lsmi_jax.estimation import (
    LABELS,
    MEAN_COLUMNS,
    SET_TO_ZERO,
    WITHOUT_FIT,
    Estimate,
    Overview,
    Row,
    shift_note,
    told_apart,
)
from lsmi_jax.inputs import pack
from lsmi_jax.reporting import Report, write_report

__all__ = ["Run", "print_summary"]


@dataclass(frozen=True)
class Run:
    """What the files of a run contain, apart from its result.

    Attributes:
        arrays: The data.
        labels: Labels of the samples, and the names of their classes.
        out: The folder of results.
        results: Options of the files.
        options: All options, for the summary.
    """

    arrays: Inputs
    labels: Labels
    out: Path
    results: OutputOptions
    options: dict[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the modalities, from the values of their options."""
        return modality_names([self.options[f"x{m + 1}"] for m in range(self.arrays.num_modalities)])

    @property
    def title(self) -> str:
        """Names of the files of data."""
        return " and ".join(path.name or str(path) for path in self.arrays.paths)

    def means_by(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """The columns of ``--means-by`` as parts ``0..G-1`` of the samples, and the names of these."""
        return {name: lsmi_jax.encode_labels(values) for name, values in self.arrays.means_by.items()}

    def described(self) -> dict[str, Any]:
        """Versions, options, and a description of the data, for the summary."""
        paths = self.arrays.paths
        data = {
            "path": ", ".join(map(str, paths)),
            "sha256": checksum(*paths),
            "samples": len(self.labels.codes),
            "classes": len(self.labels.names),
            "columns": self.arrays.columns,
        }
        return {"versions": versions(), "options": self.options, "data": data}

    def told_apart(self) -> list[str]:
        """Findings about the user's columns whose rows belong together."""
        arrays = self.arrays
        if arrays.groups is not None or arrays.features is None or self.options["command"] != "estimate":
            return []
        data = pack(arrays.features, self.labels.codes, missing=self.options["missing"], unlabeled="use")
        return told_apart(data, {name: index for name, (index, _) in self.means_by().items()}, self.names)

    def write(self, result: Estimate) -> dict[str, Any]:
        """Writes the table, the summary and the report; returns the summary."""
        # A sample without a label is NaN, and counts in no class.
        classes = (np.maximum(self.labels.codes, 0), self.labels.names)
        summary = self.described() | summary_of(result, classes, self.means_by())
        summary["findings"] += self.told_apart()
        self.write_samples(self._named(result.columns()))
        write_json(self.out / "summary.json", summary)
        write_report(self.out / "report.html", self.report(result, summary))
        return summary

    def report(self, result: Estimate, summary: dict[str, Any]) -> Report:
        """The report of two modalities."""
        arrays, names = self.arrays, (self.names[0], self.names[1])
        classes, groups = [str(name) for name in self.labels.names], dict(arrays.means_by)
        if result.predictions is None and summary["means"]["classes"]:  # a continuous target, in bins
            groups = {"bin": np.array([*classes, "none"])[self.labels.codes], **groups}
        known = result, summary, arrays.ids, arrays.labels, classes, groups, arrays.images
        return Report(self.title, names, *known)

    def _named(self, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Columns with the names of predicted classes in place of their codes; none where a modality is missing."""
        names = np.array([*map(str, self.labels.names), ""])
        return {name: names[values] if name.startswith(PREDICTED) else values for name, values in columns.items()}

    def write_samples(self, columns: dict[str, np.ndarray]) -> None:
        """Writes the table of samples: ids, labels and the user's columns, then the results."""
        out, arrays = self.out, self.arrays
        given = {"id": arrays.ids, "label": arrays.labels, **arrays.means_by}
        write_table(out / f"samples.{self.results.format}", given | columns)
        for other in {"parquet", "csv"} - {self.results.format}:  # of an earlier run, whose summary is replaced too
            (out / f"samples.{other}").unlink(missing_ok=True)


def print_summary(results: OutputOptions, summary: dict[str, Any], notes: list[str]) -> None:
    """Prints means, findings and the names of the files.

    Args:
        results: Options of the files.
        summary: Content of ``summary.json``.
        notes: What the user may not expect of the data.
    """
    overall = summary["means"]["overall"]
    is_shifted = bool(overall["shift"])
    header = (*MEAN_COLUMNS, *(["shifted mean"] if is_shifted else []))
    rows = []
    for quantity in (*PARTS, *INFORMATION):
        entry, shifted = overall[quantity.symbol], overall["adjusted"].get(quantity.symbol)
        values = [_number(entry["mean"]), _number(entry["standard_error"], sign=""), _interval(entry)]
        if is_shifted and shifted is not None:
            values.append(SET_TO_ZERO if shifted["set_to_zero"] else _number(shifted["mean"]))
        rows.append(Row(LABELS[quantity.field], tuple(values)))
    notes = [*notes, *([shift_note(overall["shift"])] if is_shifted else [])]
    notes += [*([] if summary["errors_include_fit"] else [WITHOUT_FIT]), *summary["findings"]]
    print(Overview(f"{overall['samples']} samples: means in nats, 95% intervals", header, rows, notes).as_text())
    print(f"Wrote samples.{results.format}, summary.json and report.html to {results.out}.")


def _number(value: float | None, sign: str = "+") -> str:
    """A mean or an error as text; it is unknown if there is no sample."""
    return "unknown" if value is None else f"{value:{sign}z.3f}"


def _interval(entry: dict[str, Any]) -> str:
    """An interval as text."""
    return "unknown" if entry["lower"] is None else f"{_number(entry['lower'])} to {_number(entry['upper'])}"
