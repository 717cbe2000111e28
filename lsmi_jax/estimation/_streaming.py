"""Scores more rows than fit in memory: chunk by chunk to a file, resumable after a crash."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Literal, NamedTuple, TypeVar

import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from lsmi_jax.decomposition import (
    ADJUSTED,
    KIND,
    PARTS,
    PREDICTED,
    SHIFT_SIGNS,
    SPREAD,
    SURPRISALS,
    UNION,
    Interactions,
    Redundancy,
    adjustment,
    num_cells_of,
    program_of,
)
from lsmi_jax.estimation._assembly import shifted
from lsmi_jax.estimation._diagnostics import Diagnostics
from lsmi_jax.estimation._estimator import Estimator
from lsmi_jax.estimation._fit_and_score import CHUNK, redundancy_of, score
from lsmi_jax.estimation._frames import SAMPLE_COLUMNS
from lsmi_jax.estimation._result import Estimate
from lsmi_jax.estimation._scoring_state import State, read_state, write_state
from lsmi_jax.inputs import Batch, Batches, Position, chunks, import_extra, to_host
from lsmi_jax.storage import Progress, as_path, fingerprint, open_rows, row_dtype, shown, to_npy, to_parquet

__all__ = ["RowProgress", "ScoredFile", "score_to_file"]

RowProgress = Callable[[int, int | None], None]
"""Called with the number of rows done, and the number of all rows if it is known."""

T = TypeVar("T")


class ScoredFile(NamedTuple):
    """What `score_to_file` returns.

    Attributes:
        path: The file: one row per sample, in the order of the batches, in nats, with the columns of
            `Estimate.to_pandas`; ``kind`` and predicted classes are integers.
        num_rows: Number of rows n.
        means: Mean r, u1, u2, s over all rows, in nats.
        adjusted: Means after the paper's data-set-level shift, `lsmi_jax.adjust`.
        diagnostics: How far to trust them.
    """

    path: Path
    num_rows: int
    means: Interactions
    adjusted: Interactions
    diagnostics: Diagnostics


def score_to_file(
    path: str | Path,
    estimator: Estimator,
    batches: Batches,
    *,
    redundancy: Redundancy | None = None,
    checkpoint_seconds: float = 30.0,
    overwrite: bool = False,
    progress: RowProgress | Literal["auto"] | None = "auto",
) -> ScoredFile:
    """Interactions of samples under a fitted estimator, written to a file while they are computed.

    The file appears under its name when it is complete. Until then the rows are in ``<path>.rows``, and
    ``<path>.state`` records at intervals how many of them are saved. After any crash, the same call resumes there and
    produces the same file, bit for bit. The state stays next to the finished file, so that the same call returns the
    finished result. To recognize the batches, only the last saved chunk of rows is compared.

    Args:
        path: The file to write: ``.npy`` (a structured array, to be read with ``mmap_mode="r"``) or ``.parquet``
            (through pyarrow, extra ``[data]``).
        estimator: From `lsmi_jax.fit_estimator`.
        batches: Iterable of ``(features, labels)`` or ``(features, labels, logits)``, the same in every call;
            `lsmi_jax.ArrayBatches` makes one of memory-mapped arrays.
        redundancy: As in `lsmi_jax.score`.
        checkpoint_seconds: Maximum seconds of work lost in a crash.
        overwrite: Whether to replace an existing file.
        progress: Called with the number of rows done and of all rows (None if unknown) after each chunk;
            `lsmi_jax.reporting.row_bar` makes a bar for the terminal; ``"auto"`` for a line there or in a notebook, if
            the work takes longer than three seconds; None for no reports.

    Returns:
        A `ScoredFile`.

    Raises:
        FileExistsError: If the path exists, is not the finished file of the same call, and ``overwrite`` is false.
        ImportError: If a Parquet file is requested and pyarrow is not installed.
        OSError: If the disk is full or the folder cannot be written; rows already saved are kept.
        TypeError: If ``estimator`` is not an estimator, ``progress`` is not a function, or an array of a batch has the
            wrong type.
        ValueError: If the path has another ending, an array has the wrong shape or values, the path has rows of
            another estimator or other batches, or the estimator is of more than two modalities.
    """
    path = as_path("path", path)
    if path.suffix not in (".npy", ".parquet"):
        raise ValueError(f"path: expected a name that ends in .npy or .parquet, got {path.name}")
    if progress is not None and progress != "auto" and not callable(progress):
        raise TypeError(f"progress: expected a function of the numbers of rows, 'auto' or None, got {progress!r}")
    if path.suffix == ".parquet":
        import_extra("pyarrow", purpose="a Parquet file", extra="data")
    redundancy = redundancy_of(estimator, redundancy, only_two=True)
    rows, saved = (path.with_name(path.name + end) for end in (".rows", ".state"))
    state = read_state(saved, fingerprint(estimator, program_of(redundancy)))
    _check_new(path, state, is_written=not rows.exists(), overwrite=overwrite)
    if state.complete and not rows.exists() and (overwrite or not path.exists()):
        state = State(state.identity)  # the file is to be written again, or its user moved it away
    try:
        with _row_reports(progress) as report:
            for safe in _append(rows, state, estimator, batches, redundancy, checkpoint_seconds, report):
                write_state(saved, safe)
                state = safe
        if rows.exists():
            _finish(path, rows, state, estimator, redundancy)
            write_state(saved, replace(state, file_size=path.stat().st_size))
            rows.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(error.errno, f"could not write {path}; rows already saved are kept: {error.strerror}") from error
    return _summarize(path, state, estimator, redundancy)


@contextmanager
def _row_reports(progress: RowProgress | Literal["auto"] | None) -> Iterator[RowProgress | None]:
    """A function of the number of rows done and of all rows; None for no reports."""
    if progress != "auto":
        yield progress
        return
    with shown("auto") as begin:
        yield None if begin is None else partial(_show_rows, begin)


def _show_rows(begin: Progress, done: int, total: int | None) -> None:
    """Reports a number of rows as the name of a stage."""
    begin(f"{done:,} rows" if total is None else f"{done:,} of {total:,} rows")


def _check_new(path: Path, state: State, *, is_written: bool, overwrite: bool) -> None:
    """Raises FileExistsError if the path is anything but the finished file of the same call."""
    if not path.exists() or overwrite:
        return
    if not state.complete:
        raise FileExistsError(f"path: expected a new file, got {path}, which exists; pass overwrite=True")
    if is_written and state.file_size not in (0, path.stat().st_size):
        raise FileExistsError(f"path: expected the finished file, got {path}, which has changed; pass overwrite=True")


def _finish(path: Path, rows: Path, state: State, estimator: Estimator, redundancy: Redundancy) -> None:
    """Turns the file of rows into the file that was asked for."""
    convert = to_parquet if path.suffix == ".parquet" else to_npy
    shift = partial(_shift, _shift_of(state, redundancy))
    convert(rows, path, state.num_rows, _row(estimator, redundancy), shift)


def _append(rows, state, estimator, batches, redundancy, seconds, progress) -> Iterator[State]:
    """Appends the scores chunk by chunk, and yields at intervals what is safely on disk; nothing if everything is."""
    scored = _scored(state, estimator, batches, redundancy)
    if state.complete:
        if next(scored, None) is not None:
            raise _other_batches(state)
        return
    started, dtype = time.monotonic(), _row(estimator, redundancy)
    total = getattr(batches, "num_rows", None)
    chunk = None
    with open_rows(rows, state.num_rows, dtype) as file:
        for estimate, chunk, start in _one_ahead(scored):
            file.write(_as_rows(estimate, dtype).tobytes())
            state = state.added(estimate, start)
            if progress is not None:
                progress(state.num_rows, total)
            if time.monotonic() - started > seconds:
                _sync(file)
                yield replace(state, last_chunk=fingerprint(chunk))
                started = time.monotonic()
        _sync(file)
    yield replace(state, last_chunk=state.last_chunk if chunk is None else fingerprint(chunk), complete=True)


def _scored(state: State, estimator, batches, redundancy) -> Iterator[tuple[Estimate, Batch, Position]]:
    """Scores the chunks after the last safe one, which is read again to check that the batches are the same."""
    start = Position(state.batch, state.row) if state.num_rows else None
    is_same = start is None
    for number, (chunk, began) in enumerate(chunks(batches, CHUNK, start)):
        if start is not None and not number:
            is_same = fingerprint(chunk) == state.last_chunk
        if not is_same:
            break
        if start is None or number:
            scores = score(estimator, *chunk[:2], logits=chunk.logits, redundancy=redundancy, progress=None)
            yield scores, chunk, began
    if not is_same:
        raise _other_batches(state)


def _other_batches(state: State) -> ValueError:
    """The error of a call with other batches."""
    done = "finished" if state.complete else "interrupted"
    return ValueError(
        f"features: expected the batches of the {done} call, got others at row {state.num_rows}; to start "
        "over, delete the .state beside the path"
    )


def _one_ahead(items: Iterable[T]) -> Iterator[T]:
    """Starts the next item before the previous one is used, so that reading and computing overlap."""
    held: list[T] = []
    for item in items:
        yield from held
        held = [item]
    yield from held


def _row(estimator: Estimator, redundancy: Redundancy) -> np.dtype:
    """Record of one row: the columns of one estimate under the estimator."""
    absent = {part.column + SPREAD for part in PARTS}  # one estimator has no spread
    absent |= {quantity.column for quantity in SURPRISALS} if estimator.densities is None else set()
    absent |= {UNION.column} if num_cells_of(redundancy) is None else set()
    columns = tuple(name for name in SAMPLE_COLUMNS if name not in absent)
    return row_dtype(columns, integers=(KIND, *(name for name in columns if name.startswith(PREDICTED))))


def _as_rows(estimate: Estimate, dtype: np.dtype) -> np.ndarray:
    """Records of a chunk; the shift is known only at the end, so that shifted parts are filled in later."""
    rows, values = np.zeros(estimate.num_samples, dtype), estimate.columns() | {KIND: to_host(estimate.kind)}
    for name in dtype.names or ():
        rows[name] = np.nan if name.endswith(ADJUSTED) else values[name]
    return rows


def _shift_of(state: State, redundancy: Redundancy) -> np.float32:
    """The shift of all rows; the union information needs none."""
    return np.float32(0 if num_cells_of(redundancy) is not None else adjustment(state.means))


def _shift(shift: np.float32, rows: np.ndarray) -> None:
    """Fills in the shifted parts of some rows."""
    for part, sign in zip(PARTS, SHIFT_SIGNS, strict=True):
        rows[part.column + ADJUSTED] = rows[part.column] + sign * shift


def _sync(file: IO[bytes]) -> None:
    """Forces written rows to the disk."""
    file.flush()
    os.fsync(file.fileno())


def _summarize(path: Path, state: State, estimator: Estimator, redundancy: Redundancy) -> ScoredFile:
    """The result of a complete file."""
    means, zero = state.means, jnp.zeros(())
    gap = None if estimator.discriminators is None else jnp.zeros(3)
    single, density_gap = (None, None) if estimator.densities is None else (zero, jnp.zeros(2))
    union = None if estimator.potentials is None else zero
    like = Diagnostics(
        single_source_fraction=single,
        cross_entropy=jnp.zeros(3),
        accuracy=jnp.zeros(3),
        prior_entropy=zero,
        discriminator_gap=gap,
        density_gap=density_gap,
        finite_fraction=zero,
        union_violation=union,
        union_gap=union,
        outlier_ratio=jnp.zeros(2),
    )
    _, restore = ravel_pytree(like)
    diagnostics = restore(jnp.asarray(state.mean_diagnostics, jnp.float32))
    if state.union_violation is not None:
        diagnostics = diagnostics._replace(union_violation=jnp.float32(state.union_violation))
    return ScoredFile(path, state.num_rows, means, shifted(means, redundancy), diagnostics)
