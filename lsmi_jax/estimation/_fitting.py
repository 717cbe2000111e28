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
from lsmi_jax.inputs import Dataset, Folds, grouped_splits, outlier_ratio, pairs_of, to_host, views, weights_of
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
    smoother_of,
)
from lsmi_jax.storage import Progress, Stage, computed, stages
from lsmi_jax.union import Potentials, fit_potentials

__all__ = ["VIEWS", "check_columns", "fit_stacked", "fit_stages"]

ALL_HELD_OUT = 1000  # up to so many rows of a fit, every row is held out once
VIEWS = ("first", "second", "joint")
"""Names of the views of two blocks."""


def fit_stacked(
    key: jax.Array,
    data: Dataset,
    rows: jax.Array,
    redundancy: Redundancy,
    *,
    fill: jax.Array | None = None,
    stage: Stage = computed,
    names: Sequence[str] = VIEWS,
) -> Estimator:
    """Fits one estimator for each seed and fold, all together.

    Args:
        key: Random key.
        data: The data set.
        rows: Row indices to fit on, of each seed and fold ``[m, F, t]``.
        redundancy: What the fit is for; densities are fitted only if it needs them.
        fill: Zero for rows that only fill up, one for others ``[m, F, t]``; None if there are none.
        stage: Runs each fit of a discriminator or density.
        names: Names of the blocks, then of their pairs, for ``stage``.

    Returns:
        An `Estimator` with leading axes of seeds and folds.
    """
    num_blocks = len(data.features)
    num_views = num_blocks + len(pairs_of(num_blocks))
    keys = _split_keys(key, 2 * num_views + 2, len(rows))
    splits = _inner_splits(keys[-2], data, rows, fill)
    weights = _weights_of_rows(data.view_weights, rows, fill)
    discriminators, stacks, inputs = None, None, data.logits or views(data.features)
    posteriors: tuple[jax.Array, ...] = ()
    weights_of_posteriors = weights[:num_blocks]
    if data.logits is None:
        discriminators, held_out = _fit_views(keys[:num_views], inputs, data, rows, splits, weights, stage, names)
        targets, counted = _of_held_out(data.labels, rows, weights, splits)
        joints = zip(held_out[num_blocks:], counted[num_blocks:], pairs_of(num_blocks), strict=True)
        stacks = tuple(
            _fit_stacks(joint, held_out[a], held_out[b], targets, data.log_prior, own) for joint, own, (a, b) in joints
        )
        posteriors = tuple(map(_merge_parts, held_out[:num_blocks]))
        weights_of_posteriors = tuple(own if own is None else _merge_parts(own) for own in counted[:num_blocks])
    densities = None
    if redundancy.density is not None:
        fits = zip(keys[num_views:], data.features, weights, names[:num_blocks], strict=False)
        by_group = None if data.groups is None else jax.tree.map(lambda leaf: leaf[:, :, :NUM_SPLITS], splits)
        densities = tuple(
            stage(f"{name} density", partial(_fit_densities, own_key, block, rows, own, by_group, redundancy.density))
            for own_key, block, own, name in fits
        )
    potentials, num_cells = None, num_cells_of(redundancy)
    if num_cells is not None:
        if data.logits is not None:
            posteriors = _rows_of(data.logits[:num_blocks], rows)
        pairs = zip(keys[num_views + num_blocks :], pairs_of(num_blocks), names[num_blocks:], strict=False)
        potentials = tuple(
            stage(
                f"{name} union information",
                partial(
                    _fit_potentials,
                    own_key,
                    posteriors[a],
                    posteriors[b],
                    data.log_prior,
                    _both(weights_of_posteriors[a], weights_of_posteriors[b]),
                    num_cells,
                ),
            )
            for own_key, (a, b), name in pairs
        )
    ratios = jnp.stack(list(map(outlier_ratio, data.features, data.present or (None,) * num_blocks)))
    shared = data.log_prior, data.units, ratios, data.knots
    log_prior, units, ratios, knots, own_key = _repeat(shared, keys[-1], rows.shape[:2])
    return Estimator(
        discriminators, stacks, densities, potentials, log_prior, units, ratios, own_key, redundancy, knots
    )


def check_columns(data: Dataset, redundancy: Redundancy) -> None:
    """Raises ValueError if blocks without columns need a density."""
    if redundancy.density is not None and any(not block.shape[1] for block in data.features):
        raise ValueError(f"features: expected feature blocks, as {redundancy!r} fits densities, got None")


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
    weights: tuple[jax.Array | None, ...],
    stage: Stage,
    names: Sequence[str],
) -> tuple[tuple[Discriminator, ...], tuple[jax.Array, ...]]:
    """Discriminators of the views, and their posteriors of held-out rows ``[m, F, S, h, K]``."""
    # The bins of a continuous target have an order.
    smoother = None if data.positions is None else jnp.asarray(smoother_of(data.num_classes))
    fitted = []
    for name, own_key, view, own in zip(names, keys, inputs, weights, strict=True):
        fit = partial(_fit_discriminators, own_key, view, data.labels, rows, splits, own, smoother, data.num_classes)
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


