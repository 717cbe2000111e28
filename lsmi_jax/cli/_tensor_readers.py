"""Opens files of tensors: ``.safetensors``, and ``.pt`` of PyTorch without unpickling objects."""

import json
import math
import re
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from lsmi_jax.cli._columns import Budget, Columns, damage
from lsmi_jax.inputs import import_extra
from lsmi_jax.storage import damage_as_value_error

__all__ = ["read_pt", "read_safetensors"]

SMALL_FLOATS = {"F8_E4M3": jnp.float8_e4m3fn, "F8_E5M2": jnp.float8_e5m2}
"""Types of 8 bits by their names in a .safetensors file."""


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


def read_pt(path: Path, budget: Budget) -> Columns:
    """Tensors of a dictionary that ``torch.save`` wrote; floats of 16 and 8 bits become float32.

    Objects other than tensors are never unpickled: PyTorch reads the file with ``weights_only=True``.

    Args:
        path: The file.
        budget: Bytes that may be read.

    Returns:
        Arrays by name.

    Raises:
        ImportError: If PyTorch is not installed (extra ``[torch]``).
        ValueError: If the file is damaged, or holds anything but a dictionary of tensors.
    """
    torch = import_extra("torch", purpose="a .pt file", extra="torch")
    with damage_as_value_error(
        f"{path}: expected a .pt file of tensors by name, got Python objects, a damaged file or an old format"
    ):
        tensors = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    names = tensors if isinstance(tensors, dict) else {}
    if not names or not all(isinstance(n, str) and isinstance(t, torch.Tensor) for n, t in names.items()):
        raise ValueError(
            f"{path}: expected a dictionary of tensors by name, such as x1, x2 and y, got {_kinds(tensors)}"
        )

    def load(name: str) -> np.ndarray:
        tensor = tensors[name].detach().to_dense()
        return (tensor.float() if tensor.is_floating_point() and tensor.element_size() < 4 else tensor).numpy()

    return Columns(path, {name: t.numel() * t.element_size() for name, t in tensors.items()}, load, budget)


def _kinds(content: Any) -> str:
    """What a file holds instead of tensors by name, for a message."""
    if not isinstance(content, dict):
        return f"a {type(content).__name__}"
    others = (f"{name!r} of type {type(value).__name__}" for name, value in content.items())
    return next((other for other in others if not other.endswith("Tensor")), "an empty one")


def _small_floats(path: Path, name: str) -> np.ndarray:
    """A tensor of 8-bit floats, which safetensors cannot give to NumPy, in float32."""
    with path.open("rb") as file:
        header = file.read(int.from_bytes(file.read(8), "little"))
        tensor = json.loads(header)[name]
        start, end = tensor["data_offsets"]
        file.seek(8 + len(header) + start)
        values = np.frombuffer(file.read(end - start), SMALL_FLOATS[tensor["dtype"]])
    return values.reshape(tensor["shape"]).astype(np.float32)
