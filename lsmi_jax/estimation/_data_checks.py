"""What in the rows themselves makes an estimate doubtful: copies, neighbors that are alike, constant columns."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lsmi_jax.inputs import Dataset, to_host

__all__ = ["DataChecks", "check_data", "told_apart"]

NUM_DIRECTIONS = 16  # random directions, along which copies stay copies
NUM_QUERIES = 512  # rows whose nearest rows are looked for
MAX_ENTRIES = 2**31  # coordinates compared, above which fewer rows are queried
CONTINUOUS = 0.5  # values of a column per distinct row, from which it is a measurement
NEAR = 0.01  # distance of a copy, as a share of the distance of the next nearest row
SIGNIFICANT = 5.0  # standard errors from what independent rows would show
EXCESS = 0.1  # of what independent rows would show, so that a large data set does not report what does not matter


class DataChecks(NamedTuple):
    """What was found in each of M blocks.

    Attributes:
        repeated: Fraction of rows that another row nearly repeats, of another group if there are groups ``[M]``.
        alike: How much nearer consecutive rows are than random rows of their class, as the mean log-ratio of
            distances ``[M]``; zero unless consecutive rows also share labels, both beyond chance.
        constant: Fraction of columns that are constant ``[M]``.
    """

    repeated: np.ndarray
    alike: np.ndarray
    constant: np.ndarray


def check_data(data: Dataset) -> DataChecks:
    """Checks the rows of a data set.

    Args:
        data: The data set.

    Returns:
        `DataChecks`.
    """
    labels = to_host(data.labels)
    groups = np.arange(len(labels)) if data.groups is None else to_host(data.groups)
    found = []
    for m, block in enumerate(data.features):
        sketch, constant = _sketch(block, data.has([m]))
        rows = _scored_rows(data, m)
        own = to_host(sketch)[rows]
        found.append((_repeated(own, groups[rows]), _alike(own, labels[rows], groups[rows]), float(constant)))
    return DataChecks(*(np.asarray(values, np.float32) for values in zip(*found, strict=True)))


def told_apart(data: Dataset, columns: Mapping[str, np.ndarray], names: Sequence[str]) -> list[str]:
    """Findings about columns whose rows belong together, though folds separate them.

    Args:
        data: The data set.
        columns: Values of each row by the name of the column, each ``[n]`` in ``0..G-1``.
        names: Names of the blocks.

    Returns:
        One sentence for each column whose values a block tells apart and that carries information about the labels.
    """
    return [
        f"Similar rows in {name} mostly have the same {column}, and rows with the same {column} share labels, so "
        f"models may recognize the {column} instead of the label. Use groups (--split-by {column}) to keep these rows "
        "together."
        for column, values in columns.items()
        for block, name in enumerate(names)
        if _identifies(data, block, values)
    ]


def _identifies(data: Dataset, block: int, column: np.ndarray) -> bool:
    """Whether the row nearest in a block shares a column's value, and rows of a value share labels, beyond chance."""
    labels = to_host(data.labels)
    rows = _scored_rows(data, block)
    sketch = to_host(_sketch(data.features[block], data.has([block]))[0])[rows]
    own, values = labels[rows], column[rows]
    queries = _queries(len(rows))
    nearest = _nearest(sketch, queries, np.arange(len(rows)))[0]
    # Among the rows of the label of the nearest row, so that a column that follows from the label is not found.
    counts = np.zeros((values.max() + 1, own.max() + 1))
    np.add.at(counts, (values, own), 1)
    expected = counts[values[queries], own[nearest]] / counts.sum(0)[own[nearest]]
    same = values[nearest] == values[queries]
    # How often two rows of one value share a label, compared with any two rows.
    sizes = counts.sum(1)
    pairs = (counts * (counts - 1)).sum(1)[sizes > 1].sum() / (sizes * (sizes - 1))[sizes > 1].sum().clip(1)
    chance = ((counts.sum(0) / len(rows)) ** 2).sum()
    return bool(_exceeds(same - expected) and pairs - chance > EXCESS)


