"""Table 4: the interactions that models of different paradigms learn.

    python examples/paper/paradigms.py [--data FOLDER] [--num-seeds 10]

Each row is predicted by a model that was not trained on it. As in the paper, the information that a model has learned
from a modality is read by a probe of its representation. That from both is read from its joint prediction.
"""

from functools import partial
from pathlib import Path

import jax
import models
import numpy as np
from data import Dataset, degraded_av_digits, parser, twitter, wikipedia
from results import INFORMATION, PARTS, Claim, half_width, picture, table, with_error, write
from train import Make, cross_fit

import lsmi_jax
from lsmi_jax.reporting import COLORS, NAMES

NUM_FOLDS = 3
MAX_ROWS = 3000  # number of tweets used
TRAINING = {"num_rounds": 12, "batch_size": 64}  # of 25 steps
PARADIGMS: dict[str, dict[str, Make]] = {
    "feature fusion": {"joint": models.Joint, "MMIB": models.Bottleneck, "bilinear": models.Bilinear},
    "decision fusion": {"additive": models.Additive, "weighted": models.Weighted, "QMF": models.QualityAware},
    "regulation": {
        "mod-drop": models.ModalityDropout,
        "alignment": models.Alignment,
        "reconstruction": models.Reconstruction,
    },
}
CONTROLS: dict[str, Make] = {  # for pairs that share nothing but their class
    "alignment, redrawn pairs": partial(models.Alignment, positives="redrawn"),
    "alignment with the class": partial(models.Alignment, positives="class"),
}


def study(dataset: Dataset, paradigm: str, name: str, make: Make, num_seeds: int) -> list[dict]:
    """One dictionary per seed."""
    keys = jax.vmap(jax.random.key)(np.arange(num_seeds))
    make = partial(make, num_classes=len(dataset.classes))
    logits, probed = cross_fit(keys, make, dataset.features, dataset.labels, num_folds=NUM_FOLDS, **TRAINING)
    accuracy = (np.asarray(logits[2]).argmax(-1) == dataset.labels).mean(-1)
    runs = []
    for seed in range(num_seeds):
        views = [view[seed] for view in probed]
        result = lsmi_jax.estimate(keys[seed], dataset.features, dataset.labels, logits=views, num_folds=NUM_FOLDS)
        means = [float(values.mean()) for values in (*result.interactions, *result.information)]
        about = {"data": dataset.name, "paradigm": paradigm, "model": name, "seed": seed}
        columns = dict(zip(PARTS + INFORMATION, means, strict=True))
        runs.append(about | {"accuracy": float(accuracy[seed])} | columns)
    return runs


def of(runs: list[dict], data: str, column: str, **which: str) -> np.ndarray:
    """Values of every seed, averaged over models."""
    which = which | {"data": data}
    chosen = [run for run in runs if all(run[name] == value for name, value in which.items())]
    seeds = np.array([run["seed"] for run in chosen])
    values = np.array([run[column] for run in chosen])
    return np.array([values[seeds == seed].mean() for seed in np.unique(seeds)])


def draw(runs: list[dict], names: list[str], path: Path) -> None:
    """Bars of R, U1, U2 and S of each model, and the total as a mark."""
    labels = [name for group in PARADIGMS.values() for name in group]
    places = np.arange(len(labels))
    with picture(path, len(names), 1, 2.7 * len(names), sharex=True) as axes:
        for data, ax in zip(names, axes[:, 0], strict=True):
            for index, part in enumerate(PARTS):
                values = np.array([of(runs, data, part, model=name) for name in labels])
                place = places + (index - 1.5) * 0.2
                ax.bar(place, values.mean(1), 0.2, yerr=half_width(values), color=COLORS[index], label=NAMES[index])
            totals = [of(runs, data, "I12", model=name).mean() for name in labels]
            ax.hlines(totals, places - 0.4, places + 0.4, color="black", label="total (I12)")
            ax.axhline(0, color="black", linewidth=0.8)
            ax.set(title=data, ylabel="learned (nats)")
            ax.set_xticks(places, [name.replace("construction", "-\nconstruction") for name in labels])
        axes[0, 0].figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=5)


