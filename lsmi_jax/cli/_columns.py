"""Arrays by name, each read from its file when it is first asked for."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lsmi_jax.storage import damage_as_value_error

__all__ = ["Budget", "Columns", "damage"]


@dataclass
class Budget:
    """Bytes that may still be read, from all files together."""

    left: int

    def take(self, num_bytes: int, name: str) -> None:
        """Takes the size of what is about to be read.

        Args:
            num_bytes: Its bytes.
            name: What it is, for the message.

        Raises:
            ValueError: If it is too large.
        """
        if num_bytes > self.left:
            raise ValueError(f"--max-bytes: expected at most {self.left} more bytes, got {num_bytes} for {name}")
        self.left -= num_bytes


class Columns(Mapping[str, np.ndarray]):
    """Arrays by name, in the order of the file; each is read when it is first asked for.

    Args:
        path: The file or folder, for messages.
        num_bytes: Bytes of each array, as the file declares them.
        load: Reads one array.
        budget: Bytes that may be read.
    """

    def __init__(
        self, path: Path, num_bytes: Mapping[str, int], load: Callable[[str], np.ndarray], budget: Budget
    ) -> None:
        self._path, self._num_bytes, self._load, self._budget = path, num_bytes, load, budget
        self._arrays: dict[str, np.ndarray] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._arrays:
            self._budget.take(self._num_bytes[name], f"{name} of {self._path}")
            self._arrays[name] = self._load(name)
        return self._arrays[name]

    def __contains__(self, name: object) -> bool:
        return name in self._num_bytes

    def __iter__(self) -> Iterator[str]:
        return iter(self._num_bytes)

    def __len__(self) -> int:
        return len(self._num_bytes)


def damage(path: Path) -> AbstractContextManager[None]:
    """Turns errors of a damaged file into a ValueError that names it; NumPy's message would suggest unpickling it.

    Args:
        path: The file.

    Returns:
        A context manager.
    """
    if path.suffix.lower() in (".npy", ".npz"):
        return damage_as_value_error(
            f"{path}: expected {path.suffix} of numbers or strings, got Python objects or a damaged file"
        )
    return damage_as_value_error(f"{path}: expected {path.suffix}, got something else", tell=True)
