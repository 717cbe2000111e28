"""The commands: each function is one command, with its options as parameters."""

import shutil
from pathlib import Path
from typing import Any

import jax

import lsmi_jax
from lsmi_jax.cli import _comparison
from lsmi_jax.cli._inputs import Inputs, read_inputs
from lsmi_jax.cli._labels import CLASSES, check_saved, labels_of, labels_to_score
from lsmi_jax.cli._options import (
    AppOptions,
    FitOptions,
    InputOptions,
    OutputOptions,
    RedundancyOptions,
    Seed,
    modality_names,
    plain,
)
from lsmi_jax.cli._process import enable_compilation_cache
from lsmi_jax.cli._progress import stage_bar
from lsmi_jax.cli._results import Run, print_summary
from lsmi_jax.cli._several import LABELS, PAIRS, print_several, write_labels, write_pairs
from lsmi_jax.cli._writers import check_libraries, versions, write_json
from lsmi_jax.decomposition import Redundancy
from lsmi_jax.estimation import Estimate, Labels, Pairs, stages_of
from lsmi_jax.inputs import num_blocks_of

__all__ = ["EXAMPLES", "compare", "demo", "estimate", "info", "score"]

EXAMPLES = {
    "estimate": """Examples:
```text
lsmi-jax estimate data.npz --x1 audio --x2 video --labels y --out results/
lsmi-jax estimate table.csv --x1 audio_ --x2 video_ --labels emotion --ids clip --split-by speaker --out results/
lsmi-jax estimate features/ --x1 image --x2 text --labels topic --config options.toml --out results/
lsmi-jax estimate --x1 audio.parquet:emb --x2 video.parquet:emb --labels audio.parquet:y --join clip --out results/
lsmi-jax estimate data.npz --x1 audio --x2 video --x3 text --labels y --out results/
lsmi-jax estimate table.csv --x1 image_ --x2 text_ --labels tag_ --target multilabel --out results/
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
    file for --config has the options as they are written here, without the leading dashes: num-folds = 10,
    num_cells = 96, means-by = ["speaker"].

    Parameters
    ----------
    data
        A .npz, .safetensors, .parquet, .feather, .csv, .tsv or .jsonl file, or a folder of .npy files; left out if
        every name has a file of its own.
    """
    _check_results(inputs, fit)
    chosen = redundancy.build()
    stages = _stages(inputs, chosen)
    with stage_bar(["reading", *stages, "scores", *(stages if fit.save_estimator else []), "writing"]) as begin:
        begin("reading")
        check_libraries(results.format, has_images=inputs.image is not None)
        arrays = read_inputs(data, inputs, several_labels=fit.target == "multilabel", unlabeled=fit.unlabeled == "use")
        labels = labels_of(arrays, fit.target, inputs.labels)
        cache = _prepare(results.out, resume=fit.resume)
        options = plain(command="estimate", inputs=inputs, results=results, fit=fit, redundancy=chosen)
        run, key = Run(arrays, labels, results.out, results, options), jax.random.key(fit.seed)
        common: dict[str, Any] = {**_rows(arrays, inputs), "redundancy": chosen, "progress": begin}
        found = _found(run, fit, key, {**common, "checkpoint": cache / "folds"})
        if fit.save_estimator:
            common |= {"target": fit.target, "unlabeled": fit.unlabeled, "checkpoint": cache / "all"}
            common |= {"names": _names(run)}
            fitted = lsmi_jax.fit_estimator(key, arrays.features, labels.given, **common)
            jax.block_until_ready(fitted)
        begin("writing")
        if fit.save_estimator:
            lsmi_jax.save(results.out / "estimator", fitted, overwrite=True)
            write_json(results.out / "estimator" / CLASSES, {"classes": labels.names.tolist()})
        summary = _write(run, found)
        shutil.rmtree(cache)
    notes = arrays.notes(inputs)
    _print(found, results, summary, notes)


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
        result = lsmi_jax.score(
            fitted, arrays.features, labels.given, **_rows(arrays, inputs), redundancy=chosen, progress=None
        )
        jax.block_until_ready(result)
        begin("writing")
        options = plain(command="score", estimator=estimator, inputs=inputs, results=results, redundancy=chosen)
        summary = _write(Run(arrays, labels, results.out, results, options), result)
    _print(result, results, summary, arrays.notes(inputs))


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


def _check_results(inputs: InputOptions, fit: FitOptions) -> None:
    """Raises ValueError if an option does not go with ``--target multilabel``."""
    several_labels = fit.target == "multilabel"
    if inputs.x3 is not None and several_labels:
        raise ValueError("x3: expected two modalities with --target multilabel, got three or more")
    if several_labels and fit.unlabeled == "use":
        raise ValueError("unlabeled: expected error with --target multilabel, which needs all labels, got use")
    if fit.save_estimator and several_labels:
        raise ValueError("save_estimator: expected --target classes or continuous, got --target multilabel")


def _found(run: Run, fit: FitOptions, key: jax.Array, common: dict[str, Any]) -> Estimate | Pairs | Labels:
    """The result of two modalities, of three or more, or of several labels."""
    arrays, labels = run.arrays, run.labels
    folds: dict[str, Any] = {"num_folds": fit.num_folds, "num_seeds": fit.num_seeds, **common}
    if fit.target == "multilabel":
        return lsmi_jax.estimate_labels(key, arrays.features, labels.given, names=labels.names.tolist(), **folds)
    folds |= {"target": fit.target, "unlabeled": fit.unlabeled, "names": _names(run)}
    return lsmi_jax.estimate(key, arrays.features, labels.given, **folds)


def _names(run: Run) -> tuple[str, ...] | None:
    """Names of three or more modalities."""
    return run.names if len(run.names) > 2 else None


def _stages(inputs: InputOptions, redundancy: Redundancy) -> list[str]:
    """Names of the stages of a fit."""
    predictions = inputs.logits or inputs.probabilities
    given = [value for value in inputs.modalities.values() if value is not None]
    names = modality_names(given or [None] * num_blocks_of(len(predictions or ())))
    return stages_of(names, redundancy, fits_discriminators=predictions is None, together=len(names) > 2)


def _print(found: Estimate | Pairs | Labels, results: OutputOptions, summary: dict, notes: list[str]) -> None:
    """Prints what was found."""
    if isinstance(found, Estimate):
        print_summary(results, summary, notes)
    else:
        print_several(found, results, summary, notes)


def _write(run: Run, found: Estimate | Pairs | Labels) -> dict[str, Any]:
    """Writes the files of a run; returns its summary."""
    for kind in (PAIRS, LABELS):  # of an earlier run
        shutil.rmtree(run.out / kind, ignore_errors=True)
    if isinstance(found, Estimate):
        return run.write(found)
    return write_pairs(run, found) if isinstance(found, Pairs) else write_labels(run, found)


def _rows(arrays: Inputs, inputs: InputOptions) -> dict[str, Any]:
    """What the user passed about the rows, as arguments of the library."""
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
