"""A growing file of numeric rows, and its conversion to an array file or a Parquet file."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from lsmi_jax.inputs import import_extra
from lsmi_jax.storage._atomic_files import write_atomic

__all__ = ["Finish", "open_rows", "row_dtype", "to_npy", "to_parquet"]

HEADER = 512  # bytes reserved at the start for the header that turns the rows into a .npy file
ROW_GROUP = 2**20  # rows

Finish = Callable[[np.ndarray], None]
"""Completes a group of rows in place; it may run twice on the same rows, so it must not depend on its own output."""


def row_dtype(columns: Sequence[str], integers: Collection[str] = ()) -> np.dtype:
    """Record of one row: a little-endian float32 for each column, or an int32 for those in ``integers``."""
    return np.dtype([(name, "<i4" if name in integers else "<f4") for name in columns])


def open_rows(path: Path, num_rows: int, dtype: np.dtype) -> IO[bytes]:
    """Opens a file of rows for appending and discards everything after the rows that are known to be on disk.

    Args:
        path: The file. It is created if it does not exist.
        num_rows: Number of rows to keep.
        dtype: Record of one row, from `row_dtype`.

    Returns:
        The open file, positioned at its end; append the bytes of arrays of the dtype.

    Raises:
        ValueError: If the file has fewer rows.
    """
    file = path.open("r+b" if path.exists() else "w+b")
    length = HEADER + num_rows * dtype.itemsize
    if num_rows and path.stat().st_size < length:
        file.close()
        raise ValueError(f"path: expected {num_rows} rows in {path}, got fewer: it is damaged; delete it")
    file.truncate(length)
    file.seek(length)
    return file


def to_npy(rows: Path, path: Path, num_rows: int, dtype: np.dtype, finish: Finish | None = None) -> None:
    """Turns a file of rows into a ``.npy`` file in place and moves it to its final path.

    Args:
        rows: The file of rows.
        path: The final path.
        num_rows: Number of rows in the file.
        dtype: Record of one row, from `row_dtype`.
        finish: Completes each group of rows in place.
    """
    with rows.open("r+b") as file:
        file.write(_npy_header(dtype, num_rows))
        if finish is not None:
            for offset, group in _groups(rows, num_rows, dtype):
                finish(group)
                file.seek(offset)
                file.write(group.tobytes())
        file.flush()
        os.fsync(file.fileno())
    rows.replace(path)


def to_parquet(rows: Path, path: Path, num_rows: int, dtype: np.dtype, finish: Finish | None = None) -> None:
    """Writes a Parquet file from a file of rows, one group at a time.

    Args:
        rows: The file of rows, which is left unchanged.
        path: The final path.
        num_rows: Number of rows in the file.
        dtype: Record of one row, from `row_dtype`.
        finish: Completes each group of rows in place before it is written.

    Raises:
        ImportError: If pyarrow is missing.
        OSError: If the file cannot be written.
    """
    arrow, parquet = (
        import_extra(module, purpose="a Parquet file", extra="data") for module in ("pyarrow", "pyarrow.parquet")
    )
    names = dtype.names or ()
    schema = arrow.schema([(name, arrow.from_numpy_dtype(dtype[name])) for name in names])

    def write(file: IO[bytes]) -> None:
        with parquet.ParquetWriter(file, schema) as writer:
            for _, group in _groups(rows, num_rows, dtype):
                if finish is not None:
                    finish(group)
                writer.write_table(arrow.table([np.ascontiguousarray(group[name]) for name in names], schema))

    write_atomic(path, write)


def _groups(rows: Path, num_rows: int, dtype: np.dtype) -> Iterator[tuple[int, np.ndarray]]:
    """Groups of rows with the offset of each in the file, in bytes."""
    for start in range(0, num_rows, ROW_GROUP):
        offset = HEADER + start * dtype.itemsize
        yield offset, np.fromfile(rows, dtype, min(ROW_GROUP, num_rows - start), offset=offset)


def _npy_header(dtype: np.dtype, num_rows: int) -> bytes:
    """Header of a ``.npy`` file, padded to the reserved length."""
    fields = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (num_rows,)}
    start = np.lib.format.magic(1, 0) + (HEADER - 10).to_bytes(2, "little")
    header = start + repr(fields).encode("latin1").ljust(HEADER - 11) + b"\n"
    if len(header) > HEADER:
        raise ValueError(f"dtype: expected names that fit a header of {HEADER} bytes, got {len(header)} bytes")
    return header
