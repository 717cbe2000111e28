"""Opens files of arrays: ``.npz``, ``.npy``, and folders of ``.npy`` files."""

from pathlib import Path

import numpy as np

from lsmi_jax.cli._columns import Budget, Columns, damage
from lsmi_jax.storage import array_sizes

__all__ = ["read_folder", "read_npy", "read_npz"]


def read_folder(path: Path, budget: Budget) -> Columns:
    """Memory-mapped arrays of a folder of ``.npy`` files, by the names of the files.

    Args:
        path: The folder.
        budget: Bytes that may be read.

    Returns:
        Arrays by name.

    Raises:
        ValueError: If there are none.
    """
    files = {file.stem: file for file in sorted(path.glob("*.npy"))}
    if not files:
        raise ValueError(f"{path}: expected a folder of .npy files, got one without any")
    return _memory_mapped(path, files, budget)


def read_npy(path: Path, budget: Budget) -> Columns:
    """The memory-mapped array of one ``.npy`` file, by the name of the file.

    Args:
        path: The file.
        budget: Bytes that may be read.

    Returns:
        One array by name.
    """
    return _memory_mapped(path, {path.stem: path}, budget)


def read_npz(path: Path, budget: Budget) -> Columns:
    """Arrays of a ``.npz`` archive.

    Args:
        path: The file.
        budget: Bytes that may be read.

    Returns:
        Arrays by name.

    Raises:
        ValueError: If the file is damaged.
    """

    def load(name: str) -> np.ndarray:
        with damage(path), np.load(path, allow_pickle=False) as stored:
            return stored[name]

    return Columns(path, array_sizes(path), load, budget)


def _memory_mapped(path: Path, files: dict[str, Path], budget: Budget) -> Columns:
    """Arrays of several ``.npy`` files, by name."""

    def load(name: str) -> np.ndarray:
        with damage(files[name]):
            return np.load(files[name], mmap_mode="r", allow_pickle=False)

    return Columns(path, {name: file.stat().st_size for name, file in files.items()}, load, budget)
