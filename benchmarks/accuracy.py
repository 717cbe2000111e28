"""How accurate is an estimate? Tasks whose exact values are known for every sample, under several options and seeds.

Fits on 80% of the rows and scores the rest. Prints a table and writes a CSV file:

    python benchmarks/accuracy.py [--tasks preset,mixture] [--num-seeds 5] [--csv accuracy.csv] [--data FOLDER]

The preset task on real features needs `av_digits_semireal.npz` in the folder given by --data or LSMI_DATA.
"""

import argparse
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
from tables import bold, markdown, read_rows, write_rows

import lsmi_jax
from lsmi_jax import datasets
from lsmi_jax.datasets import Task, TypedSamples
from lsmi_jax.decomposition import PARTS, Redundancy


def beside_noise(key: jax.Array, num_samples: int, num_classes: int) -> Task:
    """The first modality of the mixture, and a second one that is noise."""
    own_key, noise_key = jax.random.split(key)
    task = datasets.gaussian_mixture(own_key, num_samples, num_classes=num_classes)
    x1, i1, h1, first = task.features[0], task.information[0], task.surprisal[0], task.log_posteriors[0]
    noise = jax.random.normal(noise_key, task.features[1].shape)
    nothing = jnp.broadcast_to(task.log_prior, first.shape)
    zero = jnp.zeros(())
    return task._replace(
        features=(x1, noise),
        information=(i1, jnp.zeros_like(i1), i1),
        surprisal=(h1, -jax.scipy.stats.norm.logpdf(noise).sum(1)),
        log_posteriors=(first, nothing, first),
        truth=lsmi_jax.Interactions(zero, i1.mean(), zero, zero),
    )


TASKS: list[tuple[str, Callable[[jax.Array], Task]]] = [
    ("mixture K=10 rho=.4", partial(datasets.gaussian_mixture, num_samples=5000, num_classes=10, correlation=0.4)),
    ("mixture K=2 rho=.4", partial(datasets.gaussian_mixture, num_samples=5000, num_classes=2, correlation=0.4)),
    ("gate OR", partial(datasets.circuit_logic, num_samples=5000, gate=datasets.OR)),
    ("preset K=2", partial(datasets.preset, num_samples=10000, num_classes=2)),
    ("preset K=2 x2*10", lambda key: rescaled(datasets.preset(key, 10000, num_classes=2), 10.0)),
    ("preset K=4", partial(datasets.preset, num_samples=10000, num_classes=4)),
    ("preset K=10", partial(datasets.preset, num_samples=16000, num_classes=10)),
    *(
        (f"gate {name}", partial(datasets.circuit_logic, num_samples=5000, gate=getattr(datasets, name)))
        for name in ("XOR", "AND", "XOR_NOT", "COPY1", "RDN")
    ),
    *(
        (
            f"mixture K=10 rho={rho:g}",
            partial(datasets.gaussian_mixture, num_samples=5000, num_classes=10, correlation=rho),
        )
        for rho in (-1.0, -0.8, -0.4, 0.0, 0.8, 1.0)
    ),
    *((f"x2 is noise, K={k}", partial(beside_noise, num_samples=5000, num_classes=k)) for k in (2, 10)),
]
CURVE = [  # how many samples it takes to find the synergy of 10 x 10 codes
    (f"curve preset K=10 n={n}", partial(datasets.preset, num_samples=n, num_classes=10))
    for n in (4000, 8000, 32000, 64000)
]
# What is fitted, and the redundancies that are computed from it.
FITS: list[tuple[Redundancy, list[Callable]]] = [
    (lsmi_jax.UnionInformation(), [lsmi_jax.union_information]),
    (
        lsmi_jax.SpecificityAmbiguity(),
        [
            lsmi_jax.specificity_ambiguity,
            lsmi_jax.minimum_information,
            lsmi_jax.common_change,
            lsmi_jax.shared_exclusions,
        ],
    ),
]
# Measured by running the published code of Yang et al. (2025) on these tasks, with the settings that it ships and an
# 80/20 split; the paper prints none of them. Its preset task has another generator with the same data-set-level truth.
# RMSE of i1, i2, i12, and the own-type AUROC averaged over the four types.
PUBLISHED = {
    "mixture K=10 rho=.4": ((0.26, 0.32, 0.38), None),
    "mixture K=2 rho=.4": ((0.06, 0.04, 0.06), None),
    "gate OR": ((0.52, 0.51, 0.50), None),
    "preset K=2": ((0.29, 0.29, 0.54), 0.765),
    "preset K=2 x2*10": ((0.29, 0.40, 0.58), 0.740),
    "preset K=4": ((0.42, 0.46, 0.77), 0.815),
}
PUBLISHED_SECONDS = 9, 20  # the fastest and the slowest of these runs, on two CPU cores
COLUMNS = tuple(part.symbol for part in PARTS)


