"""The demo: what two descriptors of handwritten digits share."""

import csv
import hashlib
import time
from pathlib import Path

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from lsmi_jax.cli._process import enable_compilation_cache
from lsmi_jax.cli._progress import stage_bar
from lsmi_jax.cli._writers import summary_of, versions
from lsmi_jax.datasets import MultipleFeatures, load_multiple_features
from lsmi_jax.decomposition import PARTS, Quantity, UnionInformation, decompose, minimum_information
from lsmi_jax.estimation import Estimate, Summary, estimate, stages_of, summarize
from lsmi_jax.inputs import import_extra
from lsmi_jax.reporting import Report, plot_classes, plot_top_images, write_report

__all__ = ["run_demo"]

_NAMES = ("Zernike", "Karhunen-Loeve")
_AMBIGUOUS = (6, 9)  # each is the other, rotated


def run_demo(out: Path, *, seed: int = 0) -> None:
    """Decomposes the UCI digits, prints the result, and writes it with a figure.

    Args:
        out: Folder for ``samples.csv``, ``digits.png`` and ``report.html``; created if it does not exist.
        seed: Seed of the random key.

    Raises:
        OSError: If ``out`` is not a folder.
    """
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    enable_compilation_cache()
    digits = load_multiple_features()
    x1, x2 = digits.features[:2]
    console.print(
        f"UCI Multiple Features: {len(digits.labels)} handwritten digits. x1 = {digits.names[0]} ({x1.shape[1]} "
        f"columns), blind to rotation; x2 = {digits.names[1]} ({x2.shape[1]} columns)."
    )
    start = time.perf_counter()
    stages = stages_of(("x1", "x2"), UnionInformation(), fits_discriminators=True, together=False)
    with stage_bar([*stages, "scores"]) as begin:
        result = estimate(jax.random.key(seed), (x1, x2), digits.labels, progress=begin)
    console.print(f"Out-of-fold estimate of every sample in {time.perf_counter() - start:.0f} s.")
    console.print(_table(result, digits.labels))
    for line in _story(result, digits.labels) + _diagnostics(result):
        console.print(line)
    _write_samples(out / "samples.csv", result, digits.labels)
    _draw(out / "digits.png", result, digits)
    write_report(out / "report.html", _report(result, digits, seed))
    console.print(f"Wrote samples.csv, digits.png and report.html to {out}. Open the report in a browser.")


def _report(result: Estimate, digits: MultipleFeatures, seed: int) -> Report:
    """The report of the digits, with their images."""
    labels, names = digits.labels, np.arange(10).astype(str)
    checksum = hashlib.sha256(b"".join(x.tobytes() for x in digits.features[:2])).hexdigest()
    summary = {"versions": versions(), "options": {"seed": seed}, "data": {"sha256": checksum}}
    summary |= summary_of(result, (labels, names), {})
    ids = np.array([f"digit {row}" for row in range(len(labels))])
    return Report(
        "Handwritten digits", _NAMES, result, summary, ids, names[labels], names.tolist(), images=digits.pixels
    )


def _table(result: Estimate, labels: np.ndarray) -> Table:
    """Mean parts of all digits and of each digit."""
    table = Table(title="Mean interactions in nats (standard error)")
    table.add_column("digit")
    for part in PARTS:
        table.add_column(f"{part.symbol} {_label(part)}", justify="right")
    overall, by_digit = result.mean(), result.mean(labels)
    parts = len(PARTS)
    table.add_row("all", *map(_cell, overall.mean[:parts], overall.standard_error[:parts]))
    table.add_section()
    for digit in range(10):
        cells = zip(by_digit.mean[:parts], by_digit.standard_error[:parts], strict=True)
        table.add_row(str(digit), *(_cell(m[digit], e[digit]) for m, e in cells))
    return table


def _label(part: Quantity) -> str:
    """Phrase for a part of this data set."""
    return part.label.format(x1=_NAMES[0], x2=_NAMES[1])


def _cell(mean: jax.Array, error: jax.Array) -> str:
    """A mean with its standard error."""
    return f"{float(mean):+z.3f} ({float(error):.3f})"


def _story(result: Estimate, labels: np.ndarray) -> list[str]:
    """What the two descriptors are known to differ in, and how much of it the estimate finds."""
    groups = np.isin(labels, _AMBIGUOUS).astype(int)
    least = decompose(*result.information, None, None, redundancy=minimum_information)
    union, simple = (
        _excess(summarize(result.key, parts, result.information, groups)) for parts in (result.interactions, least)
    )
    return [
        f"Rotated, a 6 is a 9: x1 cannot tell them apart and x2 can. U2 on the 6s and 9s exceeds that on the "
        f"other digits by {union} under union information, and by {simple} with the minimum of i1 and i2; "
        "one bit is ln 2 = 0.69."
    ]


def _excess(summary: Summary) -> str:
    """Difference of U2 between the two groups."""
    unique2, error = np.asarray(summary.mean.unique2), np.asarray(summary.standard_error.unique2)
    return f"{unique2[1] - unique2[0]:.2f} nats (standard error {np.hypot(*error):.2f})"


def _diagnostics(result: Estimate) -> list[str]:
    """Performance of the discriminators, and findings."""
    d = result.diagnostics
    entropies = ", ".join(f"{float(c):.3f}" for c in d.cross_entropy)
    accuracies = ", ".join(f"{float(a):.3f}" for a in d.accuracy)
    lines = [
        f"Discriminators (x1, x2, both): out-of-fold cross-entropy {entropies} nats; accuracy {accuracies}.",
    ]
    if d.single_source_fraction is not None:
        lines.append(
            f"One modality has both smaller surprisals (Eq. 5) on {float(d.single_source_fraction):.0%} of the samples."
        )
    return lines + [f"Note: {finding}" for finding in result.findings()]


def _write_samples(path: Path, result: Estimate, labels: np.ndarray) -> None:
    """Writes one row per sample."""
    columns = {"label": labels, **result.columns()}
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def _draw(path: Path, result: Estimate, digits: MultipleFeatures) -> None:
    """Mean parts of each digit, and the images with the highest values of each part."""
    figures = import_extra("matplotlib.figure", purpose="the demo", extra="demo")
    names = [f"{_label(part)} ({part.column})" for part in PARTS]
    figure = figures.Figure(figsize=(11, 8), layout="constrained")
    grid = figure.add_gridspec(5, 1, height_ratios=[3.2, 1, 1, 1, 1])
    bars = plot_classes(
        result.mean(digits.labels), [str(d) for d in range(10)], ax=figure.add_subplot(grid[0]), names=names
    )
    bars.set_xlabel("digit")
    bars.set_title("What two descriptors tell about a digit: 6 and 9 look alike to Zernike moments", loc="left")
    bars.legend(ncols=4, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.18))
    rows = [figure.add_subplot(grid[1 + part]) for part in range(4)]
    plot_top_images(result, digits.pixels, axes=rows, count=24, names=names)
    figure.savefig(path, dpi=110)
