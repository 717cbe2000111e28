"""How exact is each redundancy with exact posteriors and densities? The table of docs/choosing.md.

    python benchmarks/union.py [--num-seeds 5] [--num-samples 5000] [--csv union.csv]

Potentials of the union information are fitted to some samples and evaluated on as many others, which the paper's
redundancy is evaluated on, too. Errors are those of the worst seed, against the truth of the same rows or, for gates,
of the population. With --read, only prints the table of a CSV file.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import jax
import numpy as np
from sklearn.metrics import roc_auc_score
from tables import bold, markdown, read_rows, write_rows

import lsmi_jax
from lsmi_jax import datasets
from lsmi_jax.datasets import Task
from lsmi_jax.decomposition import PARTS, score_information
from lsmi_jax.union import fit_potentials, log_union_scores

COLUMNS = tuple(part.symbol for part in PARTS)
GATES = ("XOR", "OR", "AND", "XOR_NOT", "COPY1", "RDN")
TASKS = {
    **{
        f"mixture K=10 rho={rho:g}": partial(datasets.gaussian_mixture, num_classes=10, correlation=rho)
        for rho in (-1.0, -0.8, -0.4, 0.0, 0.4, 0.8, 1.0)
    },
    **{f"gate {name}": partial(datasets.circuit_logic, gate=getattr(datasets, name)) for name in GATES},
    **{f"preset K={num_classes}": partial(datasets.preset, num_classes=num_classes) for num_classes in (2, 4, 10)},
    "half R, half U1 K=2": partial(datasets.preset, num_classes=2, proportions=(0.5, 0.5, 0.0, 0.0)),
    ".1/.6/.1/.2 K=2": partial(datasets.preset, num_classes=2, proportions=(0.1, 0.6, 0.1, 0.2)),
}
fitted_to, scores_of = jax.jit(fit_potentials), jax.jit(log_union_scores)


TOLERANCE = 0.01  # nats


def parts_of(task: Task, size: int) -> dict[str, lsmi_jax.Interactions]:
    """Interactions by redundancy, of all samples after the first so many, which the potentials are fitted to."""
    first, second, _ = task.log_posteriors
    potentials = fitted_to(jax.random.key(0), (first[:size], second[:size]), task.log_prior)
    union = score_information(scores_of(potentials, (first[size:], second[size:])), task.labels[size:], task.log_prior)
    information, surprisal = ([values[size:] for values in some] for some in (task.information, task.surprisal))
    paper = lsmi_jax.decompose(*information, *surprisal, redundancy=lsmi_jax.specificity_ambiguity)
    return {
        "union": lsmi_jax.decompose(*information, i_union=union),
        "paper": paper,
        "paper, shifted": lsmi_jax.adjust(paper),
    }


def truth_of(name: str, task: Task, size: int) -> np.ndarray:
    """R, U1, U2, S of the evaluated rows."""
    if task.truth is None or name.startswith("gate"):
        return np.array([float(part) for part in task.truth or ()])
    i1, i2, i12 = (float(i[size:].mean()) for i in task.information)
    shared = i2 if float(task.truth.unique1) > 0 else (i1 + i2) / 2
    return np.array([shared, i1 - shared, i2 - shared, i12 - i1 - i2 + shared])


def aurocs(task: Task, parts: lsmi_jax.Interactions, size: int) -> dict[str, float]:
    """Own-type AUROC of each part that occurs."""
    if task.sample_types is None:
        return {}
    types = np.asarray(task.sample_types[size:])
    present = [(name, types == code, part) for code, (name, part) in enumerate(zip(COLUMNS, parts, strict=True))]
    return {f"auroc {name}": float(roc_auc_score(own, np.asarray(part))) for name, own, part in present if own.any()}


def rows(num_seeds: int, size: int) -> Iterator[dict]:
    """One row per task, seed and redundancy."""
    for name, make in TASKS.items():
        for seed in range(num_seeds):
            task = make(jax.random.key(seed), num_samples=2 * size)
            truth = truth_of(name, task, size)
            for redundancy, parts in parts_of(task, size).items():
                row = {"task": name, "redundancy": redundancy, "seed": seed}
                means = [float(part.mean()) for part in parts]
                row |= {f"mean {name}": value for name, value in zip(COLUMNS, means, strict=True)}
                row |= {f"error {name}": abs(value) for name, value in zip(COLUMNS, means - truth, strict=True)}
                yield row if "shifted" in redundancy else row | aurocs(task, parts, size)


def table(rows: list[dict]) -> str:
    """Largest error of any part and mean AUROC of each task, by redundancy, the best in bold."""
    names = list(dict.fromkeys(row["redundancy"] for row in rows))
    ranked = [name for name in names if any(row.get("auroc R") for row in rows if row["redundancy"] == name)]
    header = ["task", *(f"error, {name}" for name in names), *(f"AUROC, {name}" for name in ranked)]
    lines = []
    for task in dict.fromkeys(row["task"] for row in rows):
        errors = [largest(rows, task, name) for name in names]
        aurocs = [mean_auroc(rows, task, name) for name in ranked]
        lines.append([task, *bold(errors, min), *bold(aurocs, max)])
    return markdown(header, lines)


def smaller(rows: list[dict]) -> str:
    """The words of docs/reading.md about the paper's redundancy: how often its shifted R is the smaller information."""
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    # R = min(I1, I2) where a unique part is zero.
    excess = [values_of(rows, task, "paper", "mean")[1:3].min(0).mean() for task in tasks]
    return f"R = min(I1, I2) to {TOLERANCE} nats in {sum(own < TOLERANCE for own in excess)} of {len(tasks)} tasks"


def values_of(rows: list[dict], task: str, redundancy: str, kind: str) -> np.ndarray:
    """Values of the parts that there are, for each seed."""
    own = [row for row in rows if (row["task"], row["redundancy"]) == (task, redundancy)]
    columns = ([row.get(f"{kind} {name}", "") for row in own] for name in COLUMNS)
    return np.array([column for column in columns if "" not in column], float)


def largest(rows: list[dict], task: str, redundancy: str) -> float:
    return float(values_of(rows, task, redundancy, "error").max())


def mean_auroc(rows: list[dict], task: str, redundancy: str) -> float:
    values = values_of(rows, task, redundancy, "auroc")
    return float(values.mean()) if values.size else np.nan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-seeds", type=int, default=5, help="repetitions (%(default)s)")
    parser.add_argument("--num-samples", type=int, default=5000, help="of each half (%(default)s)")
    parser.add_argument("--csv", type=Path, default=Path("union.csv"), help="file to write (%(default)s)")
    parser.add_argument("--read", type=Path, help="print the table of this CSV file, and compute nothing")
    options = parser.parse_args()
    if options.read:
        found = read_rows(options.read)
    else:
        found = list(rows(options.num_seeds, options.num_samples))
        write_rows(options.csv, found)
    print(table(found))


if __name__ == "__main__":
    main()
