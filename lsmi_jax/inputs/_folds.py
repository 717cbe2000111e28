"""Stratified folds of equal size, and random rows, as indices that compiled code can map over."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["Folds", "in_input_order", "spread_rows", "stratified_folds"]


class Folds(NamedTuple):
    """Training rows and held-out rows of every fold.

    Attributes:
        train: Row indices ``[num_folds, t]``.
        left_out: Row indices ``[num_folds, h]``. Every row is in exactly one fold; a fold that is one row
            short repeats its first row.
    """

    train: jax.Array
    left_out: jax.Array


def stratified_folds(key: jax.Array, labels: jax.Array, num_folds: int) -> Folds:
    """Splits rows at random so that each class is spread evenly over the folds.

    Fold sizes differ by at most one, overall and within a class. Longer training sets drop one row, so that
    all have the same length.

    Args:
        key: Random key.
        labels: Class labels ``[n]``.
        num_folds: Number of folds, between 2 and n.

    Returns:
        `Folds` of row indices.
    """
    size = labels.shape[0]
    # Sorted by label, then at random: taking every num_folds-th row spreads each class over the folds.
    by_label_then_at_random = (labels, jax.random.bits(key, (size,)), jnp.arange(size))
    order = jax.lax.sort(by_label_then_at_random, num_keys=2)[2]
    position = np.arange(size)
    fold = position % num_folds
    left_out = [position[fold == f] for f in range(num_folds)]
    longest = max(map(len, left_out))
    train = np.stack([position[fold != f][: size - longest] for f in range(num_folds)])
    padded = np.stack([np.resize(rows, longest) for rows in left_out])
    return Folds(order[train], order[padded])


def in_input_order(values: jax.Array, left_out: jax.Array, size: int) -> jax.Array:
    """Scatters values of the held-out rows of each fold back to the order of the rows.

    Args:
        values: Values ``[num_folds, h, ...]``.
        left_out: Row indices ``[num_folds, h]``.
        size: Number of rows n.

    Returns:
        Values ``[n, ...]``.
    """
    flat = values.reshape(left_out.size, *values.shape[2:])
    return jnp.zeros((size, *values.shape[2:]), values.dtype).at[left_out.reshape(-1)].set(flat)


def spread_rows(key: jax.Array, size: int, count: int) -> jax.Array:
    """Draws random rows, one from each of ``count`` equal stretches.

    One draw and no sort keep the program small. No row is drawn twice if there are at least ``count``.

    Args:
        key: Random key.
        size: Number of rows to draw from.
        count: Number of rows to draw.

    Returns:
        Row indices ``[count]``.
    """
    # A random offset within each stretch, by a remainder: its bias is negligible for short stretches.
    starts = np.arange(count + 1) * size // count
    lengths = np.maximum(np.diff(starts), 1).astype(np.uint32)
    return jnp.asarray(starts[:-1], jnp.int32) + (jax.random.bits(key, (count,)) % lengths).astype(jnp.int32)
