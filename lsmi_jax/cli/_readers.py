"""Reads arrays by name from files of many formats."""

import hashlib
import math
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from lsmi_jax.inputs import import_extra
from lsmi_jax.storage import array_sizes, damage_as_value_error

__all__ = ["Columns", "checksum", "read"]

ENDINGS = ".npz, .safetensors, .parquet, .csv, or a folder of .npy"


class Columns(Mapping[str, np.ndarray]):
    """Arrays by name, in the order of the file; each is read when it is first asked for.

    Args:
        path: The file or folder, for messages.
        num_bytes: Bytes of each array, as the file declares them.
        load: Reads one array.
        max_bytes: Most bytes that are read.
    """

    def __init__(
        self, path: Path, num_bytes: Mapping[str, int], load: Callable[[str], np.ndarray], max_bytes: int
    ) -> None:
        self._path, self._num_bytes, self._load, self._left = path, num_bytes, load, max_bytes
        self._arrays: dict[str, np.ndarray] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._arrays:
            _check_bytes(self._num_bytes[name], self._left, f"{name} of {self._path}")
            self._arrays[name] = self._load(name)
            self._left -= self._num_bytes[name]
        return self._arrays[name]

    def __contains__(self, name: object) -> bool:
        return name in self._num_bytes

    def __iter__(self) -> Iterator[str]:
        return iter(self._num_bytes)

    def __len__(self) -> int:
        return len(self._num_bytes)


def read(path: Path, max_bytes: int | None = None) -> Columns:
    """Opens a file of arrays, or a folder of such files.

    Args:
        path: A ``.npz``, ``.safetensors``, ``.parquet`` or ``.csv`` file, or a folder of ``.npy`` files.
        max_bytes: Most bytes of arrays that are read; None for half of the memory.

    Returns:
        Arrays by name, in the order of the file. A table is read at once, an array when it is asked for.

    Raises:
        FileNotFoundError: If it does not exist.
        ImportError: If the library that reads it is not installed.
        ValueError: If it has another format, is damaged, holds objects that would need unpickling, or is larger.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    readers = {".npz": _npz, ".safetensors": _safetensors, ".parquet": _parquet, ".csv": _csv}
    if not path.is_dir() and path.suffix not in readers:
        raise ValueError(f"{path}: expected {ENDINGS}, got {path.suffix or 'a file without an ending'}")
    reader = _folder if path.is_dir() else readers[path.suffix]
    return reader(path, half_of_memory() if max_bytes is None else max_bytes)


def half_of_memory() -> int:
    """Half of the memory of this machine in bytes, where the system tells it; without limit elsewhere."""
    if not hasattr(os, "sysconf"):
        return sys.maxsize
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _check_bytes(num_bytes: int, max_bytes: int, name: str) -> None:
    """Raises ValueError if something is too large to be read."""
    if num_bytes > max_bytes:
        raise ValueError(f"--max-bytes: expected at most {max_bytes} bytes more to read, got {num_bytes} for {name}")


def _folder(path: Path, max_bytes: int) -> Columns:
    """Memory-mapped arrays of a folder."""
    files = {file.stem: file for file in sorted(path.glob("*.npy"))}
    if not files:
        raise ValueError(f"{path}: expected a folder of .npy files, got one without any")

    def load(name: str) -> np.ndarray:
        with _damage(files[name]):
            return np.load(files[name], mmap_mode="r", allow_pickle=False)

    return Columns(path, {name: file.stat().st_size for name, file in files.items()}, load, max_bytes)


def _npz(path: Path, max_bytes: int) -> Columns:
    """Arrays of an archive."""

    def load(name: str) -> np.ndarray:
        with _damage(path), np.load(path, allow_pickle=False) as stored:
            return stored[name]

    return Columns(path, array_sizes(path), load, max_bytes)


def _safetensors(path: Path, max_bytes: int) -> Columns:
    """Tensors of a safetensors file."""
    open_file = import_extra("safetensors", purpose="a .safetensors file", extra="cli").safe_open

    def load(name: str) -> np.ndarray:
        with _damage(path), open_file(path, framework="numpy") as file:
            return file.get_tensor(name)

    def num_bytes_of(tensor: Any) -> int:
        bits = re.search(r"\d+", tensor.get_dtype())  # as in F32; BOOL takes a byte
        return math.prod(tensor.get_shape()) * (int(bits[0]) if bits else 8) // 8

    with _damage(path), open_file(path, framework="numpy") as file:
        num_bytes = {name: num_bytes_of(file.get_slice(name)) for name in file.keys()}  # noqa: SIM118
    return Columns(path, num_bytes, load, max_bytes)


def _csv(path: Path, max_bytes: int) -> Columns:
    """Columns of a text file."""
    pandas = import_extra("pandas", purpose="a .csv file", extra="cli")
    _check_bytes(path.stat().st_size, max_bytes, str(path))
    with _damage(path):
        table = pandas.read_csv(path)
    return _columns_of(table, path, max_bytes)


def _parquet(path: Path, max_bytes: int) -> Columns:
    """Columns of a Parquet file."""
    pandas = import_extra("pandas", purpose="a .parquet file", extra="cli")
    parquet = import_extra("pyarrow.parquet", purpose="a .parquet file", extra="cli")
    with _damage(path):
        about = parquet.read_metadata(path)
        groups = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
    # Runs of equal values take no room in the file, but 8 bytes each in memory.
    _check_bytes(max(groups, 8 * about.num_rows * about.num_columns), max_bytes, str(path))
    with _damage(path):
        table = pandas.read_parquet(path)
    return _columns_of(table, path, max_bytes)


def _damage(path: Path) -> AbstractContextManager[None]:
    """Turns errors of a damaged file into a ValueError that names it; NumPy's words would suggest to unpickle it."""
    if path.suffix in (".npy", ".npz"):
        return damage_as_value_error(f"{path}: expected {path.suffix} of numbers or strings, got objects or damage")
    return damage_as_value_error(f"{path}: expected {path.suffix}, got something else", tell=True)


def _columns_of(table: Any, path: Path, max_bytes: int) -> Columns:
    """Columns of a pandas data frame, which is in memory."""
    arrays = {str(name): _plain(table[name].to_numpy()) for name in table.columns}
    return Columns(path, dict.fromkeys(arrays, 0), arrays.__getitem__, max_bytes)


def _plain(values: np.ndarray) -> np.ndarray:
    """Converts objects to arrays: lists to rows, strings to text."""
    if values.dtype == object and len(values):
        if all(isinstance(value, np.ndarray | list | tuple) for value in values):
            return np.stack([np.asarray(value) for value in values])
        if all(isinstance(value, str) for value in values):
            return values.astype(str)
    return values


def checksum(path: Path) -> str:
    """SHA-256 of a file, or of all ``.npy`` files of a folder."""
    files = sorted(path.glob("*.npy")) if path.is_dir() else [path]
    sums = []
    for file in files:
        with file.open("rb") as stream:
            sums.append(hashlib.file_digest(stream, "sha256").hexdigest())
    return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()
