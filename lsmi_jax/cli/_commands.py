"""The commands: each function is one command, with its options as parameters."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

import lsmi_jax
from lsmi_jax.cli import _comparison
from lsmi_jax.cli._inputs import Inputs, read_inputs
from lsmi_jax.cli._labels import CLASSES, Labels, check_saved, labels_of, labels_to_score
from lsmi_jax.cli._options import (
    AppOptions,
    FitOptions,
    InputOptions,
    OutputOptions,
    RedundancyOptions,
    Seed,
    plain,
)
from lsmi_jax.cli._process import enable_compilation_cache
from lsmi_jax.cli._progress import fit_stages, stage_bar
from lsmi_jax.cli._readers import checksum
from lsmi_jax.cli._writers import check_libraries, summary_of, versions, write_json, write_table
from lsmi_jax.decomposition import PARTS
from lsmi_jax.estimation import SET_TO_ZERO, WITHOUT_FIT, Estimate, told_apart
from lsmi_jax.inputs import pack
from lsmi_jax.reporting import Report, write_report

__all__ = ["EXAMPLES", "compare", "demo", "estimate", "info", "score"]

EXAMPLES = {
    "estimate": """Examples:
```text
lsmi-jax estimate data.npz --x1 audio --x2 video --labels y --out results/
lsmi-jax estimate table.csv --x1 audio_ --x2 video_ --labels emotion --ids clip --split-by speaker --out results/
lsmi-jax estimate features/ --x1 image --x2 text --labels topic --config options.toml --out results/
lsmi-jax estimate --x1 audio.parquet:emb --x2 video.parquet:emb --labels audio.parquet:y --join clip --out results/
```""",
    "score": """Examples:
