"""Table 9: interactions in the domain that models learnt from, and out of it.

    python examples/paper/shift.py [--data FOLDER] [--seeds 3]

Tweets: learnt from labels by hashtag, scored on others of these and on tweets that people labelled. Images and sounds
of digits: learnt clean or with a little noise, scored with more and more.
"""

from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np
from data import Dataset, av_digits, parser, twitter
from results import PARTS, table, with_error, write

import lsmi_jax
from lsmi_jax.plot import COLORS

MAX_ROWS = 10_000  # of the tweets to learn from
LEVELS = (0.0, 0.5, 1.0, 2.0, 4.0)  # standard deviations of the noise, of those of a block
LEARNT = (0.0, 1.0)


def noisy(dataset: Dataset, level: float, seed: int) -> Dataset:
    """Both blocks with noise."""
    rng = np.random.default_rng(seed)
    blocks = ((x + level * x.std() * rng.normal(size=x.shape)).astype(np.float32) for x in dataset.features)
    return dataset._replace(features=tuple(blocks))


def means(estimator: lsmi_jax.Estimator, dataset: Dataset) -> dict:
    result = lsmi_jax.score(estimator, dataset.features, dataset.labels)
    values = {name: float(part.mean()) for name, part in zip(PARTS, result.adjusted, strict=True)}
    return values | {"total": sum(values.values()), "S raw": float(result.interactions.synergy.mean())}


def of_tweets(tweets: Dataset, seed: int) -> list[dict]:
    by_hashtag, by_people = np.flatnonzero(tweets.split == 0), np.flatnonzero(tweets.split > 0)
    order = np.random.default_rng(seed).permutation(by_hashtag)
    learnt = tweets.pick(order[:MAX_ROWS])
    estimator = lsmi_jax.fit_estimator(jax.random.key(seed), learnt.features, learnt.labels)
    scored = {"by hashtag": order[MAX_ROWS : MAX_ROWS + len(by_people)], "by people": by_people}
    about = {"data": tweets.name, "seed": seed, "learnt": "by hashtag"}
    return [about | {"scored": name} | means(estimator, tweets.pick(rows)) for name, rows in scored.items()]


def of_digits(digits: Dataset, seed: int) -> list[dict]:
    order = np.random.default_rng(seed).permutation(len(digits.labels))
    train, test = digits.pick(order[::2]), digits.pick(order[1::2])
    runs = []
    for learnt in LEARNT:
        some = noisy(train, learnt, seed)
        estimator = lsmi_jax.fit_estimator(jax.random.key(seed), some.features, some.labels)
        about = {"data": digits.name, "seed": seed, "learnt": f"noise {learnt:g}"}
        runs += [
            about | {"scored": f"noise {level:g}"} | means(estimator, noisy(test, level, seed + 1000))
            for level in LEVELS
        ]
    return runs


def of(runs: list[dict], learnt: str, scored: str, column: str) -> list[float]:
    return [run[column] for run in runs if (run["learnt"], run["scored"]) == (learnt, scored)]


def draw(runs: list[dict], path: Path) -> None:
    figure, axes = plt.subplots(1, len(LEARNT), figsize=(11, 4), layout="constrained")
    for learnt, ax in zip(LEARNT, axes, strict=True):
        for part, color in zip((*PARTS, "total"), (*COLORS, "black"), strict=True):
            values = np.array([of(runs, f"noise {learnt:g}", f"noise {level:g}", part) for level in LEVELS])
            error = 2 * values.std(1, ddof=1) / np.sqrt(values.shape[1]) if values.shape[1] > 1 else None
            ax.errorbar(np.arange(len(LEVELS)), values.mean(1), error, color=color, marker="o", label=part, capsize=3)
        ax.set_xticks(np.arange(len(LEVELS)), [f"{level:g}" for level in LEVELS])
        ax.set(title=f"learnt with noise {learnt:g}", xlabel="noise where scored (standard deviations)")
        ax.axhline(0, color="grey", linewidth=0.8)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("mean over held-out samples (nats)")
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def verdict(runs: list[dict], learnt: str, inside: str, outside: str) -> str:
    """How total and synergy change, in words."""
    total, synergy = (
        [np.mean(of(runs, learnt, scored, column)) for scored in (inside, outside)] for column in ("total", "S")
    )
    fell = "less in total" if total[1] < total[0] else "not less in total"
    rose = "more synergy" if synergy[1] > synergy[0] else "no more synergy"
    return f"{fell} ({total[0]:.3f}, then {total[1]:.3f}) and {rose} ({synergy[0]:.3f}, then {synergy[1]:.3f})"


def main() -> None:
    arguments = parser(__doc__).parse_args()
    digits, tweets = av_digits(arguments.data), twitter(arguments.data)
    runs = [run for seed in range(arguments.seeds) for run in of_tweets(tweets, seed) + of_digits(digits, seed)]
    arguments.out.mkdir(parents=True, exist_ok=True)
    draw(runs, arguments.out / "paper_shift.png")
    columns = (*PARTS, "total", "S raw")
    kinds = dict.fromkeys((run["data"], run["learnt"], run["scored"]) for run in runs)
    rows = [[*kind, *(with_error(of(runs, *kind[1:], column)) for column in columns)] for kind in kinds]
    write(
        arguments.out,
        "paper_shift",
        "Table 9: in the domain and out of it",
        runs,
        "**Found**, beside the paper's less information and more synergy out of the domain: tweets labelled by people "
        "say "
        f"{verdict(runs, 'by hashtag', 'by hashtag', 'by people')}; digits with noise of two standard deviations, "
        "learnt "
        f"clean, {verdict(runs, 'noise 0', 'noise 0', 'noise 2')}, learnt with noise of one, "
        f"{verdict(runs, 'noise 1', 'noise 1', 'noise 2')}.",
        f"Means over samples that models did not learn from, in nats, adjusted unless raw, over {arguments.seeds} "
        "seeds, "
        "with the standard error in brackets; whiskers are two of them.",
        table(["data", "learnt", "scored", *columns], rows),
        picture=True,
    )


if __name__ == "__main__":
    main()
