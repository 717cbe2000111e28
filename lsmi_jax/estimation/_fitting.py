"""Fits discriminators, densities and potentials of all seeds and folds together."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from lsmi_jax.decomposition import Redundancy, UnionInformation, log_posterior, num_cells_of
from lsmi_jax.estimation._estimator import Estimator
from lsmi_jax.estimation._programs import fit_densities, fit_potentials_of_pair, fit_stacks, fit_view, merge_parts
from lsmi_jax.estimation._stage_names import names_of_views
from lsmi_jax.estimation._whole import HeldOut, fit_whole
from lsmi_jax.inputs import (
    Dataset,
    Folds,
    check_names,
    grouped_folds,
    grouped_splits,
    outlier_ratio,
    pairs_of,
    stratified_folds,
    to_host,
    views,
    weights_of,
)
from lsmi_jax.models import NUM_PARTS, NUM_SPLITS, Discriminator, inner_splits
from lsmi_jax.storage import Progress, Stage, computed, stages

__all__ = ["check_columns", "fit_stacked", "fit_stages", "folds_of", "inner_splits_of", "weights_of_rows"]

ALL_HELD_OUT = 1000  # up to this many rows of a fit, every row is held out once
UNION = UnionInformation()  # of all modalities, if the redundancy has none


def fit_stacked(
    key: jax.Array,
    data: Dataset,
    rows: jax.Array,
    redundancy: Redundancy,
    *,
    fill: jax.Array | None = None,
    stage: Stage = computed,
    names: Sequence[str] | None = None,
    together: bool = False,
) -> Estimator:
    """Fits one estimator for each seed and fold, all together.

    Args:
        key: Random key.
        data: The data set.
        rows: Row indices to fit on, of each seed and fold ``[m, F, t]``.
        redundancy: What the fit is for; densities are fitted only if it needs them.
        fill: Zero for padding rows, one for others ``[m, F, t]``; None if there is no padding.
        stage: Runs each fit of a discriminator or density.
        names: Names of the modalities; None for ``x1``, ``x2``, ...
        together: Whether to fit models of all modalities, too.

    Returns:
        An `Estimator` with leading axes of seeds and folds.
    """
    num_blocks, pairs = len(data.features), pairs_of(len(data.features))
    named = check_names(names, num_blocks, prefix="x", each="feature block")
    views_named = names_of_views(named)
    num_views = num_blocks + len(pairs)
    keys = _split_keys(key, 2 * num_views + 2, len(rows))
    splits = inner_splits_of(keys[-2], data, rows, fill)
    weights = weights_of_rows((*data.view_weights, data.complete_weights), rows, fill)
    discriminators, stacks, inputs = None, None, data.logits or views(data.features)
    mesh = data.mesh
    posteriors: tuple[jax.Array, ...] = ()
    complete: jax.Array | None = None
    # What needs no label learns from rows without one, too.
    unlabeled_too = weights_of_rows(data.unlabeled_too, rows, fill)
    if data.logits is None:
        discriminators, held_out = _fit_views(
            keys[:num_views], inputs, data, rows, splits, weights[:num_views], stage, views_named
        )
        targets, counted, free = _of_held_out(data.labels, rows, weights, unlabeled_too, splits)
        joints = zip(held_out[num_blocks:], counted[num_blocks:], pairs, strict=False)
        stacks, of_stacks = zip(
            *(
                fit_stacks((joint, held_out[a], held_out[b]), targets, data.log_prior, own, mesh)
                for joint, own, (a, b) in joints
            ),
            strict=True,
        )
        posteriors = tuple(map(merge_parts, (*held_out[:num_blocks], *of_stacks)))
        complete, free = (jax.tree.map(merge_parts, own) for own in (counted[-1], free))
    densities = None
    if redundancy.density is not None:
        fits = zip(keys[num_views:], data.features, unlabeled_too, views_named[:num_blocks], strict=False)
        by_group = None if data.groups is None else jax.tree.map(lambda leaf: leaf[:, :, :NUM_SPLITS], splits)
        densities = tuple(
            stage(
                f"{name} density",
                partial(fit_densities, own_key, block, (rows, own, by_group), redundancy.density, mesh),
            )
            for own_key, block, own, name in fits
        )
    potentials, num_cells = None, num_cells_of(redundancy)
    if data.logits is not None:
        free = unlabeled_too
        if num_cells is not None or together:
            posteriors = _rows_of(data.logits[:num_views], rows)
    if num_cells is not None:
        fits_of_pairs = zip(keys[num_views + num_blocks :], pairs, views_named[num_blocks:], strict=False)
        potentials = tuple(
            stage(
                f"{name} union information",
                partial(
                    fit_potentials_of_pair,
                    own_key,
                    (posteriors[a], posteriors[b]),
                    data.log_prior,
                    _weighted((free[a], free[b])),
                    num_cells,
                    mesh,
                ),
            )
            for own_key, (a, b), name in fits_of_pairs
        )
    whole = None
    if together:
        labels = None if data.logits is not None else merge_parts(targets)
        held = HeldOut(posteriors, labels, _weighted(free[:num_blocks]), complete)
        whole = fit_whole(keys[-1], data, rows, splits, weights[-1], held, num_cells or UNION.num_cells, stage)
    ratios = jnp.stack(list(map(outlier_ratio, data.features, data.present or (None,) * num_blocks)))
    shared = data.log_prior, data.units, ratios, data.knots
    log_prior, units, ratios, knots, own_key = _repeat(shared, keys[-1], rows.shape[:2])
    models = discriminators, stacks, densities, potentials
    return Estimator(*models, log_prior, units, ratios, own_key, redundancy, knots, whole, named)


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
    fitted = []
    for name, own_key, view, own in zip(names, keys, inputs, weights, strict=True):
        fit = partial(fit_view, own_key, view, data, rows, splits, own)
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


def inner_splits_of(keys: jax.Array, data: Dataset, rows: jax.Array, fill: jax.Array | None) -> Folds:
    """Splits of the rows of each seed and fold, the same for all views ``[m, F, S, ...]``."""
    # With few rows, temperatures and weights need all of them, and time does not matter.
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


@jax.jit
def _of_held_out(
    labels: jax.Array,
    rows: jax.Array,
    weights: tuple[jax.Array | None, ...],
    unlabeled_too: tuple[jax.Array | None, ...],
    splits: Folds,
) -> tuple[jax.Array, tuple[jax.Array | None, ...], tuple[jax.Array | None, ...]]:
    """Labels of the held-out rows of each seed, fold and split, and both kinds of weights ``[m, F, S, h]``."""

    def of_fit(own: jax.Array, weights: tuple, unlabeled_too: tuple, splits: Folds) -> tuple:
        both = (
            tuple(weights_of(splits.left_out, splits.left_out_weights, view) for view in views)
            for views in (weights, unlabeled_too)
        )
        return labels[own][splits.left_out], *both

    return jax.vmap(jax.vmap(of_fit))(rows, weights, unlabeled_too, splits)


def _weighted(weights: tuple[jax.Array | None, ...]) -> tuple[jax.Array, ...] | None:
    """Weights of all modalities; None if all are equal."""
    given = tuple(own for own in weights if own is not None)
    return given if len(given) == len(weights) else None


@jax.jit
def _rows_of(logits: tuple[jax.Array, ...], rows: jax.Array) -> tuple[jax.Array, ...]:
    """The user's log-posteriors of the rows of each seed and fold ``[m, F, t, K]``."""
    return tuple(log_posterior(view)[rows] for view in logits)
