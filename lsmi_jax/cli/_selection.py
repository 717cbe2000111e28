"""Chooses blocks and columns of a file by the names that options give."""

import difflib
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lsmi_jax.cli._readers import is_data
from lsmi_jax.inputs import encode

__all__ = ["block", "block_names", "check_classes", "check_ids", "column", "file_of", "unnumbered"]

Columns = Mapping[str, np.ndarray]
"""Arrays by name."""


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
    file = file_of(name)
    of_file = (key for key in columns if key.startswith(name) and file_of(key) == file)
    names = [key for key in of_file if columns[key].ndim == 1]
    if not names:
        raise ValueError(f"{option}: expected {_names(columns, name)}, or a prefix of several, got {name!r}")
    return names


def file_of(name: str) -> str:
    """The file of a name that is written as ``FILE:NAME``, or an empty string.

    Args:
        name: Value of an option.

    Returns:
        The part before the last colon, if that is a file or folder of data.

    Examples:
        >>> file_of("audio.parquet:embedding"), file_of("scale:1")
        ('audio.parquet', '')
    """
    file = name.rpartition(":")[0]
    return file if file and is_data(Path(file)) else ""


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


def check_classes(values: np.ndarray, option: str, hint: str = "") -> np.ndarray:
    """Checks that values can be classes, with none missing.

    Args:
        values: Values ``[n]``.
        option: The option, for the message.
        hint: What to do about missing values.

    Returns:
        The values.

    Raises:
        TypeError: If they cannot be sorted.
        ValueError: If some are missing.
    """
    try:
        encode(option, values)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{error}{hint if 'missing' in str(error) else ''}") from None
    return values


def check_ids(values: np.ndarray, option: str, hint: str = "") -> np.ndarray:
    """Checks that every row has a unique name.

    Args:
        values: Names ``[n]``.
        option: The option, for the message.
        hint: What to do about missing values.

    Returns:
        The names.

    Raises:
        ValueError: If two are equal, or some are missing.
    """
    names, counts = np.unique(check_classes(values, option, hint), return_counts=True)
    if counts.max() > 1:
        raise ValueError(
            f"{option}: expected a unique value in every row, got {names[counts.argmax()]!s} {counts.max()} times"
        )
    return values


def unnumbered(names: list[str], prefix: str) -> list[str]:
    """Columns of a block that match its prefix but are not numbered as the others are.

    Args:
        names: Names of the columns.
        prefix: What they begin with.

    Returns:
        Those that do not end in a number right after the prefix; none if no column does.

    Examples:
        >>> unnumbered(["audio_0", "audio_1", "audio_seconds"], "audio_")
        ['audio_seconds']
    """
    numbered = [name for name in names if re.fullmatch(r"_?\d+", name.removeprefix(prefix))]
    return [name for name in names if name not in numbered] if numbered else []


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
