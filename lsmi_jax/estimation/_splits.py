"""Folds, splits within a fold, and the weights of their rows."""

from functools import partial

import jax

from lsmi_jax.inputs import Dataset, Folds, grouped_folds, grouped_splits, stratified_folds, to_host, weights_of
from lsmi_jax.models import NUM_PARTS, NUM_SPLITS, inner_splits

__all__ = ["folds_of", "inner_splits_of", "weights_of_rows"]

ALL_HELD_OUT = 3000  # up to this many rows of a fit, every row is held out once


def folds_of(key: jax.Array, data: Dataset, num_folds: int, num_seeds: int) -> Folds:
    """Folds of every seed, which keep groups together.

    Args:
        key: Random key.
        data: The data set.
        num_folds: Number of folds F.
        num_seeds: Number of seeds m.

    Returns:
        `Folds` of row indices ``[m, F, ...]``.
    """
    if data.groups is None:
        return _folds_of_seeds(key, data.strata, num_folds, num_seeds)
    return grouped_folds(key, to_host(data.strata), to_host(data.groups), num_folds, num_seeds)


@partial(jax.jit, static_argnums=(2, 3))
def _folds_of_seeds(key: jax.Array, labels: jax.Array, num_folds: int, num_seeds: int) -> Folds:
    """Folds of every seed, compiled as one program: separate operations take longer to compile."""
    return jax.vmap(lambda key: stratified_folds(key, labels, num_folds))(jax.random.split(key, num_seeds))


def inner_splits_of(keys: jax.Array, data: Dataset, rows: jax.Array, fill: jax.Array | None) -> Folds:
    """Splits of the rows of each seed and fold, the same for all views ``[m, F, S, ...]``."""
    # With few rows, what is fitted to held-out rows needs all of them: temperatures, weights, the products' classifier.
    num_splits = NUM_PARTS if rows.shape[-1] <= ALL_HELD_OUT else NUM_SPLITS
    if data.groups is None:
        return _random_splits(keys, data.strata, rows, num_splits)
    labels, groups = to_host(data.strata), to_host(data.groups)
    filled = None if fill is None else to_host(fill)
    return grouped_splits(keys[0], labels, groups, to_host(rows), filled, NUM_PARTS, num_splits)


@partial(jax.jit, static_argnums=3)
def _random_splits(keys: jax.Array, labels: jax.Array, rows: jax.Array, num_splits: int) -> Folds:
    """Random splits of the rows of each seed and fold, stratified by label."""

    def split(key: jax.Array, own: jax.Array) -> Folds:
        return inner_splits(key, labels[own], num_splits)

    return jax.vmap(lambda key, folds: jax.vmap(partial(split, key))(folds))(keys, rows)


@jax.jit
def weights_of_rows(
    weights: tuple[jax.Array | None, ...], rows: jax.Array, fill: jax.Array | None
) -> tuple[jax.Array | None, ...]:
    """Weights of the rows of each seed and fold in each view ``[m, F, t]``."""
    return tuple(weights_of(rows, fill, own) for own in weights)
