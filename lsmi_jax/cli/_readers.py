"""Reads arrays by name from files of many formats."""

import difflib
import hashlib
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lsmi_jax.inputs import import_extra

__all__ = ["Columns", "block", "block_names", "checksum", "column", "read"]

ENDINGS = ".npz, .safetensors, .parquet, .csv, or a folder of .npy"
Columns = Mapping[str, np.ndarray]
"""Arrays by name."""


def read(path: Path) -> Columns:
    """Reads the arrays of a file, or of a folder of files.

    Args:
        path: A ``.npz``, ``.safetensors``, ``.parquet`` or ``.csv`` file, or a folder of ``.npy`` files.

    Returns:
        Arrays by name, in the order of the file.

    Raises:
        FileNotFoundError: If it does not exist.
        ImportError: If the library that reads it is not installed.
        ValueError: If it has another format, or holds objects that would need unpickling.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    if path.is_dir():
        found = {file.stem: _npy(file) for file in sorted(path.glob("*.npy"))}
        if not found:
            raise ValueError(f"{path}: expected a folder of .npy files, got one without any")
        return found
    readers = {".npz": _npz, ".safetensors": _safetensors, ".parquet": _frame, ".csv": _frame}
    if path.suffix not in readers:
        raise ValueError(f"{path}: expected {ENDINGS}, got {path.suffix or 'a file without an ending'}")
    return readers[path.suffix](path)


def _npz(path: Path) -> Columns:
    """Arrays of an archive."""
    with _plain_errors(path), np.load(path, allow_pickle=False) as stored:
        return dict(stored)


def _npy(path: Path) -> np.ndarray:
    """One memory-mapped array."""
    with _plain_errors(path):
        return np.load(path, mmap_mode="r", allow_pickle=False)


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    """Replaces NumPy's errors, which suggest to unpickle trusted files."""
    try:
        yield
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        got = "objects" if "Object arrays" in str(error) else "something else"
        raise ValueError(f"{path}: expected a {path.suffix} file of numbers or strings, got {got}") from error


def _safetensors(path: Path) -> Columns:
    """Tensors of a safetensors file."""
    safetensors = import_extra("safetensors", purpose="a .safetensors file", extra="cli")
    numpy = import_extra("safetensors.numpy", purpose="a .safetensors file", extra="cli")
    try:
        return numpy.load_file(path)
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path}: expected a .safetensors file, got something else ({error})") from error


def _frame(path: Path) -> Columns:
    """Columns of a table."""
    pandas = import_extra("pandas", purpose=f"a {path.suffix} file", extra="cli")
    try:
        table = pandas.read_csv(path) if path.suffix == ".csv" else pandas.read_parquet(path)
    except ValueError as error:
        raise ValueError(f"{path}: expected a {path.suffix} file, got something else ({error})") from error
    return {str(name): _plain(table[name].to_numpy()) for name in table.columns}


def _plain(values: np.ndarray) -> np.ndarray:
    """Converts objects to arrays: lists to rows, strings to text."""
    if values.dtype == object and len(values):
        if all(isinstance(value, np.ndarray | list | tuple) for value in values):
            return np.stack([np.asarray(value) for value in values])
        if all(isinstance(value, str) for value in values):
            return values.astype(str)
    return values


def block(columns: Columns, name: str, option: str) -> np.ndarray:
    """A feature block: the array of that name, or all columns whose names begin with it.

    Args:
        columns: Arrays by name.
        name: A name, or a prefix of several names.
        option: The option, for the message.

    Returns:
        Rows ``[n, d]``.

    Raises:
        ValueError: If there is none, or it has more than two dimensions.
    """
    names = block_names(columns, name, option)
    for found in names:
        if columns[found].dtype.kind not in "fiub":
            raise ValueError(f"{option}: expected numbers, got {found} of {_kind(columns[found])}")
        if columns[found].ndim not in (1, 2):
            raise ValueError(f"{option}: expected an array [n, d], got {found} of shape {columns[found].shape}")
    if len(names) == 1 and columns[names[0]].ndim == 2:
        return columns[names[0]]
    return np.stack([columns[found] for found in names], axis=1)


def block_names(columns: Columns, name: str, option: str) -> list[str]:
    """Names of the arrays of a feature block: the array of that name, or all columns whose names begin with it.

    Args:
        columns: Arrays by name.
        name: A name, or a prefix of several names.
        option: The option, for the message.

    Returns:
        One name or more.

    Raises:
        ValueError: If there is none.
    """
    if name in columns:
        return [name]
    names = [key for key, array in columns.items() if key.startswith(name) and array.ndim == 1]
    if not names:
        raise ValueError(f"{option}: expected {_names(columns, name)}, or a prefix of several, got {name!r}")
    return names


def column(columns: Columns, name: str, option: str, num_rows: int | None = None) -> np.ndarray:
    """A column with one value per sample.

    Args:
        columns: Arrays by name.
        name: A name.
        option: The option, for the message.
        num_rows: Number of samples, if it is known.

    Returns:
        Values ``[n, ...]``.

    Raises:
        ValueError: If there is none, or it has another length.
    """
    if name not in columns:
        raise ValueError(f"{option}: expected {_names(columns, name)}, got {name!r}")
    array: Any = columns[name]
    if num_rows is not None and (not array.ndim or len(array) != num_rows):
        raise ValueError(f"{option}: expected {num_rows} values, one per sample, got {name} of shape {array.shape}")
    return array


def checksum(path: Path) -> str:
    """SHA-256 of a file, or of all ``.npy`` files of a folder."""
    files = sorted(path.glob("*.npy")) if path.is_dir() else [path]
    sums = []
    for file in files:
        with file.open("rb") as stream:
            sums.append(hashlib.file_digest(stream, "sha256").hexdigest())
    return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()


def _kind(array: np.ndarray) -> str:
    """Kind of values, for a message."""
    return {"U": "text", "S": "bytes", "O": "objects", "M": "dates"}.get(array.dtype.kind, str(array.dtype))


def _names(columns: Columns, wanted: str) -> str:
    """Available names, with numbered ones as a single entry, and the closest match."""
    kinds = {name: re.sub(r"\d+$", "*", name) for name in columns}
    counts = Counter(kinds.values())
    names = list(dict.fromkeys(name if counts[kind] == 1 else kind for name, kind in kinds.items()))
    close = difflib.get_close_matches(wanted, [name.rstrip("*") for name in names], n=1)
    meant = f" (did you mean {close[0]}?)" if close else ""
    return f"one of {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}{meant}"
