"""Batches of rows that do not fit in memory, and how they are cut to one size."""

import mmap
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lsmi_jax.decomposition import check_count, check_several
from lsmi_jax.inputs._predictions import num_predictions_of

__all__ = ["NO_ROWS", "ArrayBatches", "Batch", "Batches", "Position", "chunks", "joined", "numbered_batches"]

Batches = Iterable[Any]
"""Iterable of ``(features, labels)``, or of ``(features, labels, logits)`` with your own logits."""

NO_ROWS = "features: expected batches of rows, got none"


class Batch(NamedTuple):
    """A batch of rows: feature blocks, labels, and the user's logits if any."""

    features: Any
    labels: Any
    logits: Any = None


class Position(NamedTuple):
    """Position in a stream: number of complete batches, and number of rows of the next one."""

    batch: int = 0
    row: int = 0


class ArrayBatches(Sequence):
    """Arrays as a sequence of batches, with at most one batch in memory.

    Pages of a memory-mapped file are released as soon as the next batch is read.

    Examples:
        >>> batches = ArrayBatches((np.zeros((5, 2)), np.zeros((5, 3))), np.zeros(5, int), size=2)
        >>> print(len(batches), [len(batch.labels) for batch in batches])
        3 [2, 2, 1]
    """

    def __init__(
        self,
        features: Sequence[Any],
        labels: Any,
        *,
        logits: Sequence[Any] | None = None,
        size: int = 2**16,
    ):
        """Stores references to the arrays; reads no rows.

        Args:
            features: Feature blocks, each ``[n, d]``, such as two `numpy.memmap`.
            labels: Class labels ``[n]``.
            logits: The user's logits as in `lsmi_jax.estimate`, each ``[n, K]``.
            size: Number of rows of a batch.

        Raises:
            TypeError: If ``size`` is not an integer.
            ValueError: If there is only one block, or not as many logits as `lsmi_jax.estimate` takes, the lengths
                differ, or ``size`` is not positive.
        """
        check_count("size", size, 1)
        blocks = check_several("features", features, 2, at_least=True)
        if logits is not None:
            check_several("logits", logits, num_predictions_of(len(blocks)))
        batch = _as_arrays(Batch(features, labels, logits))
        if batch.labels.ndim != 1:
            raise ValueError(f"labels: expected shape [n], got {batch.labels.shape}")
        lengths = [len(array) for array in jax.tree.leaves(batch)]
        if len(batch.labels) != lengths[0]:
            raise ValueError(f"labels: expected {lengths[0]}, one per row, got {len(batch.labels)}")
        if len(set(lengths)) != 1:
            raise ValueError(f"features: expected blocks, labels and logits of equal length, got {lengths}")
        self.batch, self.size, self.num_rows = batch, size, lengths[0]

    def __len__(self) -> int:
        """Number of batches."""
        return -(-self.num_rows // self.size)

    def __getitem__(self, index: Any) -> Batch:
        """One batch."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"index: expected below {len(self)}, got {index}")
        start = index % len(self) * self.size
        jax.tree.map(_release_pages, self.batch)
        return jax.tree.map(lambda array: array[start : start + self.size], self.batch)


def chunks(batches: Batches, size: int, start: Position | None = None) -> Iterator[tuple[Batch, Position]]:
    """Cuts batches of any size into chunks of one size; the last chunk may be shorter.

    Args:
        batches: The batches. Those before the start are skipped, by index if they form a sequence.
        size: Number of rows of a chunk.
        start: Where to begin; None for the first row.

    Yields:
        A chunk, and the position of its first row.

    Raises:
        ValueError: If there are no rows, or an item is not a batch.
    """
    start = began = start or Position()
    pending: list[Batch] = []
    number = -1
    for number, batch in numbered_batches(batches, start.batch):
        length = len(batch.labels)
        row = start.row if number == start.batch else 0
        while row < length:
            began = began if pending else Position(number, row)
            end = min(row + size - _num_rows(pending), length)
            pending.append(_rows(batch, row, end))
            row = end
            if _num_rows(pending) == size:
                yield joined(pending), began
                pending = []
    if pending:
        yield joined(pending), began
    if number < start.batch == 0:
        raise ValueError(NO_ROWS)


def numbered_batches(batches: Batches, start: int) -> Iterator[tuple[int, Batch]]:
    """Batches with their numbers, checked to be alike.

    Args:
        batches: The batches; those before the start are skipped, by index if they form a sequence.
        start: Number of the first batch.

    Yields:
        Number of a batch, and its arrays.

    Raises:
        ValueError: If an item is not a batch, or differs from the first in the shape of its rows.
    """
    if isinstance(batches, Sequence):
        numbered: Iterable = ((number, batches[number]) for number in range(start, len(batches)))
    else:
        numbered = islice(enumerate(batches), start, None)
    first = None
    for number, batch in numbered:
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            got = f"{len(batch)} items" if isinstance(batch, tuple | list) else type(batch).__name__
            raise ValueError(
                "features: where no labels are given, expected batches (features, labels) or "
                f"(features, labels, logits), got {got} as batch {number}"
            )
        arrays = _as_arrays(Batch(*batch))
        lengths = [len(array) for array in jax.tree.leaves(arrays)]
        if len(set(lengths)) != 1:
            raise ValueError(f"labels: expected one per row in every batch, got lengths {lengths} in batch {number}")
        first = first or arrays
        _check_alike(arrays, first, number)
        yield number, arrays


def _check_alike(batch: Batch, first: Batch, number: int) -> None:
    """Raises ValueError if a batch differs from the first in the shape of its rows, or in having logits."""
    for name, ours, theirs in (
        ("features", batch.features, first.features),
        ("logits", batch.logits, first.logits),
    ):
        shapes, expected = ([array.shape[1:] for array in arrays or ()] for arrays in (ours, theirs))
        if shapes != expected:
            raise ValueError(
                f"{name}: expected rows of shapes {expected} in every batch, got {shapes} in batch {number}"
            )


def _as_arrays(batch: Batch) -> Batch:
    """Converts lists to arrays and leaves arrays unchanged."""

    def as_array(values: Any) -> Any:
        return values if isinstance(values, jax.Array) else np.asanyarray(values)

    for name, blocks in (("features", batch.features), ("logits", batch.logits or ())):
        if not isinstance(blocks, Sequence):
            raise ValueError(f"{name}: expected a tuple of arrays, got {type(blocks).__name__}")
    logits = None if batch.logits is None else tuple(map(as_array, batch.logits))
    return Batch(tuple(map(as_array, batch.features)), as_array(batch.labels), logits)


def _num_rows(pending: list[Batch]) -> int:
    """Total number of rows of some batches."""
    return sum(len(batch.labels) for batch in pending)


def _rows(batch: Batch, start: int, end: int) -> Batch:
    """Slices the rows of a batch."""
    return jax.tree.map(lambda array: array[start:end], batch)


def joined(pending: list[Batch]) -> Batch:
    """Concatenates batches, on the device if they are there.

    Args:
        pending: One batch or more.

    Returns:
        One batch.
    """
    if len(pending) == 1:
        return pending[0]
    return jax.tree.map(lambda *parts: (jnp if isinstance(parts[0], jax.Array) else np).concatenate(parts), *pending)


def _release_pages(array: Any) -> None:
    """Releases the pages of a read-only memory-mapped file."""
    base = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and getattr(array, "mode", None) == "r" and hasattr(base, "madvise"):
        base.madvise(mmap.MADV_DONTNEED)
