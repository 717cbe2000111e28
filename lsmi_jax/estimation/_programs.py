"""Programs that fit the models of all seeds and folds together; each is compiled once for a shape."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from lsmi_jax.decomposition import DensityOptions
from lsmi_jax.inputs import Dataset, Folds
from lsmi_jax.models import (
    Blend,
    Density,
    Discriminator,
    Stack,
    fit_blend,
    fit_density,
    fit_discriminator,
    fit_stack,
)
from lsmi_jax.union import Potentials, WholeUnion, fit_potentials, fit_whole_union

__all__ = [
    "fit_blends",
    "fit_densities",
    "fit_discriminators",
    "fit_potentials_of_pair",
    "fit_stacks",
    "fit_view",
    "fit_whole_unions",
    "merge_parts",
]


def fit_view(
    keys: jax.Array, view: jax.Array, data: Dataset, rows: jax.Array, splits: Folds, weights: jax.Array | None
) -> tuple[Discriminator, jax.Array]:
    """Fits the discriminator of one view of a data set; returns its posteriors of held-out rows, too."""
    return fit_discriminators(keys, view, data.labels, rows, splits, weights, data.positions, data.num_classes)


def merge_parts(values: jax.Array) -> jax.Array:
    """Values of held-out rows ``[m, F, S h, ...]`` from those of each split ``[m, F, S, h, ...]``."""
    return values.reshape(*values.shape[:2], -1, *values.shape[4:])


@partial(jax.jit, static_argnums=7)
def fit_discriminators(
    keys, features, labels, rows, splits, weights, ranks, num_classes
) -> tuple[Discriminator, jax.Array]:
    """Fits the discriminator of one view on all seeds and folds."""

    def fit(key: jax.Array, own: jax.Array, splits: Folds, weights: Any) -> tuple[Discriminator, jax.Array]:
        positions = None if ranks is None else ranks[own]
        return fit_discriminator(key, features[own], labels[own], splits, weights, positions, num_classes=num_classes)

    return _over_folds(fit)(keys, rows, splits, weights)


@jax.jit
def fit_stacks(joint, first, second, labels, log_prior, weights) -> tuple[Stack, jax.Array]:
    """Fits the stack of a pair on the held-out rows of all seeds and folds, from posteriors ``[m, F, S, h, K]``.

    Returns the log-posteriors of these rows, too.
    """

    def fit(joint: jax.Array, first: jax.Array, second: jax.Array, labels: jax.Array, weights: Any) -> tuple:
        return fit_stack(joint, first, second, labels, log_prior, weights)

    return jax.vmap(jax.vmap(fit))(joint, first, second, labels, weights)


@jax.jit
def fit_blends(joint, singles, pairs, labels, log_prior, weights) -> Blend:
    """Fits the blend of all modalities on the held-out rows of all seeds and folds, from ``[m, F, h, K]``."""

    def fit(joint: jax.Array, singles: Any, pairs: Any, labels: jax.Array, weights: Any) -> Blend:
        return fit_blend(joint, singles, pairs, labels, log_prior, weights)

    return jax.vmap(jax.vmap(fit))(joint, singles, pairs, labels, weights)


@partial(jax.jit, static_argnums=4)
def fit_potentials_of_pair(keys, posteriors, log_prior, weights, num_cells) -> Potentials:
    """Potentials of one pair, from posteriors of rows that the discriminators were not fitted on ``[m, F, n, K]``."""
    return _one_by_one(fit_potentials, keys, posteriors, log_prior, weights, num_cells)


@partial(jax.jit, static_argnums=4)
def fit_whole_unions(keys, posteriors, log_prior, weights, num_cells) -> WholeUnion:
    """Potentials of all modalities, and of all but each one, from posteriors as above."""
    return _one_by_one(fit_whole_union, keys, posteriors, log_prior, weights, num_cells)


def _one_by_one(
    fit_union: Callable,
    keys: jax.Array,
    posteriors: Sequence[jax.Array],
    log_prior: jax.Array,
    weights: Sequence[jax.Array] | None,
    num_cells: int,
) -> Any:
    """Fits potentials of each seed and fold, one after another to bound memory."""

    def fit(inputs: tuple) -> Any:
        key, own, shares = inputs
        return fit_union(key, own, log_prior, shares, num_cells=num_cells)

    num_seeds, num_folds = posteriors[0].shape[:2]
    flat = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), (posteriors, weights))
    fitted = jax.lax.map(fit, (jnp.repeat(keys, num_folds), *flat))
    return jax.tree.map(lambda leaf: leaf.reshape(num_seeds, num_folds, *leaf.shape[1:]), fitted)


@partial(jax.jit, static_argnums=5)
def fit_densities(keys, features, rows, weights, splits, options: DensityOptions) -> Density:
    """Fits the density of one block on all seeds and folds."""
    fit_rows = partial(fit_density, num_components=options.num_components, covariance=options.covariance)

    def fit(key: jax.Array, part: jax.Array, weights: jax.Array | None, splits: Folds | None) -> Density:
        return fit_rows(key, features[part], weights, splits)

    return _over_folds(fit)(keys, rows, weights, splits)


def _over_folds(fit: Callable) -> Callable:
    """Maps a fit over seeds and folds; folds of a seed share its key, and so its batches and noise.

    XLA takes several times longer to compile nested maps on CPUs, and also a map over a single element.
    """

    def over_both(keys: jax.Array, *arguments: Any) -> Any:
        num_seeds, num_folds = jax.tree.leaves(arguments)[0].shape[:2]
        flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), (jnp.repeat(keys, num_folds), *arguments))
        if num_seeds * num_folds == 1:
            result = fit(*jax.tree.map(lambda leaf: leaf[0], flat))
            return jax.tree.map(lambda leaf: leaf[None, None], result)
        results = jax.vmap(fit)(*flat)
        return jax.tree.map(lambda leaf: leaf.reshape(num_seeds, num_folds, *leaf.shape[1:]), results)

    return over_both
