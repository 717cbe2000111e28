"""Programs that fit the models of all seeds and folds together; each is compiled once for a shape."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from lsmi_jax.decomposition import DensityOptions
from lsmi_jax.estimation._over_fits import over_fits
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
    shared = view, data.labels, data.positions
    return fit_discriminators(keys, shared, (rows, splits, weights), data.num_classes, data.mesh)


def merge_parts(values: jax.Array) -> jax.Array:
    """Values of held-out rows ``[m, F, S h, ...]`` from those of each split ``[m, F, S, h, ...]``."""
    return values.reshape(*values.shape[:2], -1, *values.shape[4:])


@partial(jax.jit, static_argnums=(3, 4))
def fit_discriminators(keys, shared, mapped, num_classes, mesh) -> tuple[Discriminator, jax.Array]:
    """Fits the discriminator of one view on all seeds and folds."""

    def fit(shared: tuple, key: jax.Array, own: jax.Array, splits: Folds, weights: Any) -> tuple:
        features, labels, ranks = jax.tree.map(lambda leaf: leaf[own], shared)
        return fit_discriminator(key, features, labels, splits, weights, ranks, num_classes=num_classes)

    return over_fits(fit, mesh, shared, *mapped, keys=keys)


@partial(jax.jit, static_argnums=4)
def fit_stacks(posteriors, labels, log_prior, weights, mesh) -> tuple[Stack, jax.Array]:
    """Fits the stack of a pair on the held-out rows of all seeds and folds.

    From the posteriors of the joint, the first and the second ``[m, F, S, h, K]``. Returns the posteriors of the stack,
    too.
    """

    def fit(log_prior: jax.Array, posteriors: tuple, labels: jax.Array, weights: Any) -> tuple[Stack, jax.Array]:
        joint, first, second = posteriors
        return fit_stack(joint, first, second, labels, log_prior, weights)

    return over_fits(fit, mesh, log_prior, posteriors, labels, weights)


@partial(jax.jit, static_argnums=6)
def fit_blends(joint, singles, pairs, labels, log_prior, weights, mesh) -> Blend:
    """Fits the blend of all modalities on the held-out rows of all seeds and folds, from ``[m, F, h, K]``."""

    def fit(log_prior: jax.Array, joint: jax.Array, singles: Any, pairs: Any, labels: jax.Array, weights: Any) -> Blend:
        return fit_blend(joint, singles, pairs, labels, log_prior, weights)

    return over_fits(fit, mesh, log_prior, joint, singles, pairs, labels, weights)


@partial(jax.jit, static_argnums=(4, 5))
def fit_potentials_of_pair(keys, posteriors, log_prior, weights, num_cells, mesh) -> Potentials:
    """Potentials of one pair, from posteriors of rows that the discriminators were not fitted on ``[m, F, n, K]``."""
    return _fit_unions(fit_potentials, keys, posteriors, log_prior, weights, num_cells, mesh)


@partial(jax.jit, static_argnums=(4, 5))
def fit_whole_unions(keys, posteriors, log_prior, weights, num_cells, mesh) -> WholeUnion:
    """Potentials of all modalities, and of each set that leaves one out, from posteriors as above."""
    return _fit_unions(fit_whole_union, keys, posteriors, log_prior, weights, num_cells, mesh)


def _fit_unions(fit_union: Callable, keys, posteriors, log_prior, weights, num_cells, mesh) -> Any:
    """Fits potentials of each seed and fold; on one device, one after another to bound memory."""

    def fit(log_prior: jax.Array, key: jax.Array, own: Any, shares: Any) -> Any:
        return fit_union(key, own, log_prior, shares, num_cells=num_cells)

    return over_fits(fit, mesh, log_prior, posteriors, weights, keys=keys, in_sequence=True)


@partial(jax.jit, static_argnums=(3, 4))
def fit_densities(keys, features, mapped, options: DensityOptions, mesh) -> Density:
    """Fits the density of one block on all seeds and folds."""
    fit_rows = partial(fit_density, num_components=options.num_components, covariance=options.covariance)

    def fit(features: jax.Array, key: jax.Array, part: jax.Array, weights: Any, splits: Folds | None) -> Density:
        return fit_rows(key, features[part], weights, splits)

    return over_fits(fit, mesh, features, *mapped, keys=keys)
