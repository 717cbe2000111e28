"""Atomic file writes and content hashes."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["as_path", "fingerprint", "is_key", "key_as_integers", "write_atomic"]


def as_path(name: str, path: Any) -> Path:
    """An absolute path; raises TypeError if it is not a path; ``name`` is for the message."""
    try:
        return Path(path).absolute()
    except TypeError:
        raise TypeError(f"{name}: expected a path, got {type(path).__name__}") from None


def is_key(leaf: jax.Array) -> bool:
    """Whether an array holds typed random keys."""
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def key_as_integers(leaf: jax.Array) -> jax.Array:
    """Replaces typed random keys by their integers, which a file can store; other arrays pass unchanged."""
    return jax.random.key_data(leaf) if is_key(leaf) else leaf


def fingerprint(tree: Any, *words: object) -> str:
    """SHA-256 of a pytree of arrays and of the text of any further objects, in hexadecimal digits.

    If an array is sharded over processes, each process hashes its own shards.
    """
    digest = hashlib.sha256(repr(words).encode())
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        stored = key_as_integers(leaf) if isinstance(leaf, jax.Array) else leaf
        parts = [shard.data for shard in stored.addressable_shards] if isinstance(stored, jax.Array) else [stored]
        for part in parts:
            array = np.ascontiguousarray(part)
            digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
            digest.update(array.data)
    return digest.hexdigest()


def write_atomic(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Writes a temporary file in the same folder, then renames it, so that `path` is never half written.

    Args:
        path: Target file. An existing file is replaced in one step at the end.
        write: Writes the content to an open binary file.

    Raises:
        OSError: If the file cannot be written. An existing file is left unchanged.
    """
    temporary = path.with_name(path.name + ".incomplete")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())  # the content must reach the disk before the rename does
        temporary.replace(path)
    except BaseException as error:  # also clean up after an interrupt
        with suppress(OSError):
            temporary.unlink()
        if not isinstance(error, OSError):
            raise
        raise OSError(
            error.errno, f"could not write {path}; an existing file is unchanged: {error.strerror}"
        ) from error
