"""Runs with several results: one for each pair of modalities or for each label, in folders of their own."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lsmi_jax.cli._inputs import Inputs
from lsmi_jax.cli._labels import Labels
from lsmi_jax.cli._options import OutputOptions
from lsmi_jax.cli._results import Run
from lsmi_jax.cli._writers import number, summary_of, write_json
from lsmi_jax.estimation import WITHOUT_FIT, Pairs
from lsmi_jax.estimation import Labels as EstimatedLabels
from lsmi_jax.inputs import pairs_of
from lsmi_jax.reporting import write_modalities_report, write_report

__all__ = ["LABELS", "PAIRS", "print_several", "write_labels", "write_pairs"]

LABELS, PAIRS = "labels", "pairs"
"""Folders of the results of each label and of each pair."""
MOST_NAMED = 3  # of those with the same finding


def write_pairs(run: Run, pairs: Pairs) -> dict[str, Any]:
    """Writes what all modalities say together, and the results of each pair.

    Args:
        run: The run, of three or more modalities.
        pairs: Its results.

    Returns:
        The summary: means of all modalities under ``together``, of each pair under ``pairs``.
    """
    assert pairs.together is not None
    names = [f"{first} and {second}" for first, second in pairs.pairs]
    folders = _folders(run, PAIRS, [f"{first}-{second}" for first, second in pairs.pairs])
    summaries = {}
    for name, folder, (a, b), result in zip(names, folders, pairs_of(len(pairs.names)), pairs.estimates, strict=True):
        given = {option: None for option in run.options if re.fullmatch(r"x\d", option)}
        given |= {f"x{m}": run.options[f"x{place + 1}"] for m, place in ((1, a), (2, b))}
        arrays = _of_pair(run.arrays, a, b)
        own = replace(run, arrays=arrays, out=run.out / folder, options=run.options | given)
        summaries[name] = own.write(result)
    together = pairs.together
    means = {
        name: {"mean": number(mean), "standard_error": number(error)} for name, (mean, error) in together.mean().items()
    }
    summary = run.described() | {
        "units": "nats",
        "together": {"means": means, "cross_entropy": [number(loss) for loss in together.cross_entropy.tolist()]},
        "pairs": _means_of(summaries, folders),
        "errors_include_fit": together.seeds is not None,
        "findings": _findings_of(summaries),
    }
    run.write_samples(together.columns())
    write_json(run.out / "summary.json", summary)
    write_modalities_report(run.out / "report.html", run.title, pairs.names, summary)
    return summary


def write_labels(run: Run, labels: EstimatedLabels) -> dict[str, Any]:
    """Writes the sums over all labels, and the results of each label.

    Args:
        run: The run, of several labels.
        labels: Its results.

    Returns:
        The summary of the sums, with the means of each label under ``means``.
    """
    folders = _folders(run, LABELS, labels.names)
    columns, summaries = np.asarray(run.arrays.labels), {}
    for name, folder, values, result in zip(labels.names, folders, columns.T, labels.estimates, strict=True):
        arrays = run.arrays._replace(labels=values)
        own = replace(run, arrays=arrays, labels=Labels.of_two(values), out=run.out / folder)
        summaries[name] = replace(own, options=run.options | {"labels": name}).write(result)
    total = labels.total()
    # The sums have no classes; a sample is shown with the names of its labels.
    summary = run.described() | summary_of(total, None, run.means_by())
    summary["means"]["labels"] = _means_of(summaries, folders)
    summary["findings"] = _findings_of(summaries)
    run = replace(run, arrays=run.arrays._replace(labels=_in_words(columns, labels.names)))
    run.write_samples(total.columns())
    write_json(run.out / "summary.json", summary)
    write_report(run.out / "report.html", run.report(total, summary))
    return summary


def print_several(found: Pairs | EstimatedLabels, results: OutputOptions, summary: dict, notes: list[str]) -> None:
    """Prints means of every pair or label, findings and the names of the files.

    Args:
        found: The results.
        results: Options of the files.
        summary: Content of ``summary.json``.
        notes: What the user may not expect of the data.
    """
    print(found)
    without = isinstance(found, EstimatedLabels) and not summary["errors_include_fit"]  # printed pairs end with it
    for note in [*notes, *([WITHOUT_FIT] if without else []), *summary["findings"]]:
        print(f"Note: {note}")
    folder, each = (PAIRS, "pair") if isinstance(found, Pairs) else (LABELS, "label")
    files = f"samples.{results.format}, summary.json and report.html"
    print(f"Wrote {files} to {results.out}, and those of each {each} to {results.out / folder}.")


def _of_pair(arrays: Inputs, a: int, b: int) -> Inputs:
    """Blocks and columns of two of several modalities; predictions were of all."""
    if arrays.features is None:
        return arrays._replace(logits=None, probabilities=None)
    columns = {f"x{m}": arrays.columns[f"x{place + 1}"] for m, place in ((1, a), (2, b))}
    return arrays._replace(features=(arrays.features[a], arrays.features[b]), columns=columns)


def _folders(run: Run, kind: str, names: Sequence[str]) -> list[str]:
    """Makes a folder for each name, and returns their paths in the folder of results."""
    plain = [re.sub(r"[^\w.-]+", "_", name).strip(".") or "_" for name in names]
    # Names that differ only in case, or in characters that a path cannot have, get their position as a suffix.
    small = [name.lower() for name in plain]
    folders = [
        f"{kind}/{name}" if small.count(name.lower()) == 1 else f"{kind}/{name}.{place}"
        for place, name in enumerate(plain, 1)
    ]
    for folder in folders:
        (run.out / folder).mkdir(parents=True)
    return folders


def _means_of(summaries: Mapping[str, dict[str, Any]], folders: Sequence[str]) -> dict[str, Any]:
    """Overall means of several results, each with its folder."""
    return {
        name: {"folder": folder, **summary["means"]["overall"]}
        for (name, summary), folder in zip(summaries.items(), folders, strict=True)
    }


def _findings_of(summaries: Mapping[str, dict[str, Any]]) -> list[str]:
    """Every finding once, with those that it is about."""
    about: dict[str, list[str]] = {}
    for name, summary in summaries.items():
        for finding in summary["findings"]:
            about.setdefault(finding, []).append(name)
    return [finding if len(own) == len(summaries) else f"{_listed(own)}: {finding}" for finding, own in about.items()]


def _listed(names: Sequence[str]) -> str:
    """Some names as text."""
    more = len(names) - MOST_NAMED
    return "; ".join(names[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _in_words(columns: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Names of the labels of each sample."""
    return np.array([", ".join(name for name, has in zip(names, row, strict=True) if has) or "none" for row in columns])
