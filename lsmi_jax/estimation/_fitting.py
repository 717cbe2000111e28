"""Fits discriminators, densities and potentials of all seeds and folds together."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from lsmi_jax.decomposition import DensityOptions, Redundancy, log_posterior, num_cells_of
from lsmi_jax.estimation._estimator import Estimator
from lsmi_jax.inputs import Dataset, Folds, outlier_ratio, pairs_of, views
from lsmi_jax.models import (
    NUM_PARTS,
    NUM_SPLITS,
    Density,
    Discriminator,
    Stack,
    fit_density,
    fit_discriminator,
    fit_stack,
    inner_splits,
)
from lsmi_jax.storage import Progress, Stage, computed, stages
from lsmi_jax.union import Potentials, fit_potentials

__all__ = ["VIEWS", "fit_stacked", "fit_stages"]

ALL_HELD_OUT = 1000  # up to so many rows of a fit, every row is held out once
VIEWS = ("first", "second", "joint")
"""Names of the views of two blocks."""


def fit_stacked(
    key: jax.Array,
    data: Dataset,
    rows: jax.Array,
    redundancy: Redundancy,
    *,
    stage: Stage = computed,
    names: Sequence[str] = VIEWS,
) -> Estimator:
    """Fits one estimator for each seed and fold, all together.

    Args:
        key: Random key.
        data: The data set.
        rows: Row indices to fit on, of each seed and fold ``[m, F, t]``.
        redundancy: What the fit is for; densities are fitted only if it needs them.
        stage: Runs each fit of a discriminator or density.
        names: Names of the blocks, then of their pairs, for ``stage``.

    Returns:
        An `Estimator` with leading axes of seeds and folds.
    """
    num_blocks = len(data.features)
    num_views = num_blocks + len(pairs_of(num_blocks))
    keys = _split_keys(key, 2 * num_views + 2, len(rows))
    splits = _inner_splits(keys[-2], data.labels, rows)
    discriminators, stacks, inputs = None, None, data.logits or views(data.features)
    posteriors: tuple[jax.Array, ...] = ()
    if data.logits is None:
        discriminators, held_out = _fit_views(keys[:num_views], inputs, data, rows, splits, stage, names)
        targets = _held_out_labels(data.labels, rows, splits.left_out)
        stacks = tuple(
            _fit_stacks(joint, held_out[a], held_out[b], targets, data.log_prior)
            for joint, (a, b) in zip(held_out[num_blocks:], pairs_of(num_blocks), strict=True)
        )
        posteriors = tuple(_merge_parts(view) for view in held_out[:num_blocks])
    densities = None
    if redundancy.density is not None:
        fits = zip(keys[num_views:], data.features, names[:num_blocks], strict=False)
        densities = tuple(
            stage(f"{name} density", partial(_fit_densities, own_key, block, rows, redundancy.density))
            for own_key, block, name in fits
        )
    potentials, num_cells = None, num_cells_of(redundancy)
    if num_cells is not None:
        if data.logits is not None:
            posteriors = _rows_of(data.logits[:num_blocks], rows)
        pairs = zip(keys[num_views + num_blocks :], pairs_of(num_blocks), names[num_blocks:], strict=False)
        potentials = tuple(
            stage(
                f"{name} union information",
                partial(_fit_potentials, own_key, posteriors[a], posteriors[b], data.log_prior, num_cells),
            )
            for own_key, (a, b), name in pairs
        )
    ratios = jnp.stack([outlier_ratio(block) for block in data.features])
    log_prior, units, ratios, own_key = _repeat((data.log_prior, data.units, ratios), keys[-1], rows.shape[:2])
    return Estimator(discriminators, stacks, densities, potentials, log_prior, units, ratios, own_key, redundancy)


def fit_stages(progress: Progress | None, checkpoint: str | Path | None, redundancy: Redundancy, *inputs: Any) -> Stage:
    """Progress reports and the cache of a fit, whose results depend on the inputs and on what the redundancy needs."""
    density = {} if redundancy.density is None else asdict(redundancy.density)
    return stages(progress, checkpoint, *inputs, density, num_cells_of(redundancy) or 0)


def _fit_views(
    keys: Iterable[jax.Array],
    inputs: tuple,
    data: Dataset,
    rows: jax.Array,
    splits: Folds,
    stage: Stage,
    names: Sequence[str],
) -> tuple[tuple[Discriminator, ...], tuple[jax.Array, ...]]:
    """Discriminators of the views, and their posteriors of held-out rows ``[m, F, S, h, K]``."""
    fitted = []
    for name, own_key, view in zip(names, keys, inputs, strict=True):
        fit = partial(_fit_discriminators, own_key, view, data.labels, rows, splits, data.num_classes)
        fitted.append(stage(f"{name} discriminator", fit))
    discriminators, held_out = zip(*fitted, strict=True)
    return discriminators, held_out


@partial(jax.jit, static_argnums=(1, 2))
def _split_keys(key: jax.Array, count: int, num_seeds: int) -> tuple[jax.Array, ...]:
    """Keys of the discriminators, the densities, and the resampling, each for all seeds ``[m]``."""
    return tuple(jax.random.split(key, (count, num_seeds)))


@partial(jax.jit, static_argnums=2)
def _repeat(shared: tuple, keys: jax.Array, stacked: tuple[int, int]) -> tuple:
    """Broadcasts what all fits share ``[...]``, and keys ``[m]``, to all seeds and folds ``[m, F, ...]``."""
    repeated = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (*stacked, *leaf.shape)), shared)
    return *repeated, jnp.broadcast_to(keys[:, None], stacked)


@partial(jax.jit, static_argnums=5)
def _fit_discriminators(keys, features, labels, rows, splits, num_classes) -> tuple[Discriminator, jax.Array]:
    """Fits the discriminator of one view on all seeds and folds."""

    def fit(key: jax.Array, own: jax.Array, splits: Folds) -> tuple[Discriminator, jax.Array]:
        return fit_discriminator(key, features[own], labels[own], splits, num_classes=num_classes)

    return _over_folds(fit)(keys, rows, splits)


@jax.jit
def _inner_splits(keys: jax.Array, labels: jax.Array, rows: jax.Array) -> Folds:
    """Splits of the rows of each seed and fold, the same for all views ``[m, F, S, ...]``."""
    # With few rows, temperatures and weights need all of them, and time is no matter.
    num_splits = NUM_PARTS if rows.shape[-1] <= ALL_HELD_OUT else NUM_SPLITS

    def split(key: jax.Array, own: jax.Array) -> Folds:
        return inner_splits(key, labels[own], num_splits)

    return jax.vmap(lambda key, folds: jax.vmap(partial(split, key))(folds))(keys, rows)


@jax.jit
def _held_out_labels(labels: jax.Array, rows: jax.Array, left_out: jax.Array) -> jax.Array:
    """Labels of the held-out rows of each seed, fold and split ``[m, F, S, h]``."""
    return jax.vmap(jax.vmap(lambda own, part: labels[own][part]))(rows, left_out)


def _merge_parts(posteriors: jax.Array) -> jax.Array:
    """Posteriors of held-out rows ``[m, F, S h, K]`` from those of each split ``[m, F, S, h, K]``."""
    return posteriors.reshape(*posteriors.shape[:2], -1, posteriors.shape[-1])


@jax.jit
def _rows_of(logits: tuple[jax.Array, ...], rows: jax.Array) -> tuple[jax.Array, ...]:
    """The user's log-posteriors of the rows of each seed and fold ``[m, F, t, K]``."""
    return tuple(log_posterior(view)[rows] for view in logits)


