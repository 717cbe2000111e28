"""Table 6: contrastive fine-tuning on all samples, and on samples of low or high redundancy.

    python examples/paper/partition.py --data FOLDER

Two small towers play the part of ImageBind. They are first aligned on all pairs without labels. They are then
fine-tuned with the same contrastive loss on a part of the rows: on all rows of this part, on a random half of each
class, and on the halves of each class with the lowest r, the highest r and the highest i12. Linear probes then measure
how well the towers' features predict the class of unused rows. In two of the sets the second modality of some
fine-tuning rows is that of a random row.
"""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from data import Dataset, av_digits, parser, wikipedia
from flax import nnx
from models import contrast
from results import INFORMATION, Claim, half_width, picture, table, with_error, with_interval, write
from scipy import stats
from splits import parts
from towers import Towers

import lsmi_jax
from lsmi_jax.models import Whiten, descend, fit_linear, linear_losses

TENTHS = 6, 1, 3  # of the rows: fine-tuning, choice of the probe's penalty, test
ARMS = ("none", "all", "random half", "low r", "high r", "high i12", "matched")
FINDERS = ("r", "i12", "min(i1, i2)")
STEPS, BATCH, RATE = 200, 128, 1e-3
PENALTIES = (1.0, 0.1, 0.01, 1e-3)
NUM_ROWS, NUM_COLUMNS = 2860, 40  # of every data set, so that one compiled program serves all
MISMATCHED = 0.3  # of the fine-tuning rows


class Chosen(NamedTuple):
    """Rows of the arms of one seed.

    Attributes:
        rows: Rows of each arm ``[arms, t]``; halves appear twice.
        partners: Row that each row has its second modality from ``[n]``.
        means: Mean out-of-fold r, i1, i2 and i12 of the rows of each arm ``[arms, 4]``.
        found: AUROC of each of `FINDERS` for matched rows; NaN if all are matched.
        matched: Fraction of matched rows in each arm.
    """

    rows: np.ndarray
    partners: np.ndarray
    means: np.ndarray
    found: np.ndarray
    matched: np.ndarray


def align(
    key: jax.Array, towers: Towers, features: tuple, rows: jax.Array, partners: jax.Array, rate: jax.Array | float
) -> Towers:
    """Trains the towers on the contrastive loss of these rows."""
    graphdef, params, rest = nnx.split(towers, nnx.Param, ...)  # type: ignore[misc]
    decay = optax.cosine_decay_schedule(1.0, STEPS)
    optimizer = optax.adam(lambda count: rate * decay(count))

    def loss(params: nnx.State, batch: jax.Array) -> jax.Array:
        hidden = nnx.merge(graphdef, params, rest)((features[0][batch], features[1][partners[batch]]))
        return contrast(hidden, jnp.eye(BATCH)).mean()

    def step(carry: tuple, batch: jax.Array) -> tuple:
        params, state = carry
        return descend(optimizer, jax.grad(loss)(params, batch), params, state), None

    batches = rows[jax.random.randint(key, (STEPS, BATCH), 0, len(rows))]
    (params, _), _ = jax.lax.scan(step, (params, optimizer.init(params)), batches)
    return nnx.merge(graphdef, params, rest)


@partial(jax.jit, static_argnums=4)
def representations(keys, features, chosen, partners, num_classes) -> tuple[jax.Array, jax.Array]:
    """Features ``[m, arms, n, width]`` of all samples in their own pairs, by both towers of every seed and arm."""

    def one_seed(key: jax.Array, chosen: jax.Array, partners: jax.Array) -> tuple[jax.Array, jax.Array]:
        make_key, key, tune_key = jax.random.split(key, 3)
        start = Towers(make_key, features, num_classes=num_classes)
        start = align(key, start, features, jnp.arange(len(partners)), partners, RATE)

        def one_arm(own: jax.Array, rate: jax.Array) -> tuple[jax.Array, jax.Array]:
            return align(tune_key, start, features, own, partners, rate)(features)

        return jax.vmap(one_arm)(chosen, RATE * jnp.minimum(jnp.arange(len(ARMS)), 1))  # the first arm stands still

    return jax.vmap(one_seed)(keys, chosen, partners)


@partial(jax.jit, static_argnums=5)
def accuracies(views, labels, tune, stop, test, num_classes) -> jax.Array:
    """Test accuracy ``[m, arms, views]`` of linear probes, with the penalty of least loss on the ``stop`` rows."""

    def accuracy(hidden: jax.Array, tune: jax.Array, stop: jax.Array, test: jax.Array) -> jax.Array:
        rows = Whiten(hidden[tune])(hidden)
        weights = fit_linear(rows[tune], labels[tune], num_classes=num_classes, penalties=jnp.array(PENALTIES))
        losses = jax.vmap(lambda probe: linear_losses(probe, rows[stop], labels[stop]).mean())(weights)
        kernel, bias = (leaf[losses.argmin()] for leaf in weights)
        return ((rows[test] @ kernel + bias[None]).argmax(1) == labels[test]).mean()

    probe = jax.vmap(jax.vmap(accuracy, in_axes=(0, None, None, None)))
    return jnp.stack([probe(hidden, tune, stop, test) for hidden in views], axis=-1)


