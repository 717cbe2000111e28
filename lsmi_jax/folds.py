"""Stratified folds of equal size, as arrays of row indices that compiled code can map over."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["Folds", "stratified_folds"]


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
    shuffled = jax.random.permutation(key, size)
    order = shuffled[jnp.argsort(labels[shuffled], stable=True)]
    position = np.arange(size)
    fold = position % num_folds
    left_out = [position[fold == f] for f in range(num_folds)]
    longest = max(map(len, left_out))
    train = np.stack([position[fold != f][: size - longest] for f in range(num_folds)])
    padded = np.stack([np.resize(rows, longest) for rows in left_out])
    return Folds(order[train], order[padded])
