"""How right is an estimate? Tasks with exact truth for every sample, times options, times seeds.

Fits on 80 % of the rows and scores the rest. Prints one table and writes one CSV:

    python benchmarks/accuracy.py [--tasks preset,mixture] [--seeds 5] [--csv accuracy.csv] [--data FOLDER]

The preset task on real features needs `av_digits_semireal.npz` in the folder named by --data or LSMI_DATA.
"""

import argparse
import csv
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.metrics import roc_auc_score

import lsmi_jax
from lsmi_jax import synthetic
from lsmi_jax.estimator import EntropySpace
from lsmi_jax.synthetic import Task, TypedSamples

TASKS: list[tuple[str, Callable[[jax.Array], Task]]] = [
    ("mixture K=10 rho=.4", partial(synthetic.gaussian_mixture, num_samples=5000, num_classes=10, correlation=0.4)),
    ("mixture K=2 rho=.4", partial(synthetic.gaussian_mixture, num_samples=5000, num_classes=2, correlation=0.4)),
    ("gate OR", partial(synthetic.circuit_logic, num_samples=5000, gate=synthetic.OR)),
    ("preset K=2", partial(synthetic.preset, num_samples=10000, num_classes=2)),
    ("preset K=2 x2*10", lambda key: rescaled(synthetic.preset(key, 10000, num_classes=2), 10.0)),
    ("preset K=4", partial(synthetic.preset, num_samples=10000, num_classes=4)),
    ("preset K=10", partial(synthetic.preset, num_samples=16000, num_classes=10)),
    *(
        (f"gate {name}", partial(synthetic.circuit_logic, num_samples=5000, gate=getattr(synthetic, name)))
        for name in ("XOR", "AND", "XOR_NOT", "COPY1", "RDN")
    ),
    *(
        (
            f"mixture K=10 rho={rho:g}",
            partial(synthetic.gaussian_mixture, num_samples=5000, num_classes=10, correlation=rho),
        )
        for rho in (-1.0, -0.8, -0.4, 0.0, 0.8, 1.0)
    ),
]
CURVE = [  # at how many samples the synergy of 10 x 10 codes is found
    (f"curve preset K=10 n={n}", partial(synthetic.preset, num_samples=n, num_classes=10))
    for n in (4000, 8000, 32000, 64000)
]
SPACES: list[EntropySpace] = ["posterior", "features"]
REDUNDANCIES = [
    lsmi_jax.specificity_ambiguity,
    lsmi_jax.minimum_information,
    lsmi_jax.common_change,
    lsmi_jax.shared_exclusions,
]
# The published code on the same kinds of task at its shipped settings (its preset task is a generator of its
# own with the same data-set-level truth): RMSE of i1, i2, i12, and the own-type AUROC averaged over the four types.
PUBLISHED = {
    "mixture K=10 rho=.4": ((0.26, 0.32, 0.38), None),
    "mixture K=2 rho=.4": ((0.06, 0.04, 0.06), None),
    "gate OR": ((0.52, 0.51, 0.50), None),
    "preset K=2": ((0.29, 0.29, 0.54), 0.765),
    "preset K=2 x2*10": ((0.29, 0.40, 0.58), 0.740),
    "preset K=4": ((0.42, 0.46, 0.77), 0.815),
}
COLUMNS = ("R", "U1", "U2", "S")


class Run(NamedTuple):
    """One estimate beside the exact quantities of the same rows."""

    exact: Task | TypedSamples
    estimate: lsmi_jax.Estimate
    seconds: float


def rescaled(task: Task, factor: float) -> Task:
    """The same samples with the second block in another unit."""
    x1, x2 = task.features
    return task._replace(features=(x1, factor * x2))


