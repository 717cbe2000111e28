"""What each command does."""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

import lsmi_jax
from lsmi_jax.cli._comparison import compare
from lsmi_jax.cli._inputs import Inputs, read_inputs
from lsmi_jax.cli._process import interruptible
from lsmi_jax.cli._options import REDUNDANCIES
from lsmi_jax.reporting import write_page
from lsmi_jax.cli._progress import Pace, fit_stages, reading_seconds, scoring_seconds, stage_bar, writing_seconds
from lsmi_jax.cli._readers import checksum
from lsmi_jax.cli._writers import summary_of, versions, write_json, write_table
from lsmi_jax.cli._compiled import keep_compiled
from lsmi_jax.estimation import sample_columns
from lsmi_jax.decomposition import LETTERS
from lsmi_jax.estimation import Estimate

__all__ = ["run"]

CLASSES = "classes.json"  # beside the arrays of an estimator: the labels that its numbers stand for


def run(options: argparse.Namespace) -> None:
    """Runs one command.

    Args:
        options: From `lsmi_jax.cli.options.parse`.
    """
    commands = {"estimate": _estimate, "score": _score, "compare": _compare, "demo": _demo, "info": _info}
    commands[options.command](options)


def _estimate(options: argparse.Namespace) -> None:
    with stage_bar() as pace:
        inputs = _read(options, pace)
        labels, classes = lsmi_jax.encode_labels(inputs.labels)
        _expect_fits(options, inputs, len(classes), pace)
        stages = _prepare(options)
        key, arguments = jax.random.key(options.seed), {"logits": inputs.logits, "entropy_space": options.entropy_space}
        result = interruptible(
            lsmi_jax.estimate,
            key,
            inputs.features,
            labels,
            num_folds=options.folds,
            num_seeds=options.repeats,
            redundancy=REDUNDANCIES[options.redundancy],
            progress=pace.begin,
            checkpoint=stages / "folds",
            **arguments,
        )
        if options.save_estimator:
            arguments |= {"progress": pace.begin, "checkpoint": stages / "all"}
            fitted = interruptible(lsmi_jax.fit_estimator, key, inputs.features, labels, **arguments)
        pace.begin("writing")
        if options.save_estimator:
            lsmi_jax.save(options.out / "estimator", fitted, overwrite=True)
            write_json(options.out / "estimator" / CLASSES, {"classes": classes.tolist()})
        summary = _write(options, inputs, result, labels, classes)
        shutil.rmtree(stages)
    _print_summary(options, summary)


def _score(options: argparse.Namespace) -> None:
    with stage_bar() as pace:
        inputs = _read(options, pace)
        classes = _classes(options.estimator)
        unknown = np.setdiff1d(inputs.labels, classes)
        if unknown.size:
            raise ValueError(f"--labels: expected those the estimator was fitted on, got {unknown[0]!s}")
        labels = np.searchsorted(classes, inputs.labels).astype(np.int32)
        writing = ("writing", writing_seconds(len(labels), options.format))
        pace.expect([("scoring", scoring_seconds(len(labels))), writing])
        options.out.mkdir(parents=True, exist_ok=True)
        keep_compiled()
        estimator = lsmi_jax.load(options.estimator)
        pace.begin("scoring")
        redundancy = REDUNDANCIES[options.redundancy]
        data = (inputs.features, labels)
        result = interruptible(lsmi_jax.score, estimator, *data, logits=inputs.logits, redundancy=redundancy)
        pace.begin("writing")
        options.seed = None
        summary = _write(options, inputs, result, labels, classes)
    _print_summary(options, summary)


def _classes(estimator: Path) -> np.ndarray:
    path = estimator / CLASSES
    if not path.is_file():
        raise FileNotFoundError(f"--estimator: expected a folder that --save-estimator made, got {estimator}")
    return np.asarray(json.loads(path.read_text())["classes"])


def _read(options: argparse.Namespace, pace: Pace) -> Inputs:
    pace.expect([("reading", reading_seconds(options.data))])
    pace.begin("reading")
    return read_inputs(options)


def _expect_fits(options: argparse.Namespace, inputs: Inputs, num_classes: int, pace: Pace) -> None:
    size = tuple(x.shape[1] for x in inputs.features), len(inputs.labels), num_classes
    given = inputs.logits is not None
    pace.expect(fit_stages(*size, options.folds * options.repeats, given_logits=given))
    if options.save_estimator:
        pace.expect(fit_stages(*size, 1, given_logits=given)[:-1])  # and no scores
    pace.expect([("writing", writing_seconds(len(inputs.labels), options.format))])


def _prepare(options: argparse.Namespace) -> Path:
    """Makes the folder of results, and in it that of finished stages."""
    stages = options.out / ".stages"
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.resume:
        shutil.rmtree(stages, ignore_errors=True)
    stages.mkdir(exist_ok=True)
    keep_compiled()
    return stages


def _write(options: argparse.Namespace, inputs: Inputs, result: Estimate, labels: np.ndarray, classes: Any) -> dict:
    """Writes the three files, and returns what is in the summary."""
    groups = {name: lsmi_jax.encode_labels(values) for name, values in inputs.groups.items()}
    chosen = {name: _plain(value) for name, value in vars(options).items() if name != "debug"}
    data = {
        "path": str(options.data),
        "sha256": checksum(options.data),
        "samples": len(labels),
        "classes": len(classes),
    }
    summary = {"versions": versions(), "options": chosen, "data": data, **summary_of(result, (labels, classes), groups)}
    kept = {"id": inputs.ids, "label": inputs.labels, **inputs.groups}
    write_table(options.out / f"samples.{options.format}", {**kept, **sample_columns(result)})
    for other in {"parquet", "csv"} - {options.format}:  # of an earlier run, whose summary is about to go too
        (options.out / f"samples.{other}").unlink(missing_ok=True)
    write_json(options.out / "summary.json", summary)
    x1, x2 = (name.rstrip("_-. ") or name for name in (options.x1, options.x2))  # often what columns begin with
    titles = (options.data.name or str(options.data), (x1, x2))
    page = options.out / "report.html"
    write_page(page, *titles, result, summary, inputs.ids, inputs.labels, inputs.images)
    return summary


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _print_summary(options: argparse.Namespace, summary: dict[str, Any]) -> None:
    overall = summary["means"]["overall"]
    print(f"{'mean interactions in nats (95 % interval)':41s}  adjusted")
    for name in LETTERS:
        one, shifted = overall[name], overall["adjusted"][name]["mean"]
        print(f"  {name:2s} {one['mean']:+z.3f} {'(' + _interval(one) + ')':29s}  {shifted:+z.3f}")
    for finding in summary["findings"]:
        print(f"note: {finding}")
    print(f"Wrote samples.{options.format}, summary.json and report.html to {options.out}.")


def _interval(one: dict[str, Any]) -> str:
    return "unknown" if one["lower"] is None else f"{one['lower']:+z.3f} to {one['upper']:+z.3f}"


def _compare(options: argparse.Namespace) -> None:
    print(*compare(options.first, options.second), sep="\n")


def _demo(options: argparse.Namespace) -> None:
    from lsmi_jax.cli._demo import run_demo  # imports what only it needs

    run_demo(options.out, seed=options.seed)


def _info(options: argparse.Namespace) -> None:
    del options
    for name, value in versions().items():
        print(f"{name:10s} {', '.join(value) if isinstance(value, list) else value}", file=sys.stdout)