class Run(NamedTuple):
    """One estimate, and the exact quantities of the same rows."""

    exact: Task | TypedSamples
    estimate: lsmi_jax.Estimate
    seconds: float


def rescaled(task: Task, factor: float) -> Task:
    """The task with its second block in another unit."""
    x1, x2 = task.features
    return task._replace(features=(x1, factor * x2))


def real_tasks(folder: str | None) -> list[tuple[str, Callable[[jax.Array], TypedSamples]]]:
    """The preset task on digit images and spoken digits, for K of 2, 5 and 10."""
    path = Path(folder or "") / "av_digits_semireal.npz"
    if not folder or not path.exists():
        print(f"preset on real features: skipped, --data or LSMI_DATA must contain {path.name}", flush=True)
        return []
    with np.load(path) as data:
        images, sounds, digits = (np.asarray(data[name], np.float32) for name in ("x1", "x2", "y"))
    digits = digits.astype(int)

    def make(key: jax.Array, num_classes: int, num_samples: int) -> TypedSamples:
        return datasets.preset_from_pool(
            key, images, digits, sounds, digits, num_classes=num_classes, num_samples=num_samples
        )

    sizes = {2: 560, 5: 1400, 10: 2850}  # the same size for all seeds, to compile only once
    return [(f"real preset K={k}", partial(make, num_classes=k, num_samples=n)) for k, n in sizes.items()]


def held_out(task: Task | TypedSamples, rows: slice) -> Task | TypedSamples:
    """Selected rows of a task, with their exact quantities."""
    if isinstance(task, TypedSamples):
        return jax.tree.map(lambda leaf: leaf[rows], task)
    selected = jax.tree.map(lambda leaf: leaf[rows], task._replace(truth=None))
    return selected._replace(log_prior=task.log_prior, truth=task.truth)


def fit_and_score(task: Task | TypedSamples, key: jax.Array, redundancy: Redundancy) -> Run:
    """Fits on the first 80% of the rows and scores the others."""
    num_train = len(task.labels) * 4 // 5
    train, test = (slice(num_train), slice(num_train, None))
    start = time.perf_counter()
    estimator = lsmi_jax.fit_estimator(
        key,
        tuple(x[train] for x in task.features),
        task.labels[train],
        num_classes=int(task.labels.max()) + 1,
        redundancy=redundancy,
    )
    estimate = lsmi_jax.score(estimator, tuple(x[test] for x in task.features), task.labels[test])
    jax.block_until_ready(estimate)
    seconds = time.perf_counter() - start
    return Run(held_out(task, test), estimate, seconds)


def measure(run: Run, redundancy: Callable) -> dict[str, float]:
    """The figures of one run under one redundancy. Means are raw under the union information, else shifted."""
    h1, h2 = run.estimate.surprisal or (None, None)
    union = run.estimate.i_union
    parts = lsmi_jax.decompose(*run.estimate.information, h1, h2, i_union=union, redundancy=redundancy)
    shifted = parts if union is not None else lsmi_jax.adjust(parts)
    row = {f"mean {name}": float(part.mean()) for name, part in zip(COLUMNS, shifted, strict=True)}
    row |= {f"absolute {name}": float(jnp.abs(part).mean()) for name, part in zip(COLUMNS, parts, strict=True)}
    if isinstance(run.exact, Task):
        row |= against_exact(run, run.exact, parts, shifted)
    if run.exact.sample_types is not None:
        for code, (name, part) in enumerate(zip(COLUMNS, parts, strict=True)):
            row[f"auroc {name}"] = float(roc_auc_score(np.asarray(run.exact.sample_types) == code, np.asarray(part)))
    single = run.estimate.diagnostics.single_source_fraction
    row["single source"] = np.nan if single is None else float(single)
    return row