def real_tasks(folder: str | None) -> list[tuple[str, Callable[[jax.Array], TypedSamples]]]:
    """The preset task on digit images and spoken digits, for K of 2, 5 and 10."""
    path = Path(folder or "") / "av_digits_semireal.npz"
    if not folder or not path.exists():
        print("preset on real features: left out, as --data or LSMI_DATA names no folder with", path.name, flush=True)
        return []
    with np.load(path) as data:
        images, sounds, digits = (np.asarray(data[name], np.float32) for name in ("x1", "x2", "y"))
    digits = digits.astype(int)

    def make(key: jax.Array, num_classes: int, num_samples: int) -> TypedSamples:
        return synthetic.preset_from_pool(
            key, images, digits, sounds, digits, num_classes=num_classes, num_samples=num_samples
        )

    sizes = {2: 560, 5: 1400, 10: 2850}  # one size for all seeds, and so one compilation
    return [(f"real preset K={k}", partial(make, num_classes=k, num_samples=n)) for k, n in sizes.items()]


def held_out(task: Task | TypedSamples, rows: slice) -> Task | TypedSamples:
    """Some rows of a task, with what is known of them."""
    if isinstance(task, TypedSamples):
        return jax.tree.map(lambda leaf: leaf[rows], task)
    per_sample = (task.features, task.labels, task.information, task.surprisal, task.sample_types)
    features, labels, information, surprisal, types = jax.tree.map(lambda leaf: leaf[rows], per_sample)
    return Task(features, labels, task.log_prior, information, surprisal, types, task.truth)


def fit_and_score(task: Task | TypedSamples, key: jax.Array, space: EntropySpace) -> Run:
    """Fits on the first 80 % of the rows and scores the others."""
    num_train = len(task.labels) * 4 // 5
    train, test = (slice(num_train), slice(num_train, None))
    start = time.perf_counter()
    estimator = lsmi_jax.fit_estimator(
        key,
        tuple(x[train] for x in task.features),
        task.labels[train],
        num_classes=int(task.labels.max()) + 1,
        entropy_space=space,
    )
    estimate = lsmi_jax.score(estimator, tuple(x[test] for x in task.features), task.labels[test])
    jax.block_until_ready(estimate)
    seconds = time.perf_counter() - start
    return Run(held_out(task, test), estimate, seconds)


def measure(run: Run, redundancy: Callable, space: str) -> dict[str, float]:
    """The figures of one run under one redundancy."""
    parts = lsmi_jax.decompose(*run.estimate.information, *run.estimate.surprisal, redundancy=redundancy)
    row = {f"mean {name}": float(part.mean()) for name, part in zip(COLUMNS, lsmi_jax.adjust(parts), strict=True)}
    if isinstance(run.exact, Task):
        row |= against_exact(run, run.exact, parts, redundancy, space)
    if run.exact.sample_types is not None:
        for code, (name, part) in enumerate(zip(COLUMNS, parts, strict=True)):
            row[f"auroc {name}"] = float(roc_auc_score(np.asarray(run.exact.sample_types) == code, np.asarray(part)))
    row["single source"] = float(run.estimate.diagnostics.single_source_fraction)
    return row


def against_exact(run: Run, task: Task, parts: lsmi_jax.Interactions, redundancy: Callable, space: str) -> dict:
    """Errors of one run under one redundancy."""
    exact_parts = task.interactions(redundancy)
    row: dict[str, float] = {}
    for name, ours, exact in zip(("i1", "i2", "i12"), run.estimate.information, task.information, strict=True):
        row[f"rmse {name}"] = float(jnp.sqrt(jnp.mean((ours - exact) ** 2)))
    for name, ours, exact in zip(("h1", "h2"), run.estimate.surprisal, task.surprisal, strict=True):
        error = ours - exact  # surprisals of posteriors are of another density: not comparable
        row[f"rmse centred {name}"] = float(error.std()) if space == "features" else np.nan
        row[f"bias {name}"] = float(error.mean()) if space == "features" else np.nan
        row[f"corr {name}"] = correlation(np.asarray(ours), np.asarray(exact)) if space == "features" else np.nan
    adjusted, exact_adjusted = lsmi_jax.adjust(parts), lsmi_jax.adjust(exact_parts)
    for name, ours, exact, raw, raw_exact in zip(COLUMNS, adjusted, exact_adjusted, parts, exact_parts, strict=True):
        row[f"exact {name}"] = float(exact.mean())
        row[f"error {name}"] = abs(float(ours.mean() - exact.mean()))
        row[f"corr {name}"] = correlation(np.asarray(raw), np.asarray(raw_exact))
    return row


