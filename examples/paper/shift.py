"""Table 9: interactions inside and outside the training domain, before and after calibration.

    python examples/paper/shift.py --data FOLDER

Tweets: trained on labels by hashtag, scored on other such tweets and on tweets labeled by people. Images and sounds of
digits: trained clean or with moderate noise, scored with increasing noise. Calibration fits one temperature per view
on some rows of the scored domain, which are then left out of the figures.
"""

from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from data import Dataset, av_digits, parser, twitter
from results import INFORMATION, PARTS, Claim, half_width, picture, table, with_error, write

import lsmi_jax
from lsmi_jax.estimation import score_rows
from lsmi_jax.models import fit_powers
from lsmi_jax.reporting import COLORS, NAMES

MAX_ROWS = 3000  # training tweets
NUM_CALIBRATION = 300  # rows that temperatures are fitted on
NUM_COMPONENTS = 40  # principal components of the digits' images and sounds
LEVELS = (0.0, 1.0, 2.0, 4.0)  # standard deviation of the noise, relative to that of the block
TRAINED = (0.0, 1.0)
OUTSIDE = "noise 2"  # the domain outside in the claims on digits
WHEN = ("before", "after")
KEPT = 1e-9  # probability at least, in a temperature's fit


def reduced(dataset: Dataset) -> Dataset:
    """The data set in principal components; labels are not used."""

    def components(block: np.ndarray) -> np.ndarray:
        centered = block - block.mean(0)
        return centered @ np.linalg.svd(centered, full_matrices=False)[2][:NUM_COMPONENTS].T

    return dataset._replace(features=tuple(map(components, dataset.features)))


def noisy(dataset: Dataset, level: float, seed: int) -> Dataset:
    """The data set with noise on both blocks."""
    rng = np.random.default_rng(seed)
    blocks = ((x + level * x.std() * rng.normal(size=x.shape)).astype(np.float32) for x in dataset.features)
    return dataset._replace(features=tuple(blocks))


predict = jax.jit(lambda estimator, features: score_rows(estimator, features).log_posteriors)
"""Log-posteriors of both modalities and of their joint, ``[n, K]`` each."""


@jax.jit
def powers(log_posteriors: Sequence[jax.Array], labels: jax.Array, log_prior: jax.Array) -> jax.Array:
    """Inverse temperature of least cross-entropy of each view."""
    floored = (jnp.logaddexp(view, jnp.log(KEPT)) for view in log_posteriors)
    return jnp.concatenate([fit_powers(view[None], labels, log_prior) for view in floored])


def score(key: jax.Array, estimator: lsmi_jax.Estimator, dataset: Dataset, about: dict) -> list[dict]:
    """Means over the rows after the first `NUM_CALIBRATION`, on which temperatures are fitted, before and after."""
    views = predict(estimator, tuple(map(jnp.asarray, dataset.features)))
    labels, log_prior = jnp.asarray(dataset.labels), estimator.log_prior
    fitting, scored = slice(NUM_CALIBRATION), slice(NUM_CALIBRATION, None)
    fitted = powers([view[fitting] for view in views], labels[fitting], log_prior)
    runs = []
    for when, inverse in zip(WHEN, (np.ones(3), np.asarray(fitted)), strict=True):
        logits = [log_prior + power * (view[scored] - log_prior) for power, view in zip(inverse, views, strict=True)]
        result = lsmi_jax.estimate(key, None, labels[scored], logits=logits, log_prior=log_prior, num_folds=2)
        values = zip((*PARTS, *INFORMATION), (*result.interactions, *result.information), strict=True)
        temperatures = {f"T{v}": round(float(1 / power), 3) for v, power in zip((1, 2, 12), inverse, strict=True)}
        runs.append(about | {"calibration": when} | {name: float(own.mean()) for name, own in values} | temperatures)
    return runs


def score_tweets(tweets: Dataset, seed: int) -> list[dict]:
    """Scores tweets of both kinds of labels."""
    rng = np.random.default_rng(seed)
    by_hashtag, by_people = (rng.permutation(np.flatnonzero(rows)) for rows in (tweets.split == 0, tweets.split > 0))
    train = tweets.pick(by_hashtag[:MAX_ROWS])
    key = jax.random.key(seed)
    estimator = lsmi_jax.fit_estimator(key, train.features, train.labels)
    scored = {"by hashtag": by_hashtag[MAX_ROWS : MAX_ROWS + len(by_people)], "by people": by_people}
    about = {"data": tweets.name, "seed": seed, "trained": "by hashtag"}
    return [
        run
        for name, rows in scored.items()
        for run in score(key, estimator, tweets.pick(rows), about | {"scored": name})
    ]


def score_digits(digits: Dataset, seed: int) -> list[dict]:
    """Scores digits with noise of every level."""
    key, order = jax.random.key(seed), np.random.default_rng(seed).permutation(len(digits.labels))
    train, test = digits.pick(order[::2]), digits.pick(order[1::2])
    runs = []
    for trained in TRAINED:
        noisy_train = noisy(train, trained, seed)
        estimator = lsmi_jax.fit_estimator(key, noisy_train.features, noisy_train.labels)
        about = {"data": digits.name, "seed": seed, "trained": f"noise {trained:g}"}
        for level in LEVELS:
            runs += score(key, estimator, noisy(test, level, seed + 1000), about | {"scored": f"noise {level:g}"})
    return runs


def of(runs: list[dict], trained: str, scored: str, when: str, column: str) -> np.ndarray:
    """Values of every seed."""
    kind = (trained, scored, when)
    return np.array([run[column] for run in runs if (run["trained"], run["scored"], run["calibration"]) == kind])


