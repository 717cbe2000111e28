"""Opens data of any format as arrays by name."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from lsmi_jax.cli._array_readers import read_folder, read_npy, read_npz
from lsmi_jax.cli._columns import Budget, Columns
from lsmi_jax.cli._table_readers import read_arrow, read_json_lines, read_parquet, read_text
from lsmi_jax.cli._tensor_readers import read_pt, read_safetensors

__all__ = ["ENDINGS", "checksum", "half_of_memory", "is_data", "missing_hint", "read"]

ENDINGS = (".npz", ".npy", ".safetensors", ".pt", ".parquet", ".feather", ".arrow", ".csv", ".tsv", ".jsonl")
"""Endings of the files that are read; the last three also with ``.gz``, and all in capitals, too."""
TEXT = ENDINGS[-3:]


def read(path: Path, budget: Budget | None = None, *, keep_na: bool = False) -> Columns:
    """Opens a file of arrays, or a folder of ``.npy`` files.

    Args:
        path: A file with one of `ENDINGS`, or a folder.
        budget: Bytes of arrays that may be read; None for half of the memory.
        keep_na: Whether words such as NA and None in files of text are text; otherwise they are missing values.

    Returns:
        Arrays by name, in the order of the file. A text file is read immediately, other arrays when they are asked for.

    Raises:
        FileNotFoundError: If it does not exist.
        ImportError: If the library that reads it is not installed.
        ValueError: If it has another format, is damaged, holds objects that would need unpickling, or exceeds the
            budget.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    readers: dict[str, Callable[[Path, Budget], Columns]] = {
        ".npz": read_npz,
        ".npy": read_npy,
        ".safetensors": read_safetensors,
        ".pt": read_pt,
        ".parquet": read_parquet,
        ".feather": read_arrow,
        ".arrow": read_arrow,
        ".csv": partial(read_text, separator=",", keep_na=keep_na),
        ".tsv": partial(read_text, separator="\t", keep_na=keep_na),
        ".jsonl": read_json_lines,
    }
    ending = _ending(path)
    if not path.is_dir() and ending not in readers:
        got = ending or "a file without an ending"
        raise ValueError(f"{path}: expected {', '.join(ENDINGS)}, or a folder of .npy, got {got}")
    reader = read_folder if path.is_dir() else readers[ending]
    return reader(path, Budget(half_of_memory()) if budget is None else budget)


def _is_text(path: Path) -> bool:
    """Whether missing values may be words, as in a ``.csv`` or ``.tsv`` file."""
    return _ending(path) in (".csv", ".tsv")


def missing_hint(paths: Iterable[Path], *, keep_na: bool) -> str:
    """What to do about missing values in these files: words may be meant as text."""
    return "; --keep-na reads words such as NA and None as text" if not keep_na and any(map(_is_text, paths)) else ""


def is_data(path: Path) -> bool:
    """Whether this is the name of a file or folder of data."""
    return _ending(path) in ENDINGS or path.is_dir()


def _ending(path: Path) -> str:
    """Ending of a file in lower case, without that of its compression."""
    *_, before, last = "", "", *(suffix.lower() for suffix in path.suffixes)
    return before if last == ".gz" and before in TEXT else last


def half_of_memory() -> int:
    """Half of the memory of this machine in bytes, where the system reports it; no limit elsewhere."""
    if not hasattr(os, "sysconf"):
        return sys.maxsize
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def checksum(*paths: Path) -> str:
    """SHA-256 of a file, or of several: the given files, and all ``.npy`` files of the given folders."""
    files = [file for path in paths for file in (sorted(path.glob("*.npy")) if path.is_dir() else [path])]
    sums = []
    for file in files:
        with file.open("rb") as stream:
            sums.append(hashlib.file_digest(stream, "sha256").hexdigest())
    return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()
