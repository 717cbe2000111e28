"""Table 7: every pair of the six digit views, and of text, audio and video.

python examples/paper/modalities.py [--data FOLDER] [--seeds 3]
"""

import time
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np
from data import Dataset, digit_views, mosei, parser
from results import PARTS, table, with_error, write

import lsmi_jax
from lsmi_jax.plot import plot_pairs
from lsmi_jax.report import pairs_table

NUM_FOLDS = 3  # of the 21 discriminators of the digits, to save time


def estimates(dataset: Dataset, num_seeds: int) -> tuple[list[lsmi_jax.Pairs], list[float]]:
    """Every pair, for every seed, and the seconds it took."""
    found, seconds = [], []
    for seed in range(num_seeds):
        start = time.perf_counter()
        pairs = lsmi_jax.estimate_pairs(
            jax.random.key(seed), dataset.features, dataset.labels, names=dataset.modalities, num_folds=NUM_FOLDS
        )
        found.append(jax.block_until_ready(pairs))
        seconds.append(round(time.perf_counter() - start, 1))
    return found, seconds


def draw(results: list[lsmi_jax.Pairs], path: Path) -> None:
    figure, axes = plt.subplots(2, 3, figsize=(16, 10.5), layout="constrained", height_ratios=(6, 4))
    for pairs, row in zip(results, axes, strict=True):
        plot_pairs(pairs, ax=row)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def rows_of(dataset: Dataset, results: list[lsmi_jax.Pairs], seconds: list[float]) -> list[dict]:
    """One row a seed and pair."""
    rows = []
    for seed, pairs in enumerate(results):
        summary, frame = pairs.means(), pairs_table(pairs)
        for position, (first, second) in enumerate(pairs.pairs):
            means = dict(zip(PARTS, frame["adjusted"].iloc[position].tolist(), strict=True))
            alone = {
                name: float(getattr(summary.mean, f"information{m}")[position]) for name, m in (("I1", 1), ("I2", 2))
            }
            about = {"data": dataset.name, "seed": seed, "first": first, "second": second}
            rows.append(about | means | alone | {"seconds": seconds[seed]})
    return rows


def mean(runs: list[dict], column: str, **which: str) -> float:
    return float(np.mean([run[column] for run in runs if all(run[name] == value for name, value in which.items())]))


def main() -> None:
    arguments = parser(__doc__).parse_args()
    sets = [digit_views(), mosei(arguments.data)]
    found = [estimates(dataset, arguments.seeds) for dataset in sets]
    arguments.out.mkdir(parents=True, exist_ok=True)
    draw([results[0] for results, _ in found], arguments.out / "paper_modalities.png")
    digits, videos = (rows_of(dataset, *one) for dataset, one in zip(sets, found, strict=True))
    cells = [
        [
            first,
            second,
            *(with_error([r[c] for r in runs if (r["first"], r["second"]) == (first, second)]) for c in PARTS),
        ]
        for runs, (results, _) in zip((digits, videos), found, strict=True)
        for first, second in results[0].pairs
    ]
    text = [mean(videos, "U1", first="text", second=other) for other in ("audio", "video")]
    others = [mean(videos, "U2", first="text", second=other) for other in ("audio", "video")]
    s_heard_seen, *s_others = (
        np.array([run["S"] for run in videos if (run["first"], run["second"]) == pair])
        for pair in (("audio", "video"), ("text", "audio"), ("text", "video"))
    )
    more = s_heard_seen - np.maximum(*s_others)
    is_most = len(more) > 1 and more.mean() > 2 * more.std(ddof=1) / np.sqrt(len(more))
    of_pairs = [[mean(digits, c, first=a, second=b) for c in ("S", "I1", "I2")] for a, b in found[0][0][0].pairs]
    slope = np.corrcoef([s for s, *_ in of_pairs], [min(alone) for _, *alone in of_pairs])[0, 1]
    write(
        arguments.out,
        "paper_modalities",
        "Table 7: every pair of modalities",
        digits + videos,
        f"**Found:** text as the primary modality of MOSEI {'is' if min(text) > max(others) else 'is not'} seen "
        "(unique "
        f"{text[0]:.3f} and {text[1]:.3f} nats beside audio and video, which have {others[0]:.3f} and "
        f"{others[1]:.3f}); most synergy between audio and video {'is' if is_most else 'is not'} seen "
        f"({with_error(more)} more than the largest of the other two); that weak modalities make for synergy "
        f"{'is' if slope < -0.5 else 'is not'} seen on the digits (correlation of S with the smaller of I1 and I2, "
        "over "
        f"15 pairs: {slope:.2f}).",
        f"Adjusted means in nats over {arguments.seeds} seeds of {NUM_FOLDS} folds, with the standard error in "
        "brackets; the "
        "matrices are of seed 0.",
        table(["first", "second", *PARTS], cells),
        picture=True,
    )


if __name__ == "__main__":
    main()