def claims(runs: list[dict]) -> list[Claim]:
    """Less information and more synergy outside the domain, before and after calibration."""
    pairs = [("tweets, by people against by hashtag", "by hashtag", "by hashtag", "by people")]
    for inside in (f"noise {level:g}" for level in TRAINED):
        pairs.append((f"digits, {OUTSIDE} against {inside}, trained with {inside}", inside, inside, OUTSIDE))
    found = []
    for name, trained, inside, outside in pairs:
        for when in WHEN:
            less, more = (
                of(runs, trained, outside, when, part) - of(runs, trained, inside, when, part) for part in ("I12", "S")
            )
            data = f"{name}; {when} calibration"
            found += [
                Claim("less information outside the domain", data, -less),
                Claim(
                    "more synergy outside the domain", data, more, reason=reason(runs, trained, inside, outside, when)
                ),
            ]
    return found


def reason(runs: list[dict], trained: str, inside: str, outside: str, when: str) -> str:
    """Why synergy is not larger outside the domain, if it falls there as the total does."""
    (before, after), (less, more) = (
        [of(runs, trained, scored, when, column).mean() for scored in (inside, outside)] for column in ("I12", "S")
    )
    if after > before or more > less:
        return ""
    return f"S falls with the total: I12 goes from {before:.3f} to {after:.3f} nats, S from {less:.3f} to {more:.3f}"


def draw(runs: list[dict], path: Path) -> None:
    """Draws parts and total by domain: one row before calibration and one after, one column per training."""
    names = {"tweets": ("by hashtag", ["by hashtag", "by people"])}
    levels = [f"noise {level:g}" for level in LEVELS]
    names |= {f"digits, trained with noise {trained:g}": (f"noise {trained:g}", levels) for trained in TRAINED}
    with picture(path, len(WHEN), len(names), 6.2) as axes:
        for when, row in zip(WHEN, axes, strict=True):
            for (title, (trained, domains)), ax in zip(names.items(), row, strict=True):
                for part, label, color in zip((*PARTS, "I12"), (*NAMES, "total"), (*COLORS, "black"), strict=True):
                    values = np.array([of(runs, trained, scored, when, part) for scored in domains])
                    position = np.arange(len(domains))
                    ax.errorbar(position, values.mean(1), half_width(values), color=color, marker="o", label=label)
                ax.set_xticks(np.arange(len(domains)), [name.removeprefix("noise ") for name in domains])
                ax.set_xlim(-0.3, len(domains) - 0.7)
                ax.axhline(0, color="grey", linewidth=0.8)
                ax.set(title=title if when == WHEN[0] else "")
            row[0].set_ylabel(f"{when} calibration (nats)")
        axes[1, 0].set_xlabel("labels of the scored tweets")
        for ax in axes[1, 1:]:
            ax.set_xlabel("noise of the scored samples")
        axes[1, 1].legend(loc="upper right", borderaxespad=0)


def main() -> None:
    arguments = parser(__doc__).parse_args()
    digits, tweets = reduced(av_digits(arguments.data)), twitter(arguments.data)
    seeds = range(arguments.num_seeds)
    runs = [run for seed in seeds for run in score_tweets(tweets, seed)]
    runs += [run for seed in seeds for run in score_digits(digits, seed)]
    report(runs, arguments.out)


def report(runs: list[dict], out: Path) -> None:
    """Writes tables, claims and figure."""
    num_seeds = len({run["seed"] for run in runs})
    draw(runs, out / "paper_shift.png")
    columns = (*PARTS, *INFORMATION)
    kinds = dict.fromkeys((run["data"], run["trained"], run["scored"], run["calibration"]) for run in runs)
    rows = [[*kind, *(with_error(of(runs, *kind[1:], column)) for column in columns)] for kind in kinds]
    temperatures = [
        [*kind[:3], *(with_error(of(runs, *kind[1:], column), 2) for column in ("T1", "T2", "T12"))]
        for kind in kinds
        if kind[3] == "after"
    ]
    worst = [of(runs, "noise 0", OUTSIDE, when, "R") for when in WHEN]
    lowest = min(of(runs, *kind[1:], part).mean() for kind in kinds if kind[3] == "after" for part in PARTS)
    write(
        out,
        "paper_shift",
        "Table 9: inside and outside the training domain",
        runs,
        claims(runs),
        "*Before* is the estimator as it was fitted inside its domain. *After* is the same estimator with one "
        f"temperature per view. Temperatures are fitted on {NUM_CALIBRATION} labeled rows of the scored domain, inside "
        "the domain too. These rows are not scored. A temperature does not change the class that a view predicts, only "
        "how sure the view is.",
        f"After clean training, R at {OUTSIDE} is {with_error(worst[0])} nats before and {with_error(worst[1])} after. "
        "A large negative R outside the domain is therefore miscalibration: views are sure and wrong. After "
        f"calibration the lowest mean of all parts and domains is {lowest:.3f} nats.",
        f"Means over held-out rows in nats, over {num_seeds} seeds, with the standard error in parentheses. "
        "Whiskers of the figure show the interval. Panels have their own scales. "
        f"Digits are given by {NUM_COMPONENTS} principal components of each modality.",
        table(["data", "trained", "scored", "calibration", *columns], rows),
        "Fitted temperatures of the first modality, the second, and both:",
        table(["data", "trained", "scored", "T1", "T2", "T12"], temperatures),
        picture=True,
    )


if __name__ == "__main__":
    main()