def claims(runs: list[dict], data: str) -> list[Claim]:
    """The three findings of the paper (Sec. 4.2.4)."""

    def share(paradigm: str) -> np.ndarray:
        """Share of redundancy in the total, averaged over the models of a paradigm."""
        shares = [of(runs, data, "R", model=name) / of(runs, data, "I12", model=name) for name in PARADIGMS[paradigm]]
        return np.mean(shares, axis=0)

    def between(column: str) -> float:
        """Mean difference between decision-level and feature-level fusion."""
        decision, feature = (of(runs, data, column, paradigm=own) for own in ("decision fusion", "feature fusion"))
        return float((decision - feature).mean())

    def gain(name: str, *parts: str) -> np.ndarray:
        changes = [of(runs, data, part, model=name) - of(runs, data, part, model="joint") for part in parts]
        return np.sum(changes, axis=0)

    bound = min(INFORMATION[:2], key=lambda view: of(runs, data, view, model="alignment").mean())
    reason = f"{bound} changes by {gain('alignment', bound).mean():+.3f} nats, and the true R is at most {bound}"
    for name in CONTROLS:
        if of(runs, data, "R", model=name).size:
            reason += f"; R by {gain(name, 'R').mean():+.3f} in *{name}*"
    return [
        Claim(
            "a larger share of redundancy in decision-level than in feature-level fusion",
            data,
            share("decision fusion") - share("feature fusion"),
            unit="of the total",
            reason=f"R changes by {between('R'):+.3f} nats, but the total by {between('I12'):+.3f}",
        ),
        Claim(
            "more redundancy by alignment than by joint learning",
            data,
            gain("alignment", "R"),
            reason=reason,
        ),
        Claim("more unique information by reconstruction", data, gain("reconstruction", "U1", "U2")),
    ]


def changes(runs: list[dict], names: list[str]) -> str:
    """What alignment and reconstruction change, and the controls where pairs are random."""

    def change(data: str, name: str, column: str) -> str:
        difference = of(runs, data, column, model=name) - of(runs, data, column, model="joint")
        return f"{difference.mean():+.3f} ± {half_width(difference):.3f}"

    columns = ("R", "U1", "U2", *INFORMATION)
    pairs = [(data, name) for data in names for name in ("alignment", *CONTROLS, "reconstruction")]
    rows = [
        [data, name, *(change(data, name, column) for column in columns)]
        for data, name in pairs
        if of(runs, data, "R", model=name).size
    ]
    return (
        "Change from joint learning in nats, with 95% intervals. Images and sounds of digits were matched at random "
        "within a class. *Redrawn pairs* match them anew in each batch, so that no pair can be memorized. *With the "
        "class*, all rows of its class match a row, so that pairs say no more than the class. "
        "U2 is the union information less I1, so it also rises where less can be read from the first modality.\n\n"
    ) + table(["data", "model", *columns], rows)


def main() -> None:
    """Runs all models on all data sets."""
    arguments = parser(__doc__).parse_args()
    digits = degraded_av_digits(arguments.data)
    sets = digits, wikipedia(arguments.data), twitter(arguments.data).at_most(MAX_ROWS)
    jobs = [
        (dataset, paradigm, name, make)
        for dataset in sets
        for paradigm, group in PARADIGMS.items()
        for name, make in group.items()
    ]
    jobs += [(digits, "regulation", name, make) for name, make in CONTROLS.items()]
    report(arguments.out, [run for job in jobs for run in study(*job, arguments.num_seeds)])


def report(out: Path, runs: list[dict]) -> None:
    """Writes runs, claims, page and figure."""
    names, num_seeds = list(dict.fromkeys(run["data"] for run in runs)), len({run["seed"] for run in runs})
    draw(runs, names, out / "paper_paradigms.png")
    columns = ("accuracy", *PARTS, *INFORMATION)
    rows = [
        [data, paradigm, name, *(with_error(of(runs, data, column, model=name)) for column in columns)]
        for data in names
        for paradigm, group in PARADIGMS.items()
        for name in group
    ]
    write(
        out,
        "paper_paradigms",
        "Table 4: interactions that models of different paradigms learn",
        runs,
        [claim for data in names for claim in claims(runs, data)],
        f"Means over {num_seeds} seeds of {NUM_FOLDS} folds, with the standard error in parentheses: "
        "held-out accuracy of the model's joint prediction, and nats. R + U1 is I1, R + U2 is I2, I12 is the total. "
        "The share of R in the total rises by itself where the joint prediction is weak. Whiskers of the figure show "
        "95% intervals.",
        table(["data", "paradigm", "model", *columns], rows),
        changes(runs, names),
        picture=True,
    )


if __name__ == "__main__":
    main()
