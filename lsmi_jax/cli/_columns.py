"""Arrays by name, each read from its file when it is first asked for."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from lsmi_jax.storage import damage_as_value_error

__all__ = ["Columns", "check_bytes", "damage"]


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
            check_bytes(self._num_bytes[name], self._left, f"{name} of {self._path}")
            self._arrays[name] = self._load(name)
            self._left -= self._num_bytes[name]
        return self._arrays[name]

    def __contains__(self, name: object) -> bool:
        return name in self._num_bytes

    def __iter__(self) -> Iterator[str]:
        return iter(self._num_bytes)

    def __len__(self) -> int:
        return len(self._num_bytes)


def check_bytes(num_bytes: int, max_bytes: int, name: str) -> None:
    """Checks the size of what is about to be read.

    Args:
        num_bytes: Its bytes.
        max_bytes: Most bytes that are left to read.
        name: What it is, for the message.

    Raises:
        ValueError: If it is too large.
    """
    if num_bytes > max_bytes:
        raise ValueError(f"--max-bytes: expected at most {max_bytes} bytes more to read, got {num_bytes} for {name}")


def damage(path: Path) -> AbstractContextManager[None]:
    """Turns errors of a damaged file into a ValueError that names it; NumPy's words would suggest to unpickle it.

    Args:
        path: The file.

    Returns:
        A context manager.
    """
    if path.suffix.lower() in (".npy", ".npz"):
        return damage_as_value_error(f"{path}: expected {path.suffix} of numbers or strings, got objects or damage")
    return damage_as_value_error(f"{path}: expected {path.suffix}, got something else", tell=True)