def correlation(ours: np.ndarray, exact: np.ndarray) -> float:
    """Pearson correlation; NaN where the exact part is constant up to round-off."""
    return float(np.corrcoef(ours, exact)[0, 1]) if min(ours.std(), exact.std()) > 1e-4 else np.nan


def rows(tasks: list, num_seeds: int) -> Iterator[dict]:
    """One row for every task, space, redundancy and seed, as soon as it is measured."""
    for task_name, make in tasks:
        for space in SPACES:
            runs = []
            for seed in range(num_seeds):
                data_key, fit_key = jax.random.split(jax.random.key(seed))
                runs.append(fit_and_score(make(data_key), fit_key, space))
            warm = float(np.mean([run.seconds for run in runs[1:]])) if num_seeds > 1 else np.nan
            for redundancy in REDUNDANCIES:
                for seed, run in enumerate(runs):
                    labels = {"task": task_name, "space": space, "redundancy": redundancy.__name__, "seed": seed}
                    seconds = {"compile s": runs[0].seconds - warm, "run s": warm}
                    yield labels | measure(run, redundancy, space) | seconds


def print_table(group: list[dict]) -> None:
    """One line of means over seeds for a task, space and redundancy."""

    def mean(name: str) -> float:
        return float(np.mean([row.get(name, np.nan) for row in group]))

    first = group[0]
    rmse = " ".join(f"{mean(f'rmse {name}'):.3f}" for name in ("i1", "i2", "i12"))
    density = " ".join(f"{mean(f'bias {name}'):+.2f}/{mean(f'corr {name}'):.3f}" for name in ("h1", "h2"))
    means = " ".join(f"{mean(f'mean {name}'):.3f}" for name in COLUMNS)
    errors = " ".join(f"{mean(f'error {name}'):.3f}" for name in COLUMNS)
    correlations = " ".join(f"{mean(f'corr {name}'):.2f}" for name in COLUMNS)
    aurocs = [mean(f"auroc {name}") for name in COLUMNS]
    auroc = " ".join(f"{value:.3f}" for value in [*aurocs, float(np.mean(aurocs))]) if "auroc R" in first else "-"
    published = PUBLISHED.get(first["task"])
    beside = f" | published i {published[0]} auroc {published[1]}" if published else ""
    print(
        f"{first['task']:20s} {first['space']:9s} {first['redundancy']:21s} i {rmse} | h {density} | "
        f"mean {means} | error {errors} | corr {correlations} | auroc {auroc} | "
        f"{mean('compile s'):.1f}+{mean('run s'):.1f} s{beside}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default="", help="keep tasks whose name contains one of these, comma-separated")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--csv", default="accuracy.csv")
    parser.add_argument("--data", default=os.environ.get("LSMI_DATA"), help="folder of av_digits_semireal.npz")
    arguments = parser.parse_args()
    wanted = arguments.tasks.split(",")
    everywhere = [*TASKS, *real_tasks(arguments.data), *CURVE]
    tasks = [(name, make) for name, make in everywhere if any(part in name for part in wanted)]
    everything: list[dict] = []
    for row in rows(tasks, arguments.seeds):
        everything.append(row)
        if row["seed"] == arguments.seeds - 1:
            print_table(everything[-arguments.seeds :])
    with open(arguments.csv, "w", newline="") as stream:
        columns = dict.fromkeys(name for row in everything for name in row)
        writer = csv.DictWriter(stream, fieldnames=list(columns))
        writer.writeheader()
        writer.writerows(everything)


if __name__ == "__main__":
    main()
