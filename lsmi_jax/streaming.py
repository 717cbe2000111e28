"""Scores of more rows than memory holds: chunk after chunk to a file, with a state from which to go on."""

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from lsmi_jax.batches import Batch, Batches, Position, chunks
from lsmi_jax.decomposition import Interactions, Redundancy, adjust, specificity_ambiguity
from lsmi_jax.diagnostics import Diagnostics
from lsmi_jax.durable import fingerprint, write_whole
from lsmi_jax.estimate import CHUNK, score
from lsmi_jax.estimator import Estimator
from lsmi_jax.progress import row_bar
from lsmi_jax.result import Estimate
from lsmi_jax.rowfile import COLUMNS, open_rows, pyarrow, to_npy, to_parquet

__all__ = ["COLUMNS", "ScoredFile", "score_to_file"]

T = TypeVar("T")


class ScoredFile(NamedTuple):
    """What `score_to_file` leaves.

    Attributes:
        path: The file: one row a sample, in the order of the batches, in nats; `COLUMNS` are its columns.
        num_rows: Number of rows n.
        means: Mean r, u1, u2, s over all rows, in nats.
        adjusted: The same after the paper's dataset-level shift, `lsmi_jax.adjust`.
        diagnostics: How far to trust them.
    """

    path: Path
    num_rows: int
    means: Interactions
    adjusted: Interactions
    diagnostics: Diagnostics


@dataclass(frozen=True)
class _State:
    """What is safe on disk, and what must be known to go on."""

    identity: str
    num_rows: int = 0
    batch: int = 0  # where the last chunk that is safe began
    row: int = 0
    last_chunk: str = ""  # its fingerprint
    interactions: tuple[float, ...] = (0.0,) * 4  # sums over the rows
    diagnostics: tuple[float, ...] = ()  # sums of the chunks', by their rows
    complete: bool = False


def score_to_file(
    path: str | Path,
    estimator: Estimator,
    batches: Batches,
    *,
    redundancy: Redundancy = specificity_ambiguity,
    checkpoint_seconds: float = 30.0,
    overwrite: bool = False,
    progress: bool = False,
) -> ScoredFile:
    """Interactions of samples under a fitted estimator, written to a file while they are computed.

    The file appears under its name once it is complete. Until then the rows are in ``<path>.rows``, and every
    so many seconds ``<path>.state`` says how many of them are safe: the same call, started again after any kind of
    death, goes on from there, and ends with the same file, bit for bit.

    Args:
        path: Where to write: ``.npy`` (a structured array, to be read with ``mmap_mode="r"``) or ``.parquet``
            (through pyarrow, extra ``[data]``).
        estimator: From `lsmi_jax.fit_estimator`.
        batches: Iterable of ``(features, labels)`` or ``(features, labels, logits)``, the same in every call;
            `lsmi_jax.ArrayBatches` makes one of memory-mapped arrays.
        redundancy: Pointwise redundancy, as in `lsmi_jax.decompose`.
        checkpoint_seconds: Seconds of work that a death may cost.
        overwrite: Whether a file of that name may be replaced.
        progress: Whether to show a bar with rows per second, on a terminal (through rich, extra ``[data]``).

    Returns:
        A `ScoredFile`.

    Raises:
        FileExistsError: If the path exists and ``overwrite`` is false.
        ImportError: If a Parquet file is asked for and pyarrow is not there, or a bar and rich is not.
        OSError: If the disk is full or the folder cannot be written; what was safe stays so.
        TypeError: If an array of a batch is of the wrong type.
        ValueError: If the path has another ending, an array the wrong shape or values, or rows of another
            estimator or other batches were left there.
    """
    path = Path(path).absolute()
    if path.suffix not in (".npy", ".parquet"):
        raise ValueError(f"path: expected a name that ends in .npy or .parquet, got {path.name}")
    if path.suffix == ".parquet":
        pyarrow()
    rows, saved = (path.with_name(path.name + end) for end in (".rows", ".state"))
    identity = fingerprint(estimator, getattr(redundancy, "__qualname__", type(redundancy).__qualname__))
    state = _read_state(saved, identity)
    if path.exists() and not overwrite and not saved.exists():
        raise FileExistsError(f"path: expected a new file, got {path}, which exists; pass overwrite=True")
    try:
        if not state.complete:
            total = getattr(batches, "num_rows", None)
            with row_bar(progress, state.num_rows, total) as advance:
                for safe in _progressing(rows, state, estimator, batches, redundancy, checkpoint_seconds, advance):
                    _write_state(saved, safe)
                state = safe
        if rows.exists():
            (to_parquet if path.suffix == ".parquet" else to_npy)(rows, path, state.num_rows)
        rows.unlink(missing_ok=True)
        saved.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(error.errno, f"could not write {path}; what was safe stays so: {error.strerror}") from error
    return _summarise(path, state, estimator)