def against_exact(run: Run, task: Task, parts: lsmi_jax.Interactions, shifted: lsmi_jax.Interactions) -> dict:
    """Errors of one run under one redundancy: of information and surprisal by sample, of means against BROJA."""
    row: dict[str, float] = {}
    for name, ours, exact in zip(("i1", "i2", "i12"), run.estimate.information, task.information, strict=True):
        row[f"rmse {name}"] = float(jnp.sqrt(jnp.mean((ours - exact) ** 2)))
    for name, ours, exact in zip(("h1", "h2"), run.estimate.surprisal or (), task.surprisal, strict=False):
        error = ours - exact
        row[f"rmse centered {name}"] = float(error.std())
        row[f"bias {name}"] = float(error.mean())
        row[f"corr {name}"] = correlation(np.asarray(ours), np.asarray(exact))
    # Of these rows, so that their sampling noise is left out: the truth follows from exact information of the rows.
    truth = truth_of_rows(task)
    for name, part, raw, expected in zip(COLUMNS, shifted, parts, truth or (), strict=False):
        row[f"exact {name}"] = expected
        row[f"error {name}"] = abs(float(part.mean()) - expected)
        row[f"raw error {name}"] = abs(float(raw.mean()) - expected)
    return row


def truth_of_rows(task: Task) -> tuple[float, ...] | None:
    """R, U1, U2, S of the rows at hand: the truth, plus what their mean i1, i2, i12 differ from those of the truth."""
    if task.truth is None:
        return None
    r, u1, u2 = map(float, task.truth[:3])
    i1, i2, i12 = (float(i.mean()) for i in task.information)
    # Union information moves with the modalities in the shares that the truth gives them.
    first = u1 / (u1 + u2) if u1 + u2 > 1e-6 else 0.5
    union = r + u1 + u2 + first * (i1 - r - u1) + (1 - first) * (i2 - r - u2)
    return i1 + i2 - union, union - i2, union - i1, i12 - union


def correlation(ours: np.ndarray, exact: np.ndarray) -> float:
    """Pearson correlation; NaN if either is constant up to round-off."""
    return float(np.corrcoef(ours, exact)[0, 1]) if min(ours.std(), exact.std()) > 1e-4 else np.nan


def rows(tasks: list, num_seeds: int) -> Iterator[dict]:
    """One row per task, fit, redundancy and seed, as soon as it is measured."""
    for task_name, make in tasks:
        for fitted, redundancies in FITS:
            runs = []
            for seed in range(num_seeds):
                data_key, fit_key = jax.random.split(jax.random.key(seed))
                runs.append(fit_and_score(make(data_key), fit_key, fitted))
            warm = float(np.mean([run.seconds for run in runs[1:]])) if num_seeds > 1 else np.nan
            for redundancy in redundancies:
                for seed, run in enumerate(runs):
                    labels = {"task": task_name, "redundancy": redundancy.__name__, "seed": seed}
                    seconds = {"compile s": runs[0].seconds - warm, "run s": warm}
                    yield labels | measure(run, redundancy) | seconds


def print_table(group: list[dict]) -> None:
    """One line of means over seeds for a task and redundancy."""

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
    reference = f" | published i {published[0]} auroc {published[1]}" if published else ""
    print(
        f"{first['task']:20s} {first['redundancy']:21s} i {rmse} | h {density} | "
        f"mean {means} | error {errors} | corr {correlations} | auroc {auroc} | "
        f"{mean('compile s'):.1f}+{mean('run s'):.1f} s{reference}",
        flush=True,
    )