```text
lsmi-jax estimate train.npz --x1 audio --x2 video --labels y --out train/ --save-estimator
lsmi-jax score test.npz --estimator train/estimator --x1 audio --x2 video --labels y --out test/
```""",
    "compare": "Example:\n```text\nlsmi-jax compare results-a/ results-b/\n```",
}

APP, FIT, REDUNDANCY = AppOptions(), FitOptions(), RedundancyOptions()


def estimate(
    data: Path | None = None,
    /,
    *,
    inputs: InputOptions,
    results: OutputOptions,
    redundancy: RedundancyOptions = REDUNDANCY,
    fit: FitOptions = FIT,
    app: AppOptions = APP,
) -> None:
    """Out-of-fold interactions of every sample of a data set.

    Data are arrays by name: a .npz or .safetensors file, a folder of .npy files, or the columns of a .parquet,
    .feather, .csv, .tsv or .jsonl file. In a table, --x1 takes all columns whose names begin with its value. A TOML
    file for --config has the options as they are written here, without the dashes: num-folds = 10, num_cells = 96,
    means-by = ["speaker"].

    Parameters
    ----------
    data
        A .npz, .safetensors, .parquet, .feather, .csv, .tsv or .jsonl file, or a folder of .npy files; left out if
        every name has a file of its own.
    """
    chosen = redundancy.build()
    stages = fit_stages(chosen, fits_discriminators=not (inputs.logits or inputs.probabilities))
    with stage_bar(["reading", *stages, "scores", *(stages if fit.save_estimator else []), "writing"]) as begin:
        begin("reading")
        check_libraries(results.format, has_images=inputs.image is not None)
        arrays = read_inputs(data, inputs)
        labels = labels_of(arrays, fit.target)
        cache = _prepare(results.out, resume=fit.resume)
        key = jax.random.key(fit.seed)
        common: dict[str, Any] = {**_rows(arrays, inputs), "target": fit.target, "redundancy": chosen}
        common["progress"] = begin
        result = lsmi_jax.estimate(
            key,
            arrays.features,
            labels.given,
            num_folds=fit.num_folds,
            num_seeds=fit.num_seeds,
            checkpoint=cache / "folds",
            **common,
        )
        if fit.save_estimator:
            fitted = lsmi_jax.fit_estimator(key, arrays.features, labels.given, checkpoint=cache / "all", **common)
            jax.block_until_ready(fitted)
        begin("writing")
        if fit.save_estimator:
            lsmi_jax.save(results.out / "estimator", fitted, overwrite=True)
            write_json(results.out / "estimator" / CLASSES, {"classes": labels.names.tolist()})
        options = plain(command="estimate", inputs=inputs, results=results, fit=fit, redundancy=chosen)
        summary = _Run(arrays, labels, results, options).write(result)
        shutil.rmtree(cache)
    _print_summary(results, summary, arrays.notes(inputs))


def score(
    data: Path | None = None,
    /,
    *,
    estimator: Path,
    inputs: InputOptions,
    results: OutputOptions,
    redundancy: RedundancyOptions = REDUNDANCY,
    app: AppOptions = APP,
) -> None:
    """Interactions of other samples under a fitted estimator.

    Parameters
    ----------
    data
        A .npz, .safetensors, .parquet, .feather, .csv, .tsv or .jsonl file, or a folder of .npy files; left out if
        every name has a file of its own.
    estimator
        Folder that estimate --save-estimator wrote, results/estimator.
    """
    with stage_bar(["reading", "scoring", "writing"]) as begin:
        begin("reading")
        check_libraries(results.format, has_images=inputs.image is not None)
        arrays = read_inputs(data, inputs)
        check_saved(estimator)
        fitted = lsmi_jax.load(estimator)
        labels = labels_to_score(arrays, estimator, fitted)
        results.out.mkdir(parents=True, exist_ok=True)
        enable_compilation_cache()
        begin("scoring")
        chosen = redundancy.build(fitted.redundancy)
        result = lsmi_jax.score(fitted, arrays.features, labels.given, **_rows(arrays, inputs), redundancy=chosen)
        jax.block_until_ready(result)
        begin("writing")
        options = plain(command="score", estimator=estimator, inputs=inputs, results=results, redundancy=chosen)
        summary = _Run(arrays, labels, results, options).write(result)
    _print_summary(results, summary, arrays.notes(inputs))


def compare(first: Path, second: Path, /, *, app: AppOptions = APP) -> None:
    """Compares two results, paired where the samples are the same.

    Parameters
    ----------
    first
        Folder of results.
    second
        Folder of results.
    """
    print(*_comparison.compare(first, second), sep="\n")


def demo(*, out: Path = Path("demo-output"), seed: Seed = 0, app: AppOptions = APP) -> None:
    """Decomposes 2000 handwritten digits that come with the package.

    Parameters
    ----------
    out
        Folder for the files.
    seed
        Seed of the random key.
    """
    from lsmi_jax.cli._demo import run_demo  # imports matplotlib

    run_demo(out, seed=seed)


def info(*, app: AppOptions = APP) -> None:
    """Versions and devices, for a bug report."""
    for name, value in versions().items():
        print(f"{name:10s} {', '.join(value) if isinstance(value, list) else value}")


@dataclass(frozen=True)
class _Run:
    """What the files of a run are made of, besides its result."""

    arrays: Inputs
    labels: Labels
    results: OutputOptions
    options: dict[str, Any]

    def write(self, result: Estimate) -> dict[str, Any]:
        """Writes the table, the summary and the report; returns the summary."""
        out, arrays = self.results.out, self.arrays
        means_by = {name: lsmi_jax.encode_labels(values) for name, values in arrays.means_by.items()}
        described = {
            "path": ", ".join(map(str, arrays.paths)),
            "sha256": checksum(*arrays.paths),
            "samples": len(self.labels.codes),
            "classes": len(self.labels.names),
            "columns": arrays.columns,
        }
        summary = {
            "versions": versions(),
            "options": self.options,
            "data": described,
            **summary_of(result, (self.labels.codes, self.labels.names), means_by),
        }
        names = tuple((self.options[name] or name).rstrip("_-. ") or self.options[name] for name in ("x1", "x2"))
        if arrays.groups is None and arrays.features is not None and self.options["command"] == "estimate":
            data = pack(arrays.features, self.labels.codes, missing=self.options["missing"])
            summary["findings"] += told_apart(data, {name: index for name, (index, _) in means_by.items()}, names)
        given = {"id": arrays.ids, "label": arrays.labels, **arrays.means_by}
        write_table(out / f"samples.{self.results.format}", given | result.columns())
        for other in {"parquet", "csv"} - {self.results.format}:  # of an earlier run, whose summary is replaced too
            (out / f"samples.{other}").unlink(missing_ok=True)
        write_json(out / "summary.json", summary)
        title = " and ".join(path.name or str(path) for path in arrays.paths)
        report = Report(title, (names[0], names[1]), result, summary, arrays.ids, arrays.labels, arrays.images)
        write_report(out / "report.html", report)
        return summary


def _rows(arrays: Inputs, inputs: InputOptions) -> dict[str, Any]:
    """What is known of the rows, as arguments of the library."""
    return {
        "logits": arrays.logits,
        "probabilities": arrays.probabilities,
        "groups": arrays.groups,
        "weights": arrays.weights,
        "missing": inputs.missing,
    }


def _prepare(out: Path, *, resume: bool) -> Path:
    """Creates the folder of results, and in it the cache of finished stages."""
    cache = out / ".stages"
    out.mkdir(parents=True, exist_ok=True)
    if not resume:
        shutil.rmtree(cache, ignore_errors=True)
    cache.mkdir(exist_ok=True)
    enable_compilation_cache()
    return cache


def _print_summary(results: OutputOptions, summary: dict[str, Any], notes: list[str]) -> None:
    """Prints means, findings and the names of the files."""
    overall = summary["means"]["overall"]
    print(f"{'mean interactions in nats (95 % interval)':41s}  shifted by {overall['shift']:+z.3f}")
    for part in PARTS:
        entry, shifted = overall[part.symbol], overall["adjusted"][part.symbol]
        text = SET_TO_ZERO if shifted["set_to_zero"] else f"{shifted['mean']:+z.3f}"
        print(f"  {part.symbol:2s} {entry['mean']:+z.3f} {'(' + _interval(entry) + ')':29s}  {text}")
    for note in [*notes, *([] if summary["errors_include_fit"] else [WITHOUT_FIT]), *summary["findings"]]:
        print(f"note: {note}")
    print(f"Wrote samples.{results.format}, summary.json and report.html to {results.out}.")


def _interval(entry: dict[str, Any]) -> str:
    """An interval as text."""
    return "unknown" if entry["lower"] is None else f"{entry['lower']:+z.3f} to {entry['upper']:+z.3f}"
