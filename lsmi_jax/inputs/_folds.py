"""Folds and chosen rows, as indices and weights that compiled code can map over."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

__all__ = ["Folds", "evenly_spaced", "in_input_order", "rows_at", "spread_rows", "stratified_folds", "weights_of"]


class Folds(NamedTuple):
    """Training rows and held-out rows of every fold.

    Attributes:
        train: Row indices ``[num_folds, t]``.
        left_out: Row indices ``[num_folds, h]``. Every row is in exactly one fold; a fold that is one row
            short repeats its first row.
        train_weights: One for each training row and zero for a repeated row that is padding ``[num_folds, t]``; None if
            there is no padding.
        left_out_weights: Such weights for the held-out rows ``[num_folds, h]``.
    """

    train: jax.Array
    left_out: jax.Array
    train_weights: jax.Array | None = None
    left_out_weights: jax.Array | None = None


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


def weights_of(rows: jax.Array, fill: jax.Array | None, weights: jax.Array | None) -> jax.Array | None:
    """Weights of chosen rows.

    Args:
        rows: Row indices ``[...]``.
        fill: Zero for padding rows, one for others ``[...]``; None if there is no padding.
        weights: Weight of each row ``[n]``; None for equal weights.

    Returns:
        Weights ``[...]``; None if all are equal.
    """
    if weights is None:
        return fill
    return weights[rows] if fill is None else weights[rows] * fill


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


def spread_rows(key: jax.Array, size: int, count: int, weights: jax.Array | None = None) -> jax.Array:
    """Draws random rows, one from each of ``count`` equal stretches.

    One draw and no sort keep the program small. No row is drawn twice if there are at least ``count``.

    Args:
        key: Random key.
        size: Number of rows to draw from.
        count: Number of rows to draw.
        weights: Weight of each row ``[n]``, in proportion to which rows are drawn; None for equal weights.

    Returns:
        Row indices ``[count]``.
    """
    if weights is not None:
        return rows_at(weights, (jnp.arange(count, dtype=jnp.float32) + jax.random.uniform(key, (count,))) / count)
    # A random offset within each stretch, by a remainder: its bias is negligible for short stretches.
    starts = np.arange(count + 1) * size // count
    lengths = np.maximum(np.diff(starts), 1).astype(np.uint32)
    return jnp.asarray(starts[:-1], jnp.int32) + (jax.random.bits(key, (count,)) % lengths).astype(jnp.int32)


def evenly_spaced(size: int, count: int, weights: jax.Array | None = None) -> np.ndarray | jax.Array:
    """Rows spread evenly over all, in their order; some repeat if ``count`` exceeds their number.

    Args:
        size: Number of rows n.
        count: Number of rows to take.
        weights: Weight of each row ``[n]``, in proportion to which rows are taken; None for equal weights.

    Returns:
        Row indices ``[count]``.
    """
    if weights is None:
        return np.arange(count) * size // count
    return rows_at(weights, np.arange(count, dtype=np.float32) / count)


def rows_at(weights: jax.Array, places: ArrayLike) -> jax.Array:
    """Rows at given places of the cumulative weights; rows of weight zero are never taken.

    Args:
        weights: Weight of each row ``[n]``.
        places: Places ``[m]``, from 0 to 1.

    Returns:
        Row indices ``[m]``.
    """
    cumulative = jnp.cumsum(weights)
    # Round-off may put a place at the very end, behind the last row that has weight.
    last = jnp.nextafter(cumulative[-1], jnp.zeros((), cumulative.dtype))
    return jnp.searchsorted(cumulative, jnp.minimum(cumulative[-1] * places, last), side="right")