def mismatch(seed: int, tune: np.ndarray, share: float) -> np.ndarray:
    """Row ``[n]`` that each row has its second modality from: a random one for a share of the fine-tuning rows."""
    rng, partners = np.random.default_rng(seed), np.arange(NUM_ROWS)
    wrong = rng.permutation(tune)[: round(share * len(tune))]
    partners[wrong] = rng.choice(tune, len(wrong))
    return partners


def half(values: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lower and the upper half of each class by these values."""
    low, high = lsmi_jax.applications.partition(lsmi_jax.Interactions(*4 * [jnp.asarray(values)]), labels=labels)
    return low, high


def auroc(values: np.ndarray, positive: np.ndarray) -> float:
    """Probability that a positive row has the higher value; NaN if all rows are positive."""
    return float(stats.mannwhitneyu(values[positive], values[~positive]).statistic / positive.sum() / (~positive).sum())


def choose(seed: int, dataset: Dataset, tune: np.ndarray, share: float) -> Chosen:
    """Rows of each arm by out-of-fold interactions of the fine-tuning rows."""
    partners = mismatch(seed, tune, share)
    matched, labels = partners[tune] == tune, dataset.labels[tune]
    features = dataset.features[0][tune], dataset.features[1][partners[tune]]
    estimate = lsmi_jax.estimate(jax.random.key(seed), features, labels, num_folds=2)
    r, i1, i2, i12 = map(np.asarray, (estimate.interactions.redundancy, *estimate.information))
    everything, random = np.arange(len(tune)), np.random.default_rng(seed).random(len(tune))
    low, high = half(r, labels)
    rows = everything, everything, half(random, labels)[1], low, high, half(i12, labels)[1], np.flatnonzero(matched)
    finders = r, i12, np.minimum(i1, i2)
    return Chosen(
        tune[np.stack([np.resize(own, len(tune)) for own in rows])],
        partners,
        np.array([[values[own].mean() for values in (r, i1, i2, i12)] for own in rows]),
        np.array([np.nan if matched.all() else auroc(values, matched) for values in finders]),
        np.array([matched[own].mean() for own in rows]),
    )


def study(dataset: Dataset, num_seeds: int, share: float) -> list[dict]:
    """One dictionary per seed and arm."""
    name = f"{dataset.name}, {share:.0%} mismatched" if share else dataset.name
    rows = parts(dataset.labels, TENTHS, num_seeds)
    chosen = [choose(seed, dataset, rows[0][seed], share) for seed in range(num_seeds)]
    features, labels = tuple(map(jnp.asarray, dataset.features)), jnp.asarray(dataset.labels)
    keys, num_classes = jax.vmap(jax.random.key)(jnp.arange(num_seeds)), len(dataset.classes)
    arms, partners = (jnp.asarray(np.stack(own)) for own in ([c.rows for c in chosen], [c.partners for c in chosen]))
    hidden = representations(keys, features, arms, partners, num_classes)
    found = np.asarray(accuracies((jnp.concatenate(hidden, -1), *hidden), labels, *map(jnp.asarray, rows), num_classes))
    return [
        {"data": name, "seed": seed, "arm": arm, "matched": round(float(own.matched[a]), 4)}
        | {symbol: round(float(mean), 4) for symbol, mean in zip(("R", *INFORMATION), own.means[a], strict=True)}
        | {f"accuracy{v}": round(float(found[seed, a, v]), 4) for v in range(3)}
        | {f"AUROC {finder}": round(float(value), 4) for finder, value in zip(FINDERS, own.found, strict=True)}
        for seed, own in enumerate(chosen)
        for a, arm in enumerate(ARMS)
        if share or arm != "matched"
    ]


def of(runs: list[dict], data: str, arm: str, column: str) -> np.ndarray:
    """Values of every seed."""
    return np.array([run[column] for run in runs if (run["data"], run["arm"]) == (data, arm)])


def difference(runs: list[dict], data: str, first: str, second: str, view: int = 0) -> np.ndarray:
    """Accuracy of one arm minus that of another, for each seed."""
    return of(runs, data, first, f"accuracy{view}") - of(runs, data, second, f"accuracy{view}")


def reason(runs: list[dict], name: str, arm: str) -> str:
    """Why the half of highest r may do no better than that of another arm."""
    means = {(own, c): of(runs, name, own, c).mean() for own in ("high r", arm) for c in ("matched", "R", "I12")}
    if "mismatched" in name:
        shares = [f"{means[own, 'matched']:.0%}" for own in ("high r", arm)]
        return f"{shares[0]} of the pairs are matched in the half of highest r, {shares[1]} in the other"
    redundancy, total = (means[arm, column] for column in ("R", "I12"))
    return f"the other half is redundant, too: R is {redundancy:.2f} of {total:.2f} nats"


def claims(runs: list[dict], names: list[str]) -> list[Claim]:
    """Fine-tuning on high redundancy is better than on other halves, on every data set."""
    others = {"low r": "the half of lowest r", "random half": "a random half", "high i12": "the half of highest i12"}
    return [
        Claim(
            f"fine-tuning on the half of highest r beats {text}",
            name,
            100 * difference(runs, name, "high r", arm),
            "points",
            "" if arm == "random half" else reason(runs, name, arm),
            digits=2,
        )
        for name in names
        for arm, text in others.items()
    ]


def draw(runs: list[dict], names: list[str], path: Path) -> None:
    """Draws differences in accuracy from the random half, one panel per data set."""
    shown = [arm for arm in ARMS if arm != "random half"]
    with picture(path, 1, len(names), 3.4, sharex=True, sharey=True) as axes:
        for name, ax in zip(names, axes[0], strict=True):
            arms = [arm for arm in shown if arm != "matched" or "mismatched" in name]
            gains = 100 * np.array([difference(runs, name, arm, "random half") for arm in arms])
            position = [shown.index(arm) for arm in arms]
            ax.errorbar(gains.mean(1), position, xerr=half_width(gains), color="black", marker="o", linestyle="")
            ax.axvline(0, color="grey", linewidth=0.8)
            ax.set_title(name.replace(", ", ",\n").replace(" of digits", "\nof digits"), fontsize=10)
        axes[0, 0].set_yticks(range(len(shown)), shown)
        axes[0, 0].invert_yaxis()
        label = "test accuracy minus that of the random half (percentage points)"
        axes[0, 0].figure.supxlabel(label, fontsize="medium")


def main() -> None:
    arguments = parser(__doc__).parse_args()
    articles, digits = (
        load(arguments.data).at_most(NUM_ROWS).components(NUM_COLUMNS) for load in (wikipedia, av_digits)
    )
    settings = [(articles, 0.0), (digits, 0.0), (articles, MISMATCHED), (digits, MISMATCHED)]
    report([run for dataset, share in settings for run in study(dataset, arguments.num_seeds, share)], arguments.out)


def report(runs: list[dict], out: Path) -> None:
    """Writes tables, claims and figure."""
    num_seeds = len({run["seed"] for run in runs})
    names = list(dict.fromkeys(run["data"] for run in runs))
    mismatched = [name for name in names if "mismatched" in name]
    draw(runs, names, out / "paper_partition.png")
    columns = ("matched", "R", *INFORMATION, "accuracy0", "accuracy1", "accuracy2")
    rows = [
        [name, arm, *(with_error(of(runs, name, arm, column)) for column in columns)]
        for name in names
        for arm in ARMS
        if len(of(runs, name, arm, "R"))
    ]
    found = []
    for name in mismatched:
        r, i12, smaller = (of(runs, name, "all", f"AUROC {finder}") for finder in FINDERS)
        found.append([name, *map(with_error, (r, i12, smaller)), *map(with_interval, (r - i12, r - smaller))])
    pairs = [("high r", "low r"), ("high r", "random half"), ("high r", "high i12"), ("high r", "all")]
    pairs += [("low r", "random half"), ("high i12", "random half"), ("all", "none")]
    differences = [
        [name, f"{a} - {b}", *(with_interval(difference(runs, name, a, b, view)) for view in range(3))]
        for name in names
        for a, b in (*pairs, *((("matched", "all"),) if name in mismatched else ()))
    ]
    write(
        out,
        "paper_partition",
        "Table 6: contrastive fine-tuning on parts of the data",
        runs,
        claims(runs, names),
        "Two small towers play the part of ImageBind, which is not available here. They are first aligned on all "
        "pairs, those of test rows too, by the contrastive loss and without labels, as ImageBind is. All halves are "
        f"balanced: half of each class. All arms take {STEPS} steps. *none* is before fine-tuning. *matched* is all "
        "matched rows, which are known only because the mismatch is made here.",
        f"In the mismatched sets, the second modality of {MISMATCHED:.0%} of the fine-tuning rows is that of a random "
        "fine-tuning row. The first alignment sees these pairs, too. Probes are fitted and tested on true pairs. "
        "The table has the AUROC with which high values find matched rows. About a tenth of the random rows have the "
        "right class by chance, and no value can find these.",
        table(["data", *FINDERS, "r - i12", "r - min(i1, i2)"], found),
        f"Means over {num_seeds} seeds, with the standard error in parentheses. R and information are means "
        "over the rows used for fine-tuning, out of fold, in nats. Accuracy is that of linear probes on unused rows, "
        f"on both towers, on the first and on the second. Each data set has {NUM_ROWS} rows of {NUM_COLUMNS} "
        "principal components.",
        table(["data", "fine-tuned on", "matched", "R", *INFORMATION, "both", "x1", "x2"], rows),
        "Differences in accuracy, paired by seed, with the interval. The figure shows those from the random half.",
        table(["data", "arms", "both", "x1", "x2"], differences),
        picture=True,
    )


if __name__ == "__main__":
    main()