def _scored_rows(data: Dataset, block: int) -> np.ndarray:
    """Rows that have a block and a label."""
    complete = data.complete([block])
    return np.arange(data.num_rows) if complete is None else np.flatnonzero(to_host(complete))


@jax.jit
def _sketch(block: jax.Array, present: jax.Array | None) -> tuple[jax.Array, jax.Array]:
    """Standardized rows along random directions ``[n, m]``, and the fraction of constant columns."""
    counted = None if present is None else present[:, None]
    mean = block.mean(0, keepdims=True, where=counted)
    centered = block - mean
    spread = jnp.sqrt((centered**2).mean(0, keepdims=True, where=counted))
    is_constant = spread <= 1e-6 * abs(mean)
    standardized = jnp.where(is_constant, 0, centered / jnp.where(is_constant, 1, spread))
    dim = block.shape[1]
    directions = np.eye(dim) if dim <= NUM_DIRECTIONS else np.random.default_rng(0).normal(size=(dim, NUM_DIRECTIONS))
    constant = is_constant.mean() if dim else jnp.zeros(())
    return standardized @ jnp.asarray(directions, jnp.float32), constant


def _queries(num_rows: int) -> np.ndarray:
    """Rows whose nearest rows are searched for, spread over all."""
    count = max(1, min(num_rows, NUM_QUERIES, MAX_ENTRIES // (num_rows * NUM_DIRECTIONS)))
    return np.arange(count) * num_rows // count


def _nearest(sketch: np.ndarray, queries: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest row of another group ``[q]``, and the distances of the two nearest ``[q, 2]``."""
    nearest, distances = np.empty(len(queries), int), np.empty((len(queries), 2))
    for number, query in enumerate(queries):
        squares = ((sketch - sketch[query]) ** 2).sum(1)
        squares[groups == groups[query]] = np.inf
        two = np.argpartition(squares, 1)[:2]
        two = two[np.argsort(squares[two])]
        nearest[number], distances[number] = two[0], np.sqrt(squares[two])
    return nearest, distances


def _repeated(sketch: np.ndarray, groups: np.ndarray) -> float:
    """Fraction of rows that another row nearly repeats."""
    if len(sketch) < 3 or not sketch.shape[1] or not _is_continuous(sketch):
        return 0.0
    first, second = _nearest(sketch, _queries(len(sketch)), groups)[1].T
    return float((np.isfinite(second) & (first < NEAR * second)).mean())


def _is_continuous(sketch: np.ndarray) -> bool:
    """Whether some coordinate tells most distinct rows apart; rows of counts and categories agree by chance."""
    num_values = max(len(np.unique(column)) for column in sketch.T)
    return num_values > 1 and num_values >= CONTINUOUS * len(np.unique(sketch, axis=0))


def _alike(sketch: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> float:
    """Mean log-ratio of distances of random to those of consecutive rows of one class, or zero."""
    # Consecutive rows of one group are known to belong together.
    is_pair = groups[1:] != groups[:-1]
    same = (labels[1:] == labels[:-1]) & is_pair
    chance = ((np.bincount(labels) / len(labels)) ** 2).sum()
    if same.sum() < 10 or not _exceeds(same[is_pair] - chance):
        return 0.0
    left = np.flatnonzero(same)
    random = np.random.default_rng(0)
    order = np.lexsort((random.random(len(labels)), labels))
    # A random other row of the same class: the next of a random order within the class.
    place = np.empty(len(labels), int)
    place[order] = np.arange(len(labels))
    follows = order[(place + 1) % len(labels)]
    left = left[labels[follows[left]] == labels[left]]
    near = ((sketch[left] - sketch[left + 1]) ** 2).sum(1)
    far = ((sketch[left] - sketch[follows[left]]) ** 2).sum(1)
    is_known = (near > 0) & (far > 0)
    ratios = 0.5 * (np.log(far[is_known]) - np.log(near[is_known]))
    return float(ratios.mean()) if len(ratios) > 10 and _exceeds(ratios) else 0.0


def _exceeds(values: np.ndarray) -> bool:
    """Whether a mean is positive beyond chance, and large enough to matter."""
    error = values.std() / np.sqrt(len(values))
    return bool(values.mean() > max(EXCESS, SIGNIFICANT * error))
