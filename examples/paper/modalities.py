"""Table 7: every pair of the six digit views, and every pair of text, audio and video.

python examples/paper/modalities.py [--data FOLDER] [--num-seeds 10]
"""

import time
from pathlib import Path

import jax
import numpy as np
from data import Dataset, digit_views, mosei, parser
from matplotlib.axes import Axes
from results import INFORMATION, PARTS, Claim, picture, table, with_error, write

import lsmi_jax
from lsmi_jax.reporting import COLORS

NUM_FOLDS = 2  # to save time: the digits need 21 discriminators
MAX_ROWS = 800
COLUMNS = (*PARTS, *INFORMATION)


def rows_of(dataset: Dataset, num_seeds: int) -> list[dict]:
    """One row per seed and pair."""
    rows = np.random.default_rng(0).permutation(len(dataset.labels))[:MAX_ROWS]
    some, start = dataset.pick(np.sort(rows)), time.perf_counter()
    pairs = lsmi_jax.estimate_pairs(
        *(jax.random.key(0), some.features, some.labels),
        names=dataset.modalities,
        num_folds=NUM_FOLDS,
        num_seeds=num_seeds,
    )
    found = []
    for (first, second), result in zip(pairs.pairs, pairs.estimates, strict=True):
        parts = result.interactions if result.seeds is None else result.seeds
        by_seed = np.stack(parts).reshape(4, num_seeds, -1).mean(2).T
        for seed, (r, u1, u2, s) in enumerate(by_seed.tolist()):
            about = {"data": dataset.name, "seed": seed, "first": first, "second": second}
            found.append(about | dict(zip(COLUMNS, (r, u1, u2, s, r + u1, r + u2, r + u1 + u2 + s), strict=True)))
    seconds = round((time.perf_counter() - start) / num_seeds, 1)
    return [row | {"seconds": seconds} for row in found]


def draw(runs: list[list[dict]], sets: list[Dataset], path: Path) -> None:
    """Mean matrices over all seeds: one row of panels per data set."""
    titles = ("redundancy of both", "unique to the row", "synergy of both")
    with picture(path, len(sets), len(titles), 8, height_ratios=(6, 4)) as axes:
        for own, dataset, row in zip(runs, sets, axes, strict=True):
            matrices = matrices_of(own, dataset.modalities)
            for matrix, title, color, ax in zip(matrices, titles, (COLORS[0], COLORS[1], COLORS[3]), row, strict=True):
                draw_matrix(matrix, dataset.modalities, ax)
                ax.set_title(title, color=color, fontsize=10)
            for ax in row[1:]:
                ax.set_yticklabels([])


def draw_matrix(matrix: np.ndarray, names: tuple[str, ...], ax: Axes) -> None:
    """Values in nats, darker for larger ones."""
    largest = np.nanmax(np.abs(matrix))
    ax.imshow(matrix / largest, cmap="Greys", vmin=0, vmax=1.5)
    for (i, j), value in np.ndenumerate(matrix):
        if np.isfinite(value):
            ax.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=8)
    ax.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=9)
    ax.set_yticks(range(len(names)), names, fontsize=9)
    ax.tick_params(length=0)


def matrices_of(runs: list[dict], names: tuple[str, ...]) -> np.ndarray:
    """Mean redundancy, uniqueness and synergy of each pair in both orders ``[3, M, M]``; I on the first diagonal."""
    matrices = np.full((3, len(names), len(names)), np.nan)
    for first, second in {(run["first"], run["second"]): None for run in runs}:
        a, b = names.index(first), names.index(second)
        r, u1, u2, s, i1, i2 = (mean(runs, c, first=first, second=second) for c in (*PARTS, "I1", "I2"))
        matrices[:, a, b], matrices[:, b, a] = (r, u1, s), (r, u2, s)
        matrices[0, a, a], matrices[0, b, b] = i1, i2
    return matrices


def mean(runs: list[dict], column: str, **which: str) -> float:
    return float(np.mean([run[column] for run in runs if all(run[name] == value for name, value in which.items())]))


def main() -> None:
    arguments = parser(__doc__).parse_args()
    sets = [digit_views(), mosei(arguments.data)]
    digits, videos = (rows_of(dataset, arguments.num_seeds) for dataset in sets)
    draw([digits, videos], sets, arguments.out / "paper_modalities.png")
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
        f"Means in nats over {arguments.num_seeds} seeds of {NUM_FOLDS} folds, with the standard error in brackets. On "
        "the diagonal of redundancy is the information of a single modality.",
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
