"""The paper's synthetic results: Table 1 (circuit logic), Figure 3 (correlation), Figure 4 (preset proportions).

    python benchmarks/paper_synthetic.py [--studies table1,figure3,figure4,pid_batch] [--num-seeds 5]
        [--out docs/results] [--methods "LSMI;LSMI, paper"]

Compares data-set-level R, U1, U2, S in nats: LSMI (out-of-fold; shifted for the paper's redundancy), PID-CVX (BROJA of
20 k-means clusters per modality), PID-Batch and the truth. The study pid_batch varies the size of a batch. Every study
writes a CSV file of all runs, a table in Markdown, and a figure. With --methods, only these are run again. Rows of the
others are taken from the existing CSV file, or run if it lacks them.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import matplotlib.pyplot as plt
import numpy as np
from tables import read_rows, write_rows
from truth import discretized

import lsmi_jax
from lsmi_jax import datasets
from lsmi_jax.baselines import broja_from_features, pid_batch
from lsmi_jax.decomposition import PARTS, Redundancy, information_of
from lsmi_jax.reporting import COLORS, NAMES

Means = tuple[float, ...]
UNION = lsmi_jax.UnionInformation()
Method = Callable[[jax.Array, datasets.Task], Means]
TABLE1_SIZE = 1_000_000  # per seed: the standard error of a mean of i is below .5 / sqrt(1e6) = .0005
COMPONENTS = tuple(part.symbol for part in PARTS)
NUM_CELLS, MOST_LOST = 48, 0.002  # of each posterior, for truths without closed form, and nats that these may lose
MAX_BATCH_ROWS = 10_000  # for PID-Batch: enough, since it averages over batches of 256

# Values in Table 1 of the paper.
PAPER_TABLE1 = {
    "XOR": (0.000, 0.001, 0.001, 0.691),
    "OR": (0.215, 0.001, 0.000, 0.345),
    "XOR_NOT": (0.000, 0.000, 0.336, 0.347),
}


def lsmi(key: jax.Array, task: datasets.Task, *, redundancy: Redundancy = UNION, num_folds: int = 5) -> Means:
    result = lsmi_jax.estimate(key, task.features, task.labels, redundancy=redundancy, num_folds=num_folds)
    return tuple(float(part.mean()) for part in result.adjusted)


def cvx(key: jax.Array, task: datasets.Task) -> Means:
    return tuple(map(float, broja_from_features(key, task.features, task.labels)[:4]))


def batch(key: jax.Array, task: datasets.Task, batch_size: int = 256, *, exact: bool = False) -> Means:
    """PID-Batch, with the exact posteriors of the task in place of fitted ones if asked for."""
    x1, x2, *logits = (block[:MAX_BATCH_ROWS] for block in (*task.features, *(task.log_posteriors if exact else ())))
    result = pid_batch(
        key, None if exact else (x1, x2), task.labels[:MAX_BATCH_ROWS], logits=logits or None, batch_size=batch_size
    )
    return tuple(map(float, result[:4]))


class Study(NamedTuple):
    """Tasks and methods by name, and the title and axis label of the figure."""

    tasks: dict[str, Callable[[jax.Array], datasets.Task]]
    methods: dict[str, Method]
    title: str
    axis: str


METHODS: dict[str, Method] = {
    "LSMI": lsmi,
    "LSMI, paper": partial(lsmi, redundancy=lsmi_jax.SpecificityAmbiguity()),
    "PID-CVX": cvx,
    "PID-Batch": batch,
}
STUDIES = {
    "table1": Study(
        {
            name: partial(datasets.circuit_logic, num_samples=TABLE1_SIZE, gate=getattr(datasets, name))
            for name in ("XOR", "OR", "XOR_NOT")
        },
        {"LSMI": partial(lsmi, num_folds=2), "PID-CVX": cvx, "PID-Batch": batch},
        f"Table 1: circuit logic, n = {TABLE1_SIZE}",
        "gate",
    ),
    "figure3": Study(
        {
            f"{rho:g}": partial(datasets.gaussian_mixture, num_samples=5000, num_classes=10, correlation=rho)
            for rho in (-1, -0.8, -0.4, 0, 0.4, 0.8, 1)
        },
        METHODS,
        "Figure 3: Gaussian mixture, K = 10, n = 5000",
        "correlation given the class",
    ),
    "figure4": Study(
        {
            name: partial(datasets.preset, num_samples=10_000, num_classes=4, proportions=proportions)
            for name, proportions in {
                "R": (1.0, 0.0, 0.0, 0.0),
                "U1": (0.0, 1.0, 0.0, 0.0),
                "S": (0.0, 0.0, 0.0, 1.0),
                "R + U1": (0.5, 0.5, 0.0, 0.0),
                "R + S": (0.5, 0.0, 0.0, 0.5),
                "U1 + S": (0.0, 0.5, 0.0, 0.5),
                "3R + U1": (0.75, 0.25, 0.0, 0.0),
                "U1 + 3S": (0.0, 0.25, 0.0, 0.75),
                "even": (0.25, 0.25, 0.25, 0.25),
                "mostly R": (0.7, 0.1, 0.1, 0.1),
                "mostly U1": (0.1, 0.7, 0.1, 0.1),
                "mostly U2": (0.1, 0.1, 0.7, 0.1),
                "mostly S": (0.1, 0.1, 0.1, 0.7),
            }.items()
        },
        METHODS,
        "Figure 4: preset interactions, K = 4, n = 10000",
        "types of the samples",
    ),
    "pid_batch": Study(
        {"0.8": partial(datasets.gaussian_mixture, num_samples=5000, num_classes=10, correlation=0.8)},
        {
            **{f"{size} rows per batch": partial(batch, batch_size=size) for size in (64, 128, 256, 512)},
            "exact posteriors, 256 rows per batch": partial(batch, exact=True),
        },
        "PID-Batch: Gaussian mixture, K = 10, n = 5000",
        "correlation given the class",
    ),
}


def runs(study: Study, num_seeds: int, kept: list[dict]) -> Iterator[dict]:
    """One row per task, seed and method; the truth counts as a method. Rows that are kept take the place of a run."""
    known = {(old["task"], old["seed"], old["method"]): old for old in kept}
    for task_name, make in study.tasks.items():
        for seed in range(num_seeds):
            data_key, key = jax.random.split(jax.random.key(seed))
            task = make(data_key)
            yield row(task_name, seed, "truth", truth_of(task), 0.0)
            for method, function in study.methods.items():
                if old := known.get((task_name, seed, method)):
                    yield old
                    continue
                start = time.perf_counter()
                means = function(key, task)
                yield row(task_name, seed, method, means, time.perf_counter() - start)


def truth_of(task: datasets.Task) -> Means:
    """The truth that the task carries, or BROJA of its exact posteriors on fine cells."""
    if task.truth is not None:
        return tuple(map(float, task.truth))
    solved, lost = discretized(task.log_posteriors, NUM_CELLS)
    if lost > MOST_LOST:
        raise ValueError(f"truth: expected cells that lose at most {MOST_LOST} nats, got {lost:.4f}")
    i1, i2, i12 = (float(i.mean()) for i in task.information)
    # Cells lose information; the union information is at least that of each modality.
    union = max(float(solved.redundancy + solved.unique1 + solved.unique2), i1, i2)
    return i1 + i2 - union, union - i2, union - i1, i12 - union


def row(task: str, seed: int, method: str, means: Means, seconds: float) -> dict:
    return {"task": task, "seed": seed, "method": method, **dict(zip(COMPONENTS, means, strict=True))} | {
        "seconds": round(seconds, 2)
    }


def summarize(rows: list[dict], task: str, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Means over seeds and their standard errors, ``[4]`` each."""
    values = np.array([[r[c] for c in COMPONENTS] for r in rows if (r["task"], r["method"]) == (task, method)])
    return values.mean(0), values.std(0, ddof=1) / np.sqrt(len(values))


