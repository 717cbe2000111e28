"""Arrays in ``.npz`` files, which are checked before memory is taken for them."""

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsmi_jax.inputs import to_host
from lsmi_jax.storage._atomic_files import is_key, key_as_integers, write_atomic

__all__ = ["array_sizes", "damage_as_value_error", "read_tree", "write_tree"]

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@contextmanager
def damage_as_value_error(message: str, *, tell: bool = False) -> Iterator[None]:
    """Turns whatever a parser raises on a damaged file into a ValueError with this message.

    Args:
        message: Names the file.
        tell: Whether the parser's own message follows.

    Raises:
        PermissionError: If the file may not be read.
        ValueError: If the parser failed in any other way.
    """
    try:
        yield
    except (PermissionError, MemoryError):
        raise
    except Exception as error:  # parsers raise many types that they do not document
        raise ValueError(f"{message} ({str(error).splitlines()[0]})" if tell and str(error) else message) from error


def array_sizes(path: Path) -> dict[str, int]:
    """Bytes of each array of a ``.npz`` file, as its header declares them; no array is read.

    Raises:
        ValueError: If the file is not a ``.npz`` file of numbers or strings.
    """
    with (
        damage_as_value_error(f"{path}: expected .npz of numbers or strings, got Python objects or a damaged file"),
        zipfile.ZipFile(path) as archive,
    ):
        return {name.removesuffix(".npy"): _declared(archive, name) for name in archive.namelist()}


def _declared(archive: zipfile.ZipFile, name: str) -> int:
    """Bytes that the header of one array declares."""
    with archive.open(name) as file:
        shape, _, dtype = HEADERS[np.lib.format.read_magic(file)](file)
    if dtype.hasobject:
        raise ValueError
    return math.prod(shape) * dtype.itemsize


def write_tree(path: Path, tree: Any) -> None:
    """Writes the arrays of a pytree atomically; with several processes, the first writes.

    Raises:
        OSError: If the file cannot be written.
    """
    arrays = [to_host(key_as_integers(leaf)) for leaf in jax.tree.leaves(tree)]
    if jax.process_index() == 0:
        write_atomic(path, lambda file: np.savez(file, *arrays))


def read_tree(path: Path, skeleton: Any) -> Any:
    """Reads what `write_tree` wrote.

    Args:
        path: The file.
        skeleton: A pytree of the same structure, with the types of the arrays.

    Returns:
        The pytree, with integers turned back into random keys.

    Raises:
        ValueError: If the file is damaged, or holds other arrays.
    """
    leaves, structure = jax.tree.flatten(skeleton)
    with damage_as_value_error(f"expected the arrays that were written to {path}, which is damaged"):
        # Arrays are not compressed: a header that declares more than the file holds is wrong.
        if sum(array_sizes(path).values()) > path.stat().st_size:
            raise ValueError
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = [stored[f"arr_{number}"] for number in range(len(leaves))]
        return jax.tree.unflatten(structure, list(map(_restored, arrays, leaves)))


def _restored(array: np.ndarray, like: Any) -> jax.Array:
    """An array on the default device, after a check that it has the type and axes of another."""
    expected = jax.eval_shape(key_as_integers, like)
    if array.dtype != expected.dtype or array.ndim != expected.ndim:
        raise ValueError
    return jax.random.wrap_key_data(jnp.asarray(array)) if is_key(like) else jnp.asarray(array)
