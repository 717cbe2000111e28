"""Table 4: the interactions that models of different paradigms learn.

    python examples/paper/paradigms.py [--data FOLDER] [--num-seeds 3]

Each row is predicted by a model that was not trained on it. As in the paper, the information that a model has learned
from a modality is read by a probe of its representation, and that from both by a probe of its joint prediction.
"""

from functools import partial
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import models
import numpy as np
from data import Dataset, degraded_av_digits, parser, twitter
from results import PARTS, table, with_error, write
from train import Make, cross_fit

import lsmi_jax
from lsmi_jax.reporting import COLORS, NAMES

NUM_FOLDS = 3
MAX_ROWS = 6000  # number of tweets used
PARADIGMS: dict[str, dict[str, Make]] = {
    "feature fusion": {"joint": models.Joint, "MMIB": models.Bottleneck, "bilinear": models.Bilinear},
    "decision fusion": {"additive": models.Additive, "weighted": models.Weighted, "QMF": models.QualityAware},
    "regulation": {
        "mod-drop": models.ModalityDropout,
        "alignment": models.Alignment,
        "reconstruction": models.Reconstruction,
    },
}


def subset(dataset: Dataset) -> Dataset:
    """At most `MAX_ROWS` rows, at random."""
    rows = np.random.default_rng(0).permutation(len(dataset.labels))[:MAX_ROWS]
    return dataset.pick(np.sort(rows))


def study(dataset: Dataset, paradigm: str, name: str, make: Make, num_seeds: int) -> list[dict]:
    """One dictionary per seed."""
    keys = jax.vmap(jax.random.key)(np.arange(num_seeds))
    make = partial(make, num_classes=len(dataset.classes))
    logits, probed = cross_fit(keys, make, dataset.features, dataset.labels, num_folds=NUM_FOLDS)
    accuracy = (np.asarray(logits[2]).argmax(-1) == dataset.labels).mean(-1)
    runs = []
    for seed in range(num_seeds):
        views = [view[seed] for view in probed]
        result = lsmi_jax.estimate(keys[seed], dataset.features, dataset.labels, logits=views, num_folds=NUM_FOLDS)
        means = {part: float(values.mean()) for part, values in zip(PARTS, result.adjusted, strict=True)}
        total = float(result.information[2].mean())
        about = {"data": dataset.name, "paradigm": paradigm, "model": name, "seed": seed}
        runs.append(about | {"accuracy": float(accuracy[seed])} | means | {"total": total})
    return runs


def of(runs: list[dict], data: str, column: str, **which: str) -> np.ndarray:
    """Values of every seed, or of every seed and model."""
    which = which | {"data": data}
    return np.array([run[column] for run in runs if all(run[name] == value for name, value in which.items())])


def draw(runs: list[dict], names: list[str], path: Path) -> None:
    figure, axes = plt.subplots(len(names), 1, figsize=(10, 3.2 * len(names)), sharex=True, layout="constrained")
    labels = [name for group in PARADIGMS.values() for name in group]
    for data, ax in zip(names, axes, strict=True):
        for index, part in enumerate(PARTS):
            values = np.array([of(runs, data, part, model=name) for name in labels])
            error = 2 * values.std(1, ddof=1) / np.sqrt(values.shape[1]) if values.shape[1] > 1 else None
            place = np.arange(len(labels)) + (index - 1.5) * 0.2
            ax.bar(place, values.mean(1), 0.2, yerr=error, color=COLORS[index], label=NAMES[index])
        ax.axhline(0, color="black", linewidth=0.8)
        ax.set(title=data, ylabel="learned (nats)")
        ax.set_xticks(np.arange(len(labels)), labels)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, ncols=4, fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def verdict(runs: list[dict], data: str) -> str:
    """The paper's three findings, each with its difference and standard error over seeds."""

    def mean(part: str, **which: str) -> np.ndarray:
        return of(runs, data, part, **which).reshape(-1, 1 + max(run["seed"] for run in runs)).mean(0)

    def share(**which: str) -> np.ndarray:
        return mean("R", **which) / mean("total", **which)

    def outcome(gain: np.ndarray) -> str:
        error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
        return f"{'reproduced' if gain.mean() > 2 * error else 'not reproduced'} ({with_error(gain)})"

    fusion = share(paradigm="decision fusion") - share(paradigm="feature fusion")
    alignment = mean("R", model="alignment") - mean("R", model="joint")
    unique = sum(mean(part, model="reconstruction") - mean(part, model="joint") for part in ("U1", "U2"))
    return (
        f"on {data} a larger share of redundancy in decision-level fusion than in feature-level fusion is "
        f"{outcome(fusion)}, more redundancy by alignment than by joint learning is {outcome(alignment)}, and more "
        f"unique information by reconstruction is {outcome(np.asarray(unique))}"
    )


def main() -> None:
    arguments = parser(__doc__).parse_args()
    sets = [degraded_av_digits(arguments.data), subset(twitter(arguments.data))]
    runs = [
        run
        for dataset in sets
        for paradigm, group in PARADIGMS.items()
        for name, make in group.items()
        for run in study(dataset, paradigm, name, make, arguments.num_seeds)
    ]
    names = [dataset.name for dataset in sets]
    arguments.out.mkdir(parents=True, exist_ok=True)
    draw(runs, names, arguments.out / "paper_paradigms.png")
    columns = ("accuracy", *PARTS, "total")
    rows = [
        [data, paradigm, name, *(with_error(of(runs, data, column, model=name)) for column in columns)]
        for data in names
        for paradigm, group in PARADIGMS.items()
        for name in group
    ]
    write(
        arguments.out,
        "paper_paradigms",
        "Table 4: interactions that models of different paradigms learn",
        runs,
        f"**Finding:** {'; '.join(verdict(runs, data) for data in names)}.",
        f"Over {arguments.num_seeds} seeds of {NUM_FOLDS} folds, with the standard error in brackets: held-out "
        "accuracy of the model's joint prediction, and adjusted means in nats. Whiskers show two standard errors.",
        table(["data", "paradigm", "model", *columns], rows),
        picture=True,
    )


if __name__ == "__main__":
    main()
