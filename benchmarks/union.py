"""How exact is the union information with exact posteriors? Prints the table of docs/choosing.md.

    python benchmarks/union.py [--num-seeds 5] [--num-samples 5000]

Fits potentials to some samples and evaluates them on as many others. Errors are those of the worst seed, against the
truth of the same rows or, for gates, of the population.
"""

import argparse
from functools import partial

import jax
import numpy as np
from sklearn.metrics import roc_auc_score

import lsmi_jax
from lsmi_jax import datasets
from lsmi_jax.datasets import Task
from lsmi_jax.decomposition import score_information
from lsmi_jax.union import fit_potentials, log_union_scores

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


def parts_of(task: Task, size: int) -> lsmi_jax.Interactions:
    """Interactions of all samples after the first so many, which the potentials are fitted to."""
    first, second, _ = task.log_posteriors
    potentials = fitted_to(jax.random.key(0), (first[:size], second[:size]), task.log_prior)
    union = score_information(scores_of(potentials, (first[size:], second[size:])), task.labels[size:], task.log_prior)
    return lsmi_jax.decompose(*(i[size:] for i in task.information), i_union=union)


def truth_of(name: str, task: Task, size: int) -> np.ndarray:
    """R, U1, U2, S of the evaluated rows."""
    if task.truth is None or name.startswith("gate"):
        return np.array([float(part) for part in task.truth or ()])
    i1, i2, i12 = (float(i[size:].mean()) for i in task.information)
    shared = i2 if float(task.truth.unique1) > 0 else (i1 + i2) / 2
    return np.array([shared, i1 - shared, i2 - shared, i12 - i1 - i2 + shared])


def aurocs(task: Task, parts: lsmi_jax.Interactions, size: int) -> list[float]:
    """Own-type AUROC of each part that occurs."""
    if task.sample_types is None:
        return []
    types = np.asarray(task.sample_types[size:])
    present = [(types == code, np.asarray(part)) for code, part in enumerate(parts) if (types == code).any()]
    return [float(roc_auc_score(own, part)) for own, part in present]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-seeds", type=int, default=5)
    parser.add_argument("--num-samples", type=int, default=5000)
    options = parser.parse_args()
    size = options.num_samples
    for name, make in TASKS.items():
        means, errors, ranks = [], [], []
        for seed in range(options.num_seeds):
            task = make(jax.random.key(seed), num_samples=2 * size)
            parts = parts_of(task, size)
            means.append([float(part.mean()) for part in parts])
            errors.append(np.abs(means[-1] - truth_of(name, task, size)))
            ranks.append(aurocs(task, parts, size))
        columns = (np.mean(means, axis=0), np.max(errors, axis=0), np.mean(ranks, axis=0))
        print(f"| {name} | " + " | ".join(" ".join(f"{v:z.3f}" for v in column) or "-" for column in columns) + " |")


if __name__ == "__main__":
    main()