def _progressing(rows, state, estimator, batches, redundancy, seconds, advance) -> Iterator[_State]:
    """Appends the scores of chunk after chunk, and says from time to time what is safe."""
    started = time.monotonic()
    with open_rows(rows, state.num_rows) as file:
        for estimate, chunk, start in _one_ahead(_scored(state, estimator, batches, redundancy)):
            file.write(_as_rows(estimate).tobytes())
            state = _added(state, estimate, start)
            advance(len(chunk.labels))
            if time.monotonic() - started > seconds:
                _sync(file)
                yield replace(state, last_chunk=fingerprint(chunk))
                started = time.monotonic()
        _sync(file)
    yield replace(state, complete=True)


def _scored(state: _State, estimator, batches, redundancy) -> Iterator[tuple[Estimate, Batch, Position]]:
    """Scores of the chunks that come after those that are safe, the last of which is looked at again."""
    start = Position(state.batch, state.row) if state.num_rows else None
    for number, (chunk, began) in enumerate(chunks(batches, CHUNK, start)):
        if start is None or number:
            yield score(estimator, *chunk[:2], logits=chunk.logits, redundancy=redundancy), chunk, began
        elif fingerprint(chunk) != state.last_chunk:
            raise ValueError(f"features: expected the batches of the last call, got others at row {state.num_rows}")


def _one_ahead(items: Iterable[T]) -> Iterator[T]:
    """Starts the next item before the last is used, so that reading and computing overlap."""
    held: list[T] = []
    for item in items:
        yield from held
        held = [item]
    yield from held


def _added(state: _State, estimate: Estimate, start: Position) -> _State:
    size = len(estimate.surprisal[0])
    sums = [np.asarray(part).sum(dtype=np.float64) for part in estimate.interactions]
    diagnostics, _ = ravel_pytree(estimate.diagnostics)
    return replace(
        state,
        num_rows=state.num_rows + size,
        batch=start.batch,
        row=start.row,
        interactions=_sum(state.interactions, sums),
        diagnostics=_sum(state.diagnostics, size * np.asarray(diagnostics, np.float64)),
    )


def _sum(so_far: tuple[float, ...], more: Sequence[float] | np.ndarray) -> tuple[float, ...]:
    return tuple(float(a) + float(b) for a, b in zip(so_far or (0.0,) * len(more), more, strict=True))


def _as_rows(estimate: Estimate) -> np.ndarray:
    columns = (*estimate.interactions, *estimate.information, *estimate.surprisal)
    return np.stack([np.asarray(column) for column in columns], axis=1).astype("<f4", copy=False)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _write_state(path: Path, state: _State) -> None:
    write_whole(path, lambda file: file.write(json.dumps(asdict(state)).encode()))


def _read_state(path: Path, identity: str) -> _State:
    if not path.exists():
        return _State(identity)
    try:
        state = _State(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise ValueError(f"path: expected a state that score_to_file left in {path}, got another: delete it") from error
    if state.identity != identity:
        raise ValueError(
            f"path: expected what this very call left, but {path} is of another estimator or redundancy: delete it"
        )
    return state


def _summarise(path: Path, state: _State, estimator: Estimator) -> ScoredFile:
    means = Interactions(*(jnp.float32(total / state.num_rows) for total in state.interactions))
    gap = None if estimator.discriminators is None else jnp.zeros(3)
    zero = jnp.zeros(())
    _, restore = ravel_pytree(Diagnostics(zero, jnp.zeros(3), jnp.zeros(3), zero, gap, jnp.zeros(2), zero))
    diagnostics = restore(jnp.asarray(np.asarray(state.diagnostics) / state.num_rows, jnp.float32))
    return ScoredFile(path, state.num_rows, means, adjust(means), diagnostics)
