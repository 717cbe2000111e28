"""Table 7: every pair of the six digit views, and every pair of text, audio and video.

python examples/paper/modalities.py [--data FOLDER] [--num-seeds 10]
"""

import time
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
from data import Dataset, digit_views, mosei, parser
from results import INFORMATION, PARTS, Claim, columns_of, picture, seeds_of, table, with_error, write

import lsmi_jax
from lsmi_jax.reporting import plot_pairs

# To save time: the digits need 21 discriminators, and those of as many columns share a compiled program.
NUM_FOLDS, MAX_ROWS, NUM_COLUMNS = 2, 800, 64
COLUMNS = (*PARTS, *INFORMATION)


def estimated(dataset: Dataset, num_seeds: int) -> tuple[lsmi_jax.Pairs, list[dict]]:
    """All pairs over all seeds, and one row per seed and pair."""
    some, start = dataset.at_most(MAX_ROWS).components(NUM_COLUMNS), time.perf_counter()
    pairs = lsmi_jax.estimate_pairs(
        *(jax.random.key(0), some.features, some.labels),
        names=dataset.modalities,
        num_folds=NUM_FOLDS,
        num_seeds=num_seeds,
    )
    found = []
    for (first, second), result in zip(pairs.pairs, pairs.estimates, strict=True):
        for seed, parts in enumerate(seeds_of(result).mean(2).T.tolist()):
            about = {"data": dataset.name, "seed": seed, "first": first, "second": second}
            found.append(about | columns_of(*parts))
    seconds = round((time.perf_counter() - start) / num_seeds, 1)
    return pairs, [row | {"seconds": seconds} for row in found]


def draw(results: Sequence[lsmi_jax.Pairs], path: Path) -> None:
    """Mean matrices over all seeds: one row of panels per data set."""
    with picture(path, len(results), 3, 7.2, height_ratios=(5, 4)) as axes:
        for pairs, row in zip(results, axes, strict=True):
            plot_pairs(pairs, ax=row)
            for ax in row:
                ax.set_xticks(range(len(pairs.names)), pairs.names, rotation=60, ha="right", rotation_mode="anchor")
                ax.tick_params(labelsize=9)
            for ax in row[1:]:  # the rows have their names on the left
                ax.set_yticklabels([])


def main() -> None:
    arguments = parser(__doc__).parse_args()
    sets = [digit_views(), mosei(arguments.data)]
    results, (digits, videos) = zip(*(estimated(dataset, arguments.num_seeds) for dataset in sets), strict=True)
    draw(results, arguments.out / "paper_modalities.png")
    cells = [
        [first, second, *(with_error(of(runs, first, second, column)) for column in COLUMNS)]
        for runs in (digits, videos)
        for first, second in {(run["first"], run["second"]): None for run in runs}
    ]
    write(
        arguments.out,
        "paper_modalities",
        "Table 7: every pair of modalities",
        digits + videos,
        claims_of(digits, videos),
        f"Means in nats over {arguments.num_seeds} seeds of {NUM_FOLDS} folds, with the standard error in parentheses, "
        f"of at most {MAX_ROWS} rows and {NUM_COLUMNS} principal components of each modality. On the diagonal of "
        "redundancy is the information of a single modality.",
        table(["first", "second", *COLUMNS], cells),
        picture=True,
    )


def of(runs: list[dict], first: str, second: str, column: str) -> np.ndarray:
    """Values of every seed."""
    return np.array([run[column] for run in runs if (run["first"], run["second"]) == (first, second)])


def claims_of(digits: list[dict], videos: list[dict]) -> list[Claim]:
    """The paper's claims about MOSEI, and its explanation of synergy on the digits."""
    primary = [
        Claim(
            f"text has more unique information than {other}",
            "CMU-MOSEI videos",
            of(videos, "text", other, "U1") - of(videos, "text", other, "U2"),
        )
        for other in ("audio", "video")
    ]
    others = np.maximum(of(videos, "text", "audio", "S"), of(videos, "text", "video", "S"))
    weak = Claim(
        "audio and video, the two weak modalities, have the most synergy",
        "CMU-MOSEI videos",
        of(videos, "audio", "video", "S") - others,
    )
    pairs = {(run["first"], run["second"]): None for run in digits}
    by_seed = {column: np.array([of(digits, a, b, column) for a, b in pairs]) for column in ("S", "I1", "I2")}
    weaker = np.minimum(by_seed["I1"], by_seed["I2"])
    slopes = np.array([-np.corrcoef(s, i)[0, 1] for s, i in zip(by_seed["S"].T, weaker.T, strict=True)])
    text = "the weaker a modality, the more synergy: minus the correlation of S with the smaller of I1, I2 over pairs"
    return [*primary, weak, Claim(text, "digit views", slopes, "", digits=2)]


if __name__ == "__main__":
    main()
