"""Arrays by name, from whatever file holds them."""

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

__all__ = ["Columns", "block", "block_names", "checksum", "column", "read"]

ENDINGS = ".npz, .safetensors, .parquet, .csv, or a folder of .npy"
Columns = Mapping[str, np.ndarray]
"""Arrays by name."""


def read(path: Path) -> Columns:
    """The arrays of a file, or of a folder of files.

    Args:
        path: A ``.npz``, ``.safetensors``, ``.parquet`` or ``.csv`` file, or a folder of ``.npy`` files.

    Returns:
        Arrays by name, in the order of the file.

    Raises:
        FileNotFoundError: If there is none.
        ImportError: If what reads it is not installed.
        ValueError: If it is of another kind, or holds objects that would have to be unpickled.
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
    with _in_our_words(path), np.load(path, allow_pickle=False) as stored:
        return dict(stored)


def _npy(path: Path) -> np.ndarray:
    with _in_our_words(path):
        return np.load(path, mmap_mode="r", allow_pickle=False)


@contextmanager
def _in_our_words(path: Path) -> Iterator[None]:
    """NumPy's own advice, to unpickle what one trusts, is not ours."""
    try:
        yield
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        got = "objects" if "Object arrays" in str(error) else "something else"
        raise ValueError(f"{path}: expected a {path.suffix} file of numbers or strings, got {got}") from error


def _safetensors(path: Path) -> Columns:
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError as error:
        raise ImportError("a .safetensors file needs safetensors: pip install 'lsmi-jax[cli]'") from error
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path}: expected a .safetensors file, got something else ({error})") from error


def _frame(path: Path) -> Columns:
    try:
        import pandas
    except ImportError as error:
        raise ImportError(f"a {path.suffix} file needs pandas: pip install 'lsmi-jax[cli]'") from error
    try:
        table = pandas.read_csv(path) if path.suffix == ".csv" else pandas.read_parquet(path)
    except ValueError as error:
        raise ValueError(f"{path}: expected a {path.suffix} file, got something else ({error})") from error
    return {str(name): _plain(table[name].to_numpy()) for name in table.columns}


def _plain(values: np.ndarray) -> np.ndarray:
    """Lists become rows, and text is text."""
    if values.dtype == object and len(values):
        if all(isinstance(value, np.ndarray | list | tuple) for value in values):
            return np.stack([np.asarray(value) for value in values])
        if all(isinstance(value, str) for value in values):
            return values.astype(str)
    return values


def block(columns: Columns, name: str, option: str) -> np.ndarray:
    """A feature block: an array of that name, or all columns whose names begin with it.

    Args:
        columns: Arrays by name.
        name: A name, or what several names begin with.
        option: The option it came from, for the message.

    Returns:
        Rows ``[n, d]``.

    Raises:
        ValueError: If there is none, or it is of more than two dimensions.
    """
    names = block_names(columns, name, option)
    for one in names:
        if columns[one].dtype.kind not in "fiub":
            raise ValueError(f"{option}: expected numbers, got {one} of {_kind(columns[one])}")
        if columns[one].ndim not in (1, 2):
            raise ValueError(f"{option}: expected an array [n, d], got {one} of shape {columns[one].shape}")
    if len(names) == 1 and columns[names[0]].ndim == 2:
        return columns[names[0]]
    return np.stack([columns[one] for one in names], axis=1)


def block_names(columns: Columns, name: str, option: str) -> list[str]:
    """Names of the arrays that a feature block is made of: that of its own name, or all columns that begin with it.

    Args:
        columns: Arrays by name.
        name: A name, or what several names begin with.
        option: The option it came from, for the message.

    Returns:
        One name or more.

    Raises:
        ValueError: If there is none.
    """
    if name in columns:
        return [name]
    names = [key for key, array in columns.items() if key.startswith(name) and array.ndim == 1]
    if not names:
        raise ValueError(f"{option}: expected {_names(columns, name)}, or what several begin with, got {name!r}")
    return names


def column(columns: Columns, name: str, option: str, num_rows: int | None = None) -> np.ndarray:
    """One value a sample.

    Args:
        columns: Arrays by name.
        name: A name.
        option: The option it came from, for the message.
        num_rows: Number of samples, where it is known.

    Returns:
        Values ``[n, ...]``.

    Raises:
        ValueError: If there is none, or of another length.
    """
    if name not in columns:
        raise ValueError(f"{option}: expected {_names(columns, name)}, got {name!r}")
    array: Any = columns[name]
    if num_rows is not None and (not array.ndim or len(array) != num_rows):
        raise ValueError(f"{option}: expected {num_rows} values, as many as samples, got {name} of shape {array.shape}")
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
    return {"U": "text", "S": "bytes", "O": "objects", "M": "dates"}.get(array.dtype.kind, str(array.dtype))


def _names(columns: Columns, wanted: str) -> str:
    """What there is to choose from, numbered names as one, and what the user may have meant."""
    kinds = {name: re.sub(r"\d+$", "*", name) for name in columns}
    counts = Counter(kinds.values())
    names = list(dict.fromkeys(name if counts[kind] == 1 else kind for name, kind in kinds.items()))
    close = difflib.get_close_matches(wanted, [name.rstrip("*") for name in names], n=1)
    meant = f" (did you mean {close[0]}?)" if close else ""
    return f"one of {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}{meant}"
