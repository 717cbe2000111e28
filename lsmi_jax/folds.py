"""Which rows: stratified folds of equal size, and random rows, as indices that compiled code can map over."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["Folds", "in_input_order", "spread_rows", "stratified_folds"]


class Folds(NamedTuple):
    """Rows to train on and rows left out, of every fold.

    Attributes:
        train: Row indices ``[num_folds, t]``.
        left_out: Row indices ``[num_folds, h]``; every row is in exactly one fold, and a fold that is
            one row short repeats its first.
    """

    train: jax.Array
    left_out: jax.Array


def stratified_folds(key: jax.Array, labels: jax.Array, num_folds: int) -> Folds:
    """Splits rows at random so that each class is spread evenly over the folds.

    Fold sizes differ by at most one, overall and within a class; the longer training sets lose one
    row, so that all have one length.

    Args:
        key: Random key.
        labels: Class labels ``[n]``.
        num_folds: Number of folds, between 2 and n.

    Returns:
        `Folds` of row indices.
    """
    size = labels.shape[0]
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
    """Puts what was computed for the left-out rows of each fold where the rows are.

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
    """Random rows, one from each of as many equal stretches.

    One draw and no sort, which keeps programs small; no row comes twice if there are enough.

    Args:
        key: Random key.
        size: Number of rows to draw from.
        count: Number of rows to draw.

    Returns:
        Row indices ``[count]``.
    """
    starts = np.arange(count + 1) * size // count
    lengths = np.maximum(np.diff(starts), 1).astype(np.uint32)
    return jnp.asarray(starts[:-1], jnp.int32) + (jax.random.bits(key, (count,)) % lengths).astype(jnp.int32)