@jax.jit
def _fit_stacks(joint, first, second, labels, log_prior) -> Stack:
    """Fits the stack of a pair on the held-out rows of all seeds and folds, from posteriors ``[m, F, S, h, K]``."""

    def fit(joint: jax.Array, first: jax.Array, second: jax.Array, labels: jax.Array) -> Stack:
        return fit_stack(joint, first, second, labels, log_prior)

    return jax.vmap(jax.vmap(fit))(joint, first, second, labels)


@partial(jax.jit, static_argnums=4)
def _fit_potentials(keys, first, second, log_prior, num_cells) -> Potentials:
    """Potentials of one pair, from posteriors of rows that the discriminators were not fitted on ``[m, F, n, K]``.

    Seeds and folds are fitted one after another to bound memory.
    """

    def fit(rows: tuple[jax.Array, jax.Array, jax.Array]) -> Potentials:
        return fit_potentials(*rows, log_prior, num_cells=num_cells)

    num_seeds, num_folds = first.shape[:2]
    flat = (a.reshape(-1, *a.shape[2:]) for a in (first, second))
    fitted = jax.lax.map(fit, (jnp.repeat(keys, num_folds), *flat))
    return jax.tree.map(lambda leaf: leaf.reshape(num_seeds, num_folds, *leaf.shape[1:]), fitted)


@partial(jax.jit, static_argnums=3)
def _fit_densities(keys, features, rows, options: DensityOptions) -> Density:
    """Fits the density of one block on all seeds and folds."""

    def fit(key: jax.Array, part: jax.Array) -> Density:
        return fit_density(key, features[part], num_components=options.num_components, covariance=options.covariance)

    return _over_folds(fit)(keys, rows)


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
