"""Processes many rows in chunks, so that intermediate arrays fit in memory."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["in_chunks"]


def in_chunks(function: Callable[[Any], jax.Array], rows: Any, size: int) -> jax.Array:
    """Applies a function of rows to chunks of them.

    Args:
        function: From a pytree of arrays ``[m, ...]`` to an array ``[m, ...]``, row by row.
        rows: Pytree of arrays ``[n, ...]``.
        size: Maximum number of rows m of a chunk. A symbolic number of rows, as in `jax.export`, is not cut.

    Returns:
        Results for all rows, ``[n, ...]``.
    """
    num_rows = jax.tree.leaves(rows)[0].shape[0]
    if not isinstance(num_rows, int):
        return function(rows)
    num_chunks = -(-num_rows // size)
    if num_chunks < 2:
        return function(rows)
    length = -(-num_rows // num_chunks)

    def one_chunk(start: jax.Array) -> jax.Array:
        return function(jax.tree.map(lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, start, length), rows))

    # The last chunk overlaps the previous one: a shorter chunk would need another compilation.
    chunks = jax.lax.map(one_chunk, jnp.minimum(jnp.arange(num_chunks) * length, num_rows - length))
    all_but_last = chunks[:-1].reshape(-1, *chunks.shape[2:])
    return jnp.concatenate([all_but_last, chunks[-1, len(all_but_last) - num_rows :]])
