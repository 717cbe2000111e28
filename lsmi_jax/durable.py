"""Files that are whole or not there at all, and fingerprints of what they were computed from."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["as_numbers", "fingerprint", "is_key", "write_whole"]


def is_key(leaf: jax.Array) -> bool:
    """Whether an array holds random keys."""
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def as_numbers(leaf: jax.Array) -> jax.Array:
    """An array that a file can hold: random keys become integers."""
    return jax.random.key_data(leaf) if is_key(leaf) else leaf


def fingerprint(tree: Any, *words: object) -> str:
    """A checksum of arrays and words that differs as soon as one bit of them does.

    Args:
        tree: Pytree of arrays; of those spread over processes, the rows this process holds count.
        words: Anything else that matters, by its text.

    Returns:
        Hexadecimal digits.
    """
    digest = hashlib.sha256(repr(words).encode())
    for where, leaf in jax.tree_util.tree_leaves_with_path(tree):
        whole = as_numbers(leaf) if isinstance(leaf, jax.Array) else leaf
        parts = [shard.data for shard in whole.addressable_shards] if isinstance(whole, jax.Array) else [whole]
        for part in parts:
            array = np.ascontiguousarray(part)
            digest.update(f"{jax.tree_util.keystr(where)} {array.dtype} {array.shape}".encode())
            digest.update(array.data)
    return digest.hexdigest()


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Writes a file beside its place and moves it there once the disk has it.

    Args:
        path: Where the file shall be; what is there is replaced at the end, at once.
        write: Writes the content to an open file.

    Raises:
        OSError: If it cannot be written; what was there before stays.
    """
    beside = path.with_name(path.name + ".incomplete")
    try:
        with beside.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException as error:  # an interrupt, too, leaves nothing behind
        with suppress(OSError):
            beside.unlink()
        if not isinstance(error, OSError):
            raise
        raise OSError(error.errno, f"could not write {path}, what was there before stays: {error.strerror}") from error
