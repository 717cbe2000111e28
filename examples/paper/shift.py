"""Table 9: interactions inside and outside the training domain.

    python examples/paper/shift.py [--data FOLDER] [--num-seeds 3]

Tweets: trained on labels by hashtag, scored on other such tweets and on tweets labeled by people. Images and sounds of
digits: trained clean or with moderate noise, scored with increasing noise.
"""

from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np
from data import Dataset, av_digits, parser, twitter
from results import PARTS, table, with_error, write

import lsmi_jax
from lsmi_jax.reporting import COLORS

MAX_ROWS = 10_000  # number of training tweets
LEVELS = (0.0, 0.5, 1.0, 2.0, 4.0)  # standard deviation of the noise, relative to that of the block
TRAINED = (0.0, 1.0)


def noisy(dataset: Dataset, level: float, seed: int) -> Dataset:
    """The data set with noise on both blocks."""
    rng = np.random.default_rng(seed)
    blocks = ((x + level * x.std() * rng.normal(size=x.shape)).astype(np.float32) for x in dataset.features)
    return dataset._replace(features=tuple(blocks))


def means(estimator: lsmi_jax.Estimator, dataset: Dataset) -> dict:
    result = lsmi_jax.score(estimator, dataset.features, dataset.labels)
    values = {name: float(part.mean()) for name, part in zip(PARTS, result.adjusted, strict=True)}
    return values | {"total": sum(values.values()), "S raw": float(result.interactions.synergy.mean())}


def score_tweets(tweets: Dataset, seed: int) -> list[dict]:
    by_hashtag, by_people = np.flatnonzero(tweets.split == 0), np.flatnonzero(tweets.split > 0)
    order = np.random.default_rng(seed).permutation(by_hashtag)
    train = tweets.pick(order[:MAX_ROWS])
    estimator = lsmi_jax.fit_estimator(jax.random.key(seed), train.features, train.labels)
    scored = {"by hashtag": order[MAX_ROWS : MAX_ROWS + len(by_people)], "by people": by_people}
    about = {"data": tweets.name, "seed": seed, "trained": "by hashtag"}
    return [about | {"scored": name} | means(estimator, tweets.pick(rows)) for name, rows in scored.items()]


def score_digits(digits: Dataset, seed: int) -> list[dict]:
    order = np.random.default_rng(seed).permutation(len(digits.labels))
    train, test = digits.pick(order[::2]), digits.pick(order[1::2])
    runs = []
    for trained in TRAINED:
        noisy_train = noisy(train, trained, seed)
        estimator = lsmi_jax.fit_estimator(jax.random.key(seed), noisy_train.features, noisy_train.labels)
        about = {"data": digits.name, "seed": seed, "trained": f"noise {trained:g}"}
        runs += [
            about | {"scored": f"noise {level:g}"} | means(estimator, noisy(test, level, seed + 1000))
            for level in LEVELS
        ]
    return runs


def of(runs: list[dict], trained: str, scored: str, column: str) -> list[float]:
    return [run[column] for run in runs if (run["trained"], run["scored"]) == (trained, scored)]


def draw(runs: list[dict], path: Path) -> None:
    figure, axes = plt.subplots(1, len(TRAINED), figsize=(11, 4), layout="constrained")
    for trained, ax in zip(TRAINED, axes, strict=True):
        for part, color in zip((*PARTS, "total"), (*COLORS, "black"), strict=True):
            values = np.array([of(runs, f"noise {trained:g}", f"noise {level:g}", part) for level in LEVELS])
            error = 2 * values.std(1, ddof=1) / np.sqrt(values.shape[1]) if values.shape[1] > 1 else None
            ax.errorbar(np.arange(len(LEVELS)), values.mean(1), error, color=color, marker="o", label=part, capsize=3)
        ax.set_xticks(np.arange(len(LEVELS)), [f"{level:g}" for level in LEVELS])
        ax.set(title=f"trained with noise {trained:g}", xlabel="noise of the scored samples (standard deviations)")
        ax.axhline(0, color="grey", linewidth=0.8)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("mean over held-out samples (nats)")
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def verdict(runs: list[dict], trained: str, inside: str, outside: str) -> str:
    """A phrase on the change of the total and of synergy."""
    total, synergy = (
        [np.mean(of(runs, trained, scored, column)) for scored in (inside, outside)] for column in ("total", "S")
    )
    fell = "less information" if total[1] < total[0] else "no less information"
    rose = "more synergy" if synergy[1] > synergy[0] else "no more synergy"
    return f"{fell} ({total[1]:.3f} against {total[0]:.3f}) and {rose} ({synergy[1]:.3f} against {synergy[0]:.3f})"


def main() -> None:
    arguments = parser(__doc__).parse_args()
    digits, tweets = av_digits(arguments.data), twitter(arguments.data)
    runs = [
        run for seed in range(arguments.num_seeds) for run in score_tweets(tweets, seed) + score_digits(digits, seed)
    ]
    arguments.out.mkdir(parents=True, exist_ok=True)
    draw(runs, arguments.out / "paper_shift.png")
    columns = (*PARTS, "total", "S raw")
    kinds = dict.fromkeys((run["data"], run["trained"], run["scored"]) for run in runs)
    rows = [[*kind, *(with_error(of(runs, *kind[1:], column)) for column in columns)] for kind in kinds]
    write(
        arguments.out,
        "paper_shift",
        "Table 9: inside and outside the training domain",
        runs,
        "**Finding** (in the paper, less information and more synergy outside the domain): tweets labeled by people "
        f"have {verdict(runs, 'by hashtag', 'by hashtag', 'by people')}. Digits with noise of two standard deviations "
        f"have, after clean training, {verdict(runs, 'noise 0', 'noise 0', 'noise 2')}, and after training with "
        f"noise of one standard deviation, {verdict(runs, 'noise 1', 'noise 1', 'noise 2')}.",
        f"Means over held-out samples in nats, adjusted unless raw, over {arguments.num_seeds} seeds, with the "
        "standard error in brackets; whiskers show two standard errors.",
        table(["data", "trained", "scored", *columns], rows),
        picture=True,
    )


if __name__ == "__main__":
    main()