@partial(jax.jit, static_argnums=7)
def _fit_discriminators(
    keys, features, labels, rows, splits, weights, smoother, num_classes
) -> tuple[Discriminator, jax.Array]:
    """Fits the discriminator of one view on all seeds and folds."""

    def fit(key: jax.Array, own: jax.Array, splits: Folds, weights: Any) -> tuple[Discriminator, jax.Array]:
        return fit_discriminator(key, features[own], labels[own], splits, weights, smoother, num_classes=num_classes)

    return _over_folds(fit)(keys, rows, splits, weights)


def _inner_splits(keys: jax.Array, data: Dataset, rows: jax.Array, fill: jax.Array | None) -> Folds:
    """Splits of the rows of each seed and fold, the same for all views ``[m, F, S, ...]``."""
    # With few rows, temperatures and weights need all of them, and time is no matter.
    num_splits = NUM_PARTS if rows.shape[-1] <= ALL_HELD_OUT else NUM_SPLITS
    if data.groups is None:
        return _random_splits(keys, data.labels, rows, num_splits)
    labels, groups = to_host(data.labels), to_host(data.groups)
    filled = None if fill is None else to_host(fill)
    return grouped_splits(keys[0], labels, groups, to_host(rows), filled, NUM_PARTS, num_splits)


@partial(jax.jit, static_argnums=3)
def _random_splits(keys: jax.Array, labels: jax.Array, rows: jax.Array, num_splits: int) -> Folds:
    """Random splits of the rows of each seed and fold, stratified by label."""

    def split(key: jax.Array, own: jax.Array) -> Folds:
        return inner_splits(key, labels[own], num_splits)

    return jax.vmap(lambda key, folds: jax.vmap(partial(split, key))(folds))(keys, rows)


@jax.jit
def _weights_of_rows(
    weights: tuple[jax.Array | None, ...], rows: jax.Array, fill: jax.Array | None
) -> tuple[jax.Array | None, ...]:
    """Weights of the rows of each seed and fold in each view ``[m, F, t]``."""
    return tuple(weights_of(rows, fill, own) for own in weights)


@jax.jit
def _of_held_out(
    labels: jax.Array, rows: jax.Array, weights: tuple[jax.Array | None, ...], splits: Folds
) -> tuple[jax.Array, tuple[jax.Array | None, ...]]:
    """Labels of the held-out rows of each seed, fold and split, and their weights in each view ``[m, F, S, h]``."""

    def of_fit(own: jax.Array, weights: tuple[jax.Array | None, ...], splits: Folds) -> tuple:
        counted = tuple(weights_of(splits.left_out, splits.left_out_weights, view) for view in weights)
        return labels[own][splits.left_out], counted

    return jax.vmap(jax.vmap(of_fit))(rows, weights, splits)


def _merge_parts(values: jax.Array) -> jax.Array:
    """Values of held-out rows ``[m, F, S h, ...]`` from those of each split ``[m, F, S, h, ...]``."""
    return values.reshape(*values.shape[:2], -1, *values.shape[4:])


def _both(first: jax.Array | None, second: jax.Array | None) -> tuple[jax.Array, jax.Array] | None:
    """Weights of two modalities; None if all are equal."""
    return None if first is None or second is None else (first, second)


@jax.jit
def _rows_of(logits: tuple[jax.Array, ...], rows: jax.Array) -> tuple[jax.Array, ...]:
    """The user's log-posteriors of the rows of each seed and fold ``[m, F, t, K]``."""
    return tuple(log_posterior(view)[rows] for view in logits)


@jax.jit
def _fit_stacks(joint, first, second, labels, log_prior, weights) -> Stack:
    """Fits the stack of a pair on the held-out rows of all seeds and folds, from posteriors ``[m, F, S, h, K]``."""

    def fit(joint: jax.Array, first: jax.Array, second: jax.Array, labels: jax.Array, weights: Any) -> Stack:
        return fit_stack(joint, first, second, labels, log_prior, weights)

    return jax.vmap(jax.vmap(fit))(joint, first, second, labels, weights)


@partial(jax.jit, static_argnums=5)
def _fit_potentials(keys, first, second, log_prior, weights, num_cells) -> Potentials:
    """Potentials of one pair, from posteriors of rows that the discriminators were not fitted on ``[m, F, n, K]``.

    Seeds and folds are fitted one after another to bound memory.
    """

    def fit(inputs: tuple) -> Potentials:
        key, first, second, own = inputs
        return fit_potentials(key, first, second, log_prior, own, num_cells=num_cells)

    num_seeds, num_folds = first.shape[:2]
    flat = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), (first, second, weights))
    fitted = jax.lax.map(fit, (jnp.repeat(keys, num_folds), *flat))
    return jax.tree.map(lambda leaf: leaf.reshape(num_seeds, num_folds, *leaf.shape[1:]), fitted)


@partial(jax.jit, static_argnums=5)
def _fit_densities(keys, features, rows, weights, splits, options: DensityOptions) -> Density:
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
