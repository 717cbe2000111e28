"""Opens files of arrays: ``.npz``, ``.npy`` and ``.safetensors``, and folders of ``.npy`` files."""

import json
import math
import re
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from lsmi_jax.cli._columns import Budget, Columns, damage
from lsmi_jax.inputs import import_extra
from lsmi_jax.storage import array_sizes

__all__ = ["read_folder", "read_npy", "read_npz", "read_safetensors"]

SMALL_FLOATS = {"F8_E4M3": jnp.float8_e4m3fn, "F8_E5M2": jnp.float8_e5m2}
"""Types of 8 bits by their names in a .safetensors file."""


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


def read_safetensors(path: Path, budget: Budget) -> Columns:
    """Tensors of a ``.safetensors`` file; floats of 8 bits and bfloat16 become float32.

    Args:
        path: The file.
        budget: Bytes that may be read.

    Returns:
        Arrays by name.

    Raises:
        ImportError: If safetensors is not installed.
        ValueError: If the file is damaged.
    """
    open_file = import_extra("safetensors", purpose="a .safetensors file", extra="cli").safe_open

    def load(name: str) -> np.ndarray:
        with damage(path), open_file(path, framework="numpy") as file:
            if file.get_slice(name).get_dtype() in SMALL_FLOATS:
                return _small_floats(path, name)
            tensor = file.get_tensor(name)
            return tensor.astype(np.float32) if tensor.dtype == jnp.bfloat16 else tensor

    def num_bytes_of(tensor: Any) -> int:
        bits = re.search(r"\d+", tensor.get_dtype())  # as in F32; BOOL takes a byte
        return math.prod(tensor.get_shape()) * (int(bits[0]) if bits else 8) // 8

    with damage(path), open_file(path, framework="numpy") as file:
        num_bytes = {name: num_bytes_of(file.get_slice(name)) for name in file.keys()}  # noqa: SIM118
    return Columns(path, num_bytes, load, budget)


def _memory_mapped(path: Path, files: dict[str, Path], budget: Budget) -> Columns:
    """Arrays of some ``.npy`` files, by name."""

    def load(name: str) -> np.ndarray:
        with damage(files[name]):
            return np.load(files[name], mmap_mode="r", allow_pickle=False)

    return Columns(path, {name: file.stat().st_size for name, file in files.items()}, load, budget)


def _small_floats(path: Path, name: str) -> np.ndarray:
    """A tensor of 8-bit floats, which safetensors cannot give to NumPy, in float32."""
    with path.open("rb") as file:
        header = file.read(int.from_bytes(file.read(8), "little"))
        tensor = json.loads(header)[name]
        start, end = tensor["data_offsets"]
        file.seek(8 + len(header) + start)
        values = np.frombuffer(file.read(end - start), SMALL_FLOATS[tensor["dtype"]])
    return values.reshape(tensor["shape"]).astype(np.float32)