def tables(rows: list[dict]) -> str:
    """Both tables of docs/choosing.md, of the union information: against the published code, and of all tasks."""
    chosen = [row for row in rows if row["redundancy"] == "union_information"]
    tasks = dict.fromkeys(row["task"] for row in chosen if row.get("rmse i1") not in (None, "", "nan"))

    def mean(task: str, name: str) -> float:
        return float(np.mean([float(row.get(name) or np.nan) for row in chosen if row["task"] == task]))

    def mean_auroc(task: str) -> float:
        return float(np.mean([mean(task, f"auroc {name}") for name in COLUMNS]))

    views = ("i1", "i2", "i12")
    compared = []
    for task, (rmse, published) in PUBLISHED.items():
        if task in tasks:
            pairs = [bold([mean(task, f"rmse {view}"), own], min) for view, own in zip(views, rmse, strict=True)]
            pairs.append(bold([mean_auroc(task), np.nan if published is None else published], max))
            compared.append([task, *(cell for pair in pairs for cell in pair)])
    every = []
    for task in tasks:
        error = max(mean(task, f"error {name}") for name in COLUMNS)
        values = [*(mean(task, f"mean {name}") for name in COLUMNS), error, *(mean(task, f"rmse {v}") for v in views)]
        every.append([task, *(f"{value:z.3f}" for value in values), *bold([mean_auroc(task)], max)])
    beside = [f"{name}{which}" for name in (*views, "AUROC") for which in ("", ", published")]
    return (
        markdown(["task", *beside], compared)
        + "\n\n"
        + markdown(["task", *COLUMNS, "largest error", *views, "AUROC"], every)
    )


def noise_table(rows: list[dict]) -> str:
    """The table of docs/choosing.md beside noise: mean absolute parts of a sample, and the mean S."""
    chosen = [row for row in rows if row["task"].startswith("x2 is noise")]
    lines = []
    for task, name in dict.fromkeys((row["task"], row["redundancy"]) for row in chosen):
        own = [row for row in chosen if (row["task"], row["redundancy"]) == (task, name)]
        values = [float(np.mean([float(row[f"absolute {symbol}"]) for row in own])) for symbol in COLUMNS]
        lines.append(
            [task.removeprefix("x2 is noise, "), name.replace("_", " "), *(f"{value:.3f}" for value in values)]
        )
    return markdown(["classes", "redundancy", *(f"mean of abs({symbol.lower()})" for symbol in COLUMNS)], lines)


def real_table(rows: list[dict]) -> str:
    """The table of docs/choosing.md on real features: AUROC of each part for the samples of its own type."""
    chosen = [row for row in rows if row["task"].startswith("real preset")]
    lines = []
    for task in dict.fromkeys(row["task"] for row in chosen):
        names = [row["redundancy"] for row in chosen if row["task"] == task and row["seed"] in (0, "0")]
        aurocs = np.array(
            [
                [
                    np.mean([float(r[f"auroc {c}"]) for r in chosen if (r["task"], r["redundancy"]) == (task, name)])
                    for c in COLUMNS
                ]
                for name in names
            ]
        )
        columns = np.column_stack([aurocs, aurocs.mean(1)]).T
        texts = np.array([bold(list(column), max) for column in columns]).T
        lines += [
            [task.removeprefix("real preset "), name.replace("_", " "), *cells]
            for name, cells in zip(names, texts, strict=True)
        ]
    return markdown(["classes", "redundancy", *(symbol.lower() for symbol in COLUMNS), "mean"], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default="", help="run only tasks whose name contains one of these, comma-separated")
    parser.add_argument("--num-seeds", type=int, default=5, help="repetitions (%(default)s)")
    parser.add_argument("--csv", default="accuracy.csv", help="file to write (%(default)s)")
    parser.add_argument(
        "--data", default=os.environ.get("LSMI_DATA"), help="folder that contains av_digits_semireal.npz"
    )
    parser.add_argument("--read", help="print the tables of docs/choosing.md from this CSV file, and fit nothing")
    arguments = parser.parse_args()
    if arguments.read:
        known = read_rows(arguments.read)
        print(tables(known), noise_table(known), real_table(known), sep="\n\n")
        return
    wanted = arguments.tasks.split(",")
    all_tasks = [*TASKS, *real_tasks(arguments.data), *CURVE]
    tasks = [(name, make) for name, make in all_tasks if any(part in name for part in wanted)]
    all_rows: list[dict] = []
    for row in rows(tasks, arguments.num_seeds):
        all_rows.append(row)
        if row["seed"] == arguments.num_seeds - 1:
            print_table(all_rows[-arguments.num_seeds :])
    write_rows(arguments.csv, all_rows)


if __name__ == "__main__":
    main()
