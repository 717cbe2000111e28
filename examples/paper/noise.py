"""Table 8: the interactions of samples under their own label and under a wrong label.

    python examples/paper/noise.py [--num-seeds 10]

As in the paper, models are trained on clean labels, and held-out samples are then scored with labels of other classes.
A second experiment is closer to practice: a tenth of the training labels are wrong, and must be found.
"""

from pathlib import Path

import jax
import numpy as np
from data import Dataset, digit_views, parser
from results import Claim, picture, table, with_error, write

import lsmi_jax
from lsmi_jax.decomposition import PARTS
from lsmi_jax.reporting import COLORS, NAMES

COLUMNS = (*(part.column for part in PARTS), "total")
WRONG = 0.1  # fraction of the labels


def with_total(result: lsmi_jax.Estimate) -> np.ndarray:
    """The four parts of each sample and their sum, ``[5, n]``."""
    parts = np.asarray(result.interactions)
    return np.concatenate([parts, parts.sum(0, keepdims=True)])


def other_labels(labels: np.ndarray, seed: int) -> np.ndarray:
    """Another class for each sample, at random."""
    return ((labels + np.random.default_rng(seed).integers(1, 10, len(labels))) % 10).astype(labels.dtype)


def clean_and_wrong(digits: Dataset, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Held-out rows, and their parts under their own labels and under other labels."""
    order = np.random.default_rng(seed).permutation(len(digits.labels))
    train, test = digits.pick(order[::2]), digits.pick(order[1::2])
    estimator = lsmi_jax.fit_estimator(jax.random.key(seed), train.features, train.labels)
    clean, wrong = (
        with_total(lsmi_jax.score(estimator, test.features, labels))
        for labels in (test.labels, other_labels(test.labels, seed))
    )
    return order[1::2], clean, wrong


def found_by(digits: Dataset, seed: int) -> np.ndarray:
    """AUROC with which a low value of each part finds wrong training labels, out-of-fold."""
    is_wrong = np.random.default_rng(seed).random(len(digits.labels)) < WRONG
    labels = np.where(is_wrong, other_labels(digits.labels, seed), digits.labels)
    ranks = with_total(lsmi_jax.estimate(jax.random.key(seed), digits.features, labels)).argsort(1).argsort(1)
    high, low = (~is_wrong).sum(), is_wrong.sum()
    return (ranks[:, ~is_wrong].sum(1) - high * (high - 1) / 2) / (high * low)


def draw(clean: np.ndarray, wrong: np.ndarray, path: Path) -> None:
    with picture(path, 2, 2, 6.4, sharey=True) as axes:
        for part, (name, color, ax) in enumerate(zip(NAMES, COLORS, axes.flat, strict=True)):
            lowest, highest = np.quantile(np.stack([clean[part], wrong[part]]), [0.001, 0.999])
            bins = np.linspace(lowest, highest, 40)
            ax.hist(clean[part], bins, color=color, label="own label")
            ax.hist(wrong[part], bins, histtype="step", color="black", label="wrong label")
            ax.set_title(name, color=color)
            ax.set(xlabel="nats", yscale="log")
            ax.legend(fontsize=9)
        for ax in axes[:, 0]:
            ax.set_ylabel("held-out samples")


def main() -> None:
    arguments = parser(__doc__).parse_args()
    views = digit_views()
    digits = views._replace(modalities=views.modalities[:2], features=views.features[:2])
    scored = [clean_and_wrong(digits, seed) for seed in range(arguments.num_seeds)]
    found = np.array([found_by(digits, seed) for seed in range(arguments.num_seeds)])
    draw(*scored[0][1:], arguments.out / "paper_noise.png")
    means = {"own": np.array([c.mean(1) for _, c, _ in scored]), "wrong": np.array([w.mean(1) for _, _, w in scored])}
    runs = [
        {"seed": seed, "label": label} | dict(zip(COLUMNS, values.tolist(), strict=True))
        for label, seeds in (means | {"area": found}).items()
        for seed, values in enumerate(seeds)
    ]
    rows, clean, wrong = scored[0]
    largest = [int(np.argmax(clean[part])) for part in (0, 2, 3)]
    samples = [
        [f"digit {digits.labels[rows[i]]}, row {rows[i]}", label, *(f"{v:.2f}" for v in values[:, i])]
        for i in largest
        for label, values in (("own", clean), ("wrong", wrong))
    ]
    inverted, redundancy = (np.array([((c[part] > 0) & (w[part] < 0)).mean() for _, c, w in scored]) for part in (4, 0))
    claims = [
        Claim(
            f"a wrong label turns {name} from positive to negative on most samples", digits.name, share - 0.5, "of them"
        )
        for name, share in (("total", inverted), ("redundancy", redundancy))
    ]
    text = "low totals find wrong training labels better than low synergy does"
    claims.append(Claim(text, digits.name, found[:, 4] - found[:, 3], "AUROC", of_paper=False))
    write(
        arguments.out,
        "paper_noise",
        "Table 8: clean against corrupted labels",
        runs,
        claims,
        f"Means over held-out digits ({digits.modalities[0]}, {digits.modalities[1]}) in nats, over "
        f"{arguments.num_seeds} seeds, with the standard error in parentheses; models are trained on clean labels.",
        table(["label", *COLUMNS], [[label, *map(with_error, values.T)] for label, values in means.items()]),
        "The samples with the largest r, u2 and s under their own label (seed 0):",
        table(["sample", "label", *COLUMNS], samples),
        f"With {WRONG:.0%} wrong training labels, low out-of-fold values identify them: area under the ROC curve, "
        "where 0.5 is chance.",
        table(["", *COLUMNS], [["area", *map(with_error, found.T)]]),
        picture=True,
    )


if __name__ == "__main__":
    main()
