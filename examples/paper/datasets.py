"""Table 2: mean interactions of every real data set by LSMI and by PID-Batch, and human judgments of both modalities.

    python examples/paper/datasets.py [--data FOLDER] [--num-seeds 3]

The two modalities of CREMA-D are votes of people who only heard or only saw a clip. There are also votes of people who
heard and saw it. Their information about the label is compared with that of a discriminator of the other two votes.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np
from data import Dataset, av_digits, cremad, degraded_av_digits, digit_views, mosei, parser, twitter, wikipedia
from results import PARTS, table, with_error, write

import lsmi_jax
from lsmi_jax.baselines import pid_batch
from lsmi_jax.reporting import COLORS

MAX_BATCH_ROWS = 5000  # for PID-Batch: enough, since it averages over batches of 256


def real_sets(folder: Path | None) -> Iterator[Dataset]:
    """Every data set as two blocks: two views of the digits; text against audio and video of MOSEI."""
    views, videos = digit_views(), mosei(folder)
    yield views._replace(modalities=views.modalities[:2], features=views.features[:2])
    yield av_digits(folder)
    yield degraded_av_digits(folder)
    yield cremad(folder)
    yield wikipedia(folder)
    yield twitter(folder)
    audio_and_video = np.concatenate(videos.features[1:], axis=1)
    yield videos._replace(modalities=("text", "audio and video"), features=(videos.features[0], audio_and_video))


def lsmi(key: jax.Array, dataset: Dataset) -> list[float]:
    return [float(part.mean()) for part in lsmi_jax.estimate(key, dataset.features, dataset.labels).adjusted]


def batch(key: jax.Array, dataset: Dataset) -> list[float]:
    rows = np.random.default_rng(0).permutation(len(dataset.labels))[:MAX_BATCH_ROWS]
    some = dataset.pick(np.sort(rows))
    return [float(part) for part in pid_batch(key, (some.features[0], some.features[1]), some.labels)[:4]]


def measure(dataset: Dataset, seed: int, method: str) -> dict:
    start = time.perf_counter()
    means = {"LSMI": lsmi, "PID-Batch": batch}[method](jax.random.key(seed), dataset)
    seconds = round(time.perf_counter() - start, 1)
    return {"data": dataset.name, "seed": seed, "method": method, **dict(zip(PARTS, means, strict=True))} | {
        "seconds": seconds
    }


def human_joint(dataset: Dataset, seed: int) -> dict:
    """People who see and hear each clip, compared with a discriminator of the votes of people who do only one."""
    pairs = lsmi_jax.estimate_pairs(
        jax.random.key(seed), dataset.features, dataset.labels, names=("voice", "face", "both")
    )
    votes, (i1, i2, i12) = pairs["voice", "face"], map(np.asarray, pairs["voice", "face"].information)
    people, synergy = np.asarray(pairs["voice", "both"].information[1]), np.asarray(votes.interactions.synergy)
    # Partial correlation: residuals of linear regressions on i1, i2 and r, in which people with both had no part.
    known = np.stack([np.ones_like(i1), i1, i2, np.asarray(votes.interactions.redundancy)], axis=1)
    rest = [column - known @ np.linalg.lstsq(known, column, rcond=None)[0] for column in (people, synergy)]
    gain, top = people - np.maximum(i1, i2), synergy >= np.quantile(synergy, 0.9)
    return {
        "seed": seed,
        "I voice": i1.mean(),
        "I face": i2.mean(),
        "I12 of the votes": i12.mean(),
        "I of people with both": people.mean(),
        "correlation of the two": np.corrcoef(people, i12)[0, 1],
        "correlation with s, beyond i1, i2, r": np.corrcoef(rest[0], rest[1])[0, 1],
        "gain of people, highest tenth of s": gain[top].mean(),
        "gain of people, other clips": gain[~top].mean(),
    }


def of(runs: list[dict], name: str, method: str) -> np.ndarray:
    """Means ``[seeds, 4]`` of every seed."""
    return np.array([[run[part] for part in PARTS] for run in runs if (run["data"], run["method"]) == (name, method)])


def draw(runs: list[dict], names: list[str], path: Path) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(13, 4.6), sharey=True, layout="constrained")
    for ax, method in zip(axes, ("LSMI", "PID-Batch"), strict=True):
        means = np.array([of(runs, name, method).mean(0) for name in names])
        for part in range(4):
            position = np.arange(len(names)) + (part - 1.5) * 0.2
            ax.bar(position, means[:, part], 0.2, color=COLORS[part], label=PARTS[part])
        ax.set_xticks(np.arange(len(names)), [name.replace(" of ", " of\n") for name in names], rotation=30, ha="right")
        ax.set_title(method)
        ax.axhline(0, color="black", linewidth=0.8)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("mean over the data set (nats)")
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    arguments = parser(__doc__).parse_args()
    sets = list(real_sets(arguments.data))
    runs = [
        measure(dataset, seed, method)
        for dataset in sets
        for method in ("LSMI", "PID-Batch")
        for seed in range(arguments.num_seeds)
    ]
    people = [human_joint(cremad(arguments.data, with_joint=True), seed) for seed in range(arguments.num_seeds)]
    names = [dataset.name for dataset in sets]
    means = {method: np.array([of(runs, name, method).mean(0) for name in names]) for method in ("LSMI", "PID-Batch")}
    first_two = {method: np.sort(np.argsort(-values, axis=1)[:, :2], axis=1) for method, values in means.items()}
    agree = (first_two["LSMI"] == first_two["PID-Batch"]).all(axis=1)
    same_first = means["LSMI"].argmax(1) == means["PID-Batch"].argmax(1)
    correlation = np.corrcoef(means["LSMI"].ravel(), means["PID-Batch"].ravel())[0, 1]
    arguments.out.mkdir(parents=True, exist_ok=True)
    draw(runs, names, arguments.out / "paper_datasets.png")
    rows = [
        [dataset.name, " and ".join(dataset.modalities), len(dataset.labels), len(dataset.classes), method]
        + [with_error(column) for column in of(runs, dataset.name, method).T]
        for dataset in sets
        for method in ("LSMI", "PID-Batch")
    ]
    cells = [[name, with_error([run[name] for run in people])] for name in people[0] if name != "seed"]
    write(
        arguments.out,
        "paper_datasets",
        "Table 2: interactions of real data sets",
        [*runs],
        f"**Finding:** the agreement of LSMI with PID-Batch {'is' if same_first.all() else 'is not'} reproduced in "
        f"the largest part ({same_first.sum()} of {len(sets)} data sets) and {'is' if agree.all() else 'is not'} in "
        f"the two largest parts ({agree.sum()} of {len(sets)}). Over all cells the two correlate at {correlation:.2f}.",
        f"Means in nats over {arguments.num_seeds} seeds, with the standard error in brackets. LSMI is adjusted and "
        f"out-of-fold; PID-Batch uses at most {MAX_BATCH_ROWS} rows.",
        table(["data", "modalities", "n", "K", "method", *PARTS], rows),
        "## CREMA-D: people who see and hear\n\nInformation in nats, out-of-fold, means over clips. The correlation "
        "beyond i1, i2, r is between the residuals of s and of i(x3) after a linear regression on these: people with "
        "both modalities contributed nothing to s.",
        table(["", "over seeds"], cells),
        picture=True,
    )


if __name__ == "__main__":
    main()
