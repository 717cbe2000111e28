"""Do principal components keep what the columns say? Information of digits in three forms of the same blocks.

    python benchmarks/components.py [--num-seeds 5] [--num-rows 1000] [--out docs/results]

The forms are the columns themselves, the principal components that carry 95% of a block's variance, and the same
components in a random basis. Every seed draws rows, folds and a basis; all forms of a seed share its rows and folds.
Writes a CSV file and prints the table of docs/choosing.md; with --read, only prints that of the CSV file in the folder.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import jax
import numpy as np
from tables import bold, markdown, rows_of, standard_error, table_parser

import lsmi_jax
from lsmi_jax.decomposition import INFORMATION

PAIRS = (("Fourier coefficients", "pixel averages"), ("profile correlations", "Zernike moments"))
VIEWS = tuple(quantity.symbol for quantity in INFORMATION)
RAW = "columns"
KEPT = 0.95  # of the variance of a block


def components(block: np.ndarray) -> np.ndarray:
    """The leading principal components; the largest is the first column."""
    centered = block - block.mean(0)
    _, spread, basis = np.linalg.svd(centered, full_matrices=False)
    kept = 1 + int(np.searchsorted(np.cumsum(spread**2) / (spread**2).sum(), KEPT))
    return (centered @ basis[:kept].T).astype(np.float32)


def rotated(leading: np.ndarray, seed: int) -> np.ndarray:
    """Components turned by a random orthogonal matrix, so that all columns have like variances."""
    width = leading.shape[1]
    return leading @ np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))[0].astype(np.float32)


FORMS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    RAW: lambda block, seed: block,
    "principal components": lambda block, seed: components(block),
    "components, random basis": lambda block, seed: rotated(components(block), seed),
}


def run_once(pair: tuple[str, str], form: str, num_rows: int, seed: int) -> dict[str, str | int | float]:
    """Mean information of one pair of blocks in one form, in nats."""
    digits = lsmi_jax.datasets.load_multiple_features()
    rows = np.sort(np.random.default_rng(seed).permutation(len(digits.labels))[:num_rows])
    first, second = (FORMS[form](digits.features[digits.names.index(name)][rows], seed) for name in pair)
    result = lsmi_jax.estimate(jax.random.key(seed), (first, second), digits.labels[rows], progress=None)
    means = {view: float(part.mean()) for view, part in zip(VIEWS, result.information, strict=True)}
    return {"pair": " and ".join(pair), "form": form, "d1": first.shape[1], "d2": second.shape[1], "seed": seed} | means


def measured(num_rows: int, num_seeds: int) -> Iterator[dict]:
    """One row for each pair, form and seed."""
    for pair in PAIRS:
        for form in FORMS:
            yield from (run_once(pair, form, num_rows, seed) for seed in range(num_seeds))
            jax.clear_caches()  # Linux allows a process so many memory maps only


def table(rows: list[dict]) -> str:
    """Means over seeds, the best of each pair in bold."""
    lines = []
    for pair in dict.fromkeys(row["pair"] for row in rows):
        forms = list(dict.fromkeys(row["form"] for row in rows if row["pair"] == pair))
        means = np.array([values_of(rows, pair, form, VIEWS).mean(0) for form in forms])
        cells = zip(*(bold(column, max) for column in means.T.tolist()), strict=True)
        for form, own in zip(forms, cells, strict=True):
            widths = values_of(rows, pair, form, ("d1", "d2")).max(0)
            lines.append([pair, form, " + ".join(f"{width:.0f}" for width in widths), *own])
    return markdown(["blocks", "form", "columns, at most", *VIEWS], lines)


def sentence(rows: list[dict]) -> str:
    """What docs/choosing.md gives as the error of the differences."""
    errors = [
        standard_error(values_of(rows, pair, form, VIEWS) - values_of(rows, pair, RAW, VIEWS)).max()
        for pair, form in dict.fromkeys((row["pair"], row["form"]) for row in rows)
    ]
    return f"Standard errors of the differences from the columns are at most {max(errors):.3f} nats"


def values_of(rows: list[dict], pair: str, form: str, names: Sequence[str]) -> np.ndarray:
    """Values ``[seeds, columns]`` of these columns."""
    own = [row for row in rows if (row["pair"], row["form"]) == (pair, form)]
    return np.array([[float(row[name]) for name in names] for row in own])


def main() -> None:
    parser = table_parser(__doc__)
    parser.add_argument("--num-rows", type=int, default=1000, help="rows of a seed (%(default)s)")
    arguments = parser.parse_args()
    measure = partial(measured, arguments.num_rows, arguments.num_seeds)
    print(table(rows_of(arguments.out / "components.csv", measure, read=arguments.read)))


if __name__ == "__main__":
    main()