def markdown(name: str, study: Study, rows: list[dict]) -> str:
    lines = [
        f"# {study.title}",
        "",
        f"R, U1, U2, S in nats: mean over {len({r['seed'] for r in rows})} seeds (standard error in parentheses). I1, "
        "I2 and I12 are their sums.",
        "",
        f"| {study.axis} | method | R | U1 | U2 | S | I1 | I2 | I12 | largest error |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for task in study.tasks:
        truth, _ = summarize(rows, task, "truth")
        for method in ("truth", *study.methods):
            mean, error = summarize(rows, task, method)
            cells = [f"{m:.4f} ({e:.4f})" for m, e in zip(mean, error, strict=True)]
            lines.append(_line(task, method, cells, mean, truth, 4))
        if name == "table1":
            published = np.array(PAPER_TABLE1[task])
            cells = [f"{value:.3f}" for value in published]
            lines.append(_line(task, "LSMI in the paper", cells, published, truth, 3))
    shown = ["", f"![{study.title}]({name}.png)"] if len(study.tasks) > 1 else []
    return "\n".join([*lines, *shown, ""])


def _line(task: str, method: str, cells: list[str], mean: np.ndarray, truth: np.ndarray, digits: int) -> str:
    """A line of the table: parts as text, and the information and the largest error that follow from their means."""
    sums = [f"{value:.{digits}f}" for value in information_of(tuple(mean))]
    return "| " + " | ".join([task, method, *cells, *sums, f"{np.abs(mean - truth).max():.4f}"]) + " |"


def draw(name: str, study: Study, rows: list[dict], path: Path) -> None:
    """One panel per part: dots for the methods and a line for the truth."""
    figure, axes = plt.subplots(4, 1, figsize=(9, 10), sharex=True, layout="constrained")
    position = np.arange(len(study.tasks))
    for part, (ax, color) in enumerate(zip(axes, COLORS, strict=True)):
        for index, (method, marker) in enumerate(zip(study.methods, "osv^", strict=False)):
            mean, error = np.transpose([[x[part] for x in summarize(rows, task, method)] for task in study.tasks])
            place = position + (index - (len(study.methods) - 1) / 2) * 0.18
            fill = color if index == 0 else "white"
            options = {"markerfacecolor": fill, "markersize": 6, "capsize": 2, "label": method}
            ax.errorbar(place, mean, 2 * error, fmt=marker, color=color, **options)
        truth = [summarize(rows, task, "truth")[0][part] for task in study.tasks]
        ax.hlines(truth, position - 0.45, position + 0.45, color="black", linewidth=1.5, label="truth")
        ax.set_title(NAMES[part], color=color, fontweight="bold", loc="left", fontsize=12)
        ax.axhline(0, color="gray", linewidth=0.5)
        ax.set_ylabel("nats", fontsize=11)
        ax.tick_params(labelsize=11)
        ax.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xticks(position, list(study.tasks), rotation=30 if name == "figure4" else 0)
    axes[-1].set_xlabel(study.axis, fontsize=11)
    axes[0].legend(frameon=False, fontsize=11, ncols=5, loc="lower right", bbox_to_anchor=(1, 1.05))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def earlier_rows(path: Path) -> list[dict]:
    """Rows of an earlier run, of the types of a new one."""
    types: dict[str, Callable] = {"task": str, "method": str, "seed": int}
    return [{name: types.get(name, float)(value) for name, value in old.items()} for old in read_rows(path)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", default=",".join(STUDIES), help="comma-separated (%(default)s)")
    parser.add_argument("--num-seeds", type=int, default=5, help="repetitions (%(default)s)")
    parser.add_argument("--methods", help="methods that run anew, separated by semicolons (all)")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.studies.split(","):
        study, rows, kept = STUDIES[name], [], []
        if arguments.methods is not None:
            anew = arguments.methods.split(";")
            kept = [old for old in earlier_rows(arguments.out / f"{name}.csv") if old["method"] not in anew]
        for run in runs(study, arguments.num_seeds, kept):
            rows.append(run)
            print(*run.values(), flush=True)
            reached = {(own["task"], own["seed"], own["method"]) for own in rows}
            rest = [old for old in kept if (old["task"], old["seed"], old["method"]) not in reached]
            # An interrupted run goes on with --methods "".
            write_rows(arguments.out / f"{name}.csv", rows + rest)
        (arguments.out / f"{name}.md").write_text(markdown(name, study, rows))
        if len(study.tasks) > 1:
            draw(name, study, rows, arguments.out / f"{name}.png")


if __name__ == "__main__":
    main()
