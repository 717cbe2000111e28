"""The file that scored rows go to: a growing array of records, and what becomes of it."""

from pathlib import Path
from typing import IO, Any

import numpy as np

from lsmi_jax.decomposition import Interactions
from lsmi_jax.durable import write_whole

__all__ = ["COLUMNS", "ROW", "open_rows", "pyarrow", "to_npy", "to_parquet"]

COLUMNS = (*Interactions._fields, "information1", "information2", "information12", "surprisal1", "surprisal2")
ROW = np.dtype([(name, np.float32) for name in COLUMNS])
HEADER = 512  # bytes left at the start for what makes an array file of the rows
ROW_GROUP = 2**20  # rows


def open_rows(path: Path, num_rows: int) -> IO[bytes]:
    """Opens a file of rows to append to, cut to those that are safe.

    Args:
        path: The file, which is made if it does not exist.
        num_rows: Number of rows that are safe.

    Returns:
        The open file, at its end.

    Raises:
        ValueError: If there are fewer rows than that.
    """
    file = path.open("r+b" if path.exists() else "w+b")
    length = HEADER + num_rows * ROW.itemsize
    if num_rows and path.stat().st_size < length:
        file.close()
        raise ValueError(f"path: expected {num_rows} rows in {path}, got fewer: it is damaged; delete it")
    file.truncate(length)
    file.seek(length)
    return file


def to_npy(rows: Path, path: Path, num_rows: int) -> None:
    """Makes an array file of the rows, in their place, and moves it to its own."""
    header = {"descr": np.lib.format.dtype_to_descr(ROW), "fortran_order": False, "shape": (num_rows,)}
    text = repr(header).encode("latin1")
    start = np.lib.format.magic(1, 0) + (HEADER - 10).to_bytes(2, "little")
    with rows.open("r+b") as file:
        file.write(start + text.ljust(HEADER - 11) + b"\n")
    rows.replace(path)


def to_parquet(rows: Path, path: Path, num_rows: int) -> None:
    """Makes a Parquet file of the rows, a group of them at a time."""
    arrow, parquet = pyarrow()
    schema = arrow.schema([(name, arrow.float32()) for name in COLUMNS])

    def write(file: IO[bytes]) -> None:
        with parquet.ParquetWriter(file, schema) as writer:
            for start in range(0, num_rows, ROW_GROUP):
                count = min(ROW_GROUP, num_rows - start)
                group = np.fromfile(rows, ROW, count, offset=HEADER + start * ROW.itemsize)
                writer.write_table(arrow.table([np.ascontiguousarray(group[name]) for name in COLUMNS], schema))

    write_whole(path, write)


def pyarrow() -> tuple[Any, Any]:
    """The modules of pyarrow, or how to get them."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError("a Parquet file needs pyarrow: pip install 'lsmi-jax[data]'") from error
    return pyarrow, pyarrow.parquet
