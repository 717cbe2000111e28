"""Fits discriminators, densities and potentials of all seeds and folds together."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from lsmi_jax.decomposition import DEFAULT_REDUNDANCY, DensityOptions, Redundancy, log_posterior, num_cells_of
from lsmi_jax.estimation._estimator import Estimator
from lsmi_jax.estimation._programs import fit_densities, fit_potentials_of_pair, fit_stacks, fit_view, merge_parts
from lsmi_jax.estimation._splits import inner_splits_of, weights_of_rows
from lsmi_jax.estimation._stage_names import names_of_views
from lsmi_jax.estimation._whole import HeldOut, fit_whole
from lsmi_jax.inputs import Dataset, Folds, check_names, outlier_ratio, pairs_of, views, weights_of
from lsmi_jax.models import NUM_SPLITS, Density, Discriminator, Stack
from lsmi_jax.storage import Progress, Stage, computed, stages
from lsmi_jax.union import Potentials

__all__ = ["check_columns", "fit_stacked", "fit_stages"]


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
    num_blocks = len(data.features)
    named = check_names(names, num_blocks, prefix="x", each="feature block")
    keys = _split_keys(key, num_blocks * (num_blocks + 1) + 2, len(rows))
    splits = inner_splits_of(keys[-2], data, rows, fill)
    fits = _Fits(keys, data, rows, fill, splits, stage, names_of_views(named))
    num_cells = num_cells_of(redundancy)
    discriminators = stacks = densities = potentials = whole = held_out = None
    if data.logits is None:
        discriminators, stacks, held_out = _fit_discriminators(fits)
    elif num_cells is not None or together:
        held_out = _given_predictions(fits, data.logits)
    if redundancy.density is not None:
        densities = _fit_densities(fits, redundancy.density)
    if held_out is not None and num_cells is not None:
        potentials = _fit_unions(fits, held_out, num_cells)
    if held_out is not None and together:
        all_cells = num_cells or DEFAULT_REDUNDANCY.num_cells  # of all modalities, if the redundancy has none
        whole = fit_whole(keys[-1], data, rows, splits, fits.complete_weights, held_out, all_cells, stage)
    ratios = jnp.stack(list(map(outlier_ratio, data.features, data.present or (None,) * num_blocks)))
    shared = data.log_prior, data.units, ratios, data.knots
    log_prior, units, ratios, knots, own_key = _repeat(shared, keys[-1], rows.shape[:2])
    models = discriminators, stacks, densities, potentials
    return Estimator(*models, log_prior, units, ratios, own_key, redundancy, knots, whole, named)


def check_columns(data: Dataset, redundancy: Redundancy) -> None:
    """Raises ValueError if blocks without columns need a density."""
    if redundancy.density is not None and any(not block.shape[1] for block in data.features):
        raise ValueError(f"features: expected feature blocks, as {redundancy!r} fits densities, got None")


def fit_stages(progress: Progress | None, checkpoint: str | Path | None, redundancy: Redundancy, *inputs: Any) -> Stage:
    """Progress reports and the cache of a fit, whose results depend on the inputs and on what the redundancy needs."""
    density = {} if redundancy.density is None else asdict(redundancy.density)
    return stages(progress, checkpoint, *inputs, density, num_cells_of(redundancy) or 0)


@dataclass(frozen=True)
class _Fits:
    """What the fits of all models of a data set share.

    Attributes:
        keys: Random keys of each seed ``[m]``: of the views, the densities, the potentials, the splits, the resampling.
        data: The data set.
        rows: Row indices to fit on ``[m, F, t]``.
        fill: Zero for padding rows; None if there is no padding.
        splits: Splits of the rows.
        stage: Runs each fit.
        names: Names of the views: each modality, then each pair.
    """

    keys: tuple[jax.Array, ...]
    data: Dataset
    rows: jax.Array
    fill: jax.Array | None
    splits: Folds
    stage: Stage
    names: tuple[str, ...]

    @property
    def num_blocks(self) -> int:
        """Number of modalities."""
        return len(self.data.features)

    @cached_property
    def _weights(self) -> tuple[jax.Array | None, ...]:
        """Weights of the rows in each view, and in all ``[m, F, t]``."""
        return weights_of_rows((*self.data.view_weights, self.data.complete_weights), self.rows, self.fill)

    @property
    def view_weights(self) -> tuple[jax.Array | None, ...]:
        """Weights of the rows in each view ``[m, F, t]``, zero where it or the label is missing."""
        return self._weights[:-1]

    @property
    def complete_weights(self) -> jax.Array | None:
        """Weights of the rows ``[m, F, t]``, zero where any modality or the label is missing."""
        return self._weights[-1]

    @cached_property
    def unlabeled_too(self) -> tuple[jax.Array | None, ...]:
        """Weights of the rows in each modality ``[m, F, t]`` for what needs no label, and learns from rows without."""
        return weights_of_rows(self.data.unlabeled_too[: self.num_blocks], self.rows, self.fill)


def _fit_discriminators(fits: _Fits) -> tuple[tuple[Discriminator, ...], tuple[Stack, ...], HeldOut]:
    """Discriminators of the views, stacks of the pairs, and the posteriors of held-out rows."""
    data, count = fits.data, fits.num_blocks
    fitted = []
    for name, key, view, weights in zip(fits.names, fits.keys, views(data.features), fits.view_weights, strict=False):
        fit = partial(fit_view, key, view, data, fits.rows, fits.splits, weights)
        fitted.append(fits.stage(f"{name} discriminator", fit))
    discriminators, posteriors = zip(*fitted, strict=True)
    labels, weights, free = _of_held_out(
        data.labels, fits.rows, (*fits.view_weights, fits.complete_weights), fits.unlabeled_too, fits.splits
    )
    pairs = zip(posteriors[count:], weights[count:-1], pairs_of(count), strict=True)
    stacks, joints = zip(
        *(
            fit_stacks((joint, posteriors[a], posteriors[b]), labels, data.log_prior, own, data.mesh)
            for joint, own, (a, b) in pairs
        ),
        strict=True,
    )
    merged = jax.tree.map(merge_parts, ((*posteriors[:count], *joints), labels, _weighted(free), weights[-1]))
    return discriminators, stacks, HeldOut(*merged)


def _given_predictions(fits: _Fits, logits: tuple[jax.Array, ...]) -> HeldOut:
    """The user's predictions: none was fitted on these rows."""
    return HeldOut(_rows_of(logits[: len(fits.names)], fits.rows), None, _weighted(fits.unlabeled_too), None)


def _fit_densities(fits: _Fits, options: DensityOptions) -> tuple[Density, ...]:
    """The density of each modality."""
    data, keys = fits.data, fits.keys[len(fits.names) :]
    by_group = None if data.groups is None else jax.tree.map(lambda leaf: leaf[:, :, :NUM_SPLITS], fits.splits)

    def fitted(key: jax.Array, block: jax.Array, weights: jax.Array | None, name: str) -> Density:
        fit = partial(fit_densities, key, block, (fits.rows, weights, by_group), options, data.mesh)
        return fits.stage(f"{name} density", fit)

    return tuple(map(fitted, keys, data.features, fits.unlabeled_too, fits.names))


def _fit_unions(fits: _Fits, held_out: HeldOut, num_cells: int) -> tuple[Potentials, ...]:
    """The potentials of each pair, from predictions of rows that the discriminators were not fitted on."""
    data, keys = fits.data, fits.keys[len(fits.names) + fits.num_blocks :]

    def fitted(key: jax.Array, pair: tuple[int, int], name: str) -> Potentials:
        posteriors = tuple(held_out.log_posteriors[m] for m in pair)
        weights = None if held_out.weights is None else tuple(held_out.weights[m] for m in pair)
        fit = partial(fit_potentials_of_pair, key, posteriors, data.log_prior, weights, num_cells, data.mesh)
        return fits.stage(f"{name} union information", fit)

    return tuple(map(fitted, keys, pairs_of(fits.num_blocks), fits.names[fits.num_blocks :]))


@partial(jax.jit, static_argnums=(1, 2))
def _split_keys(key: jax.Array, count: int, num_seeds: int) -> tuple[jax.Array, ...]:
    """Keys of the discriminators, the densities, and the resampling, each for all seeds ``[m]``."""
    return tuple(jax.random.split(key, (count, num_seeds)))


@partial(jax.jit, static_argnums=2)
def _repeat(shared: tuple, keys: jax.Array, stacked: tuple[int, int]) -> tuple:
    """Broadcasts what all fits share ``[...]``, and keys ``[m]``, to all seeds and folds ``[m, F, ...]``."""
    repeated = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (*stacked, *leaf.shape)), shared)
    return *repeated, jnp.broadcast_to(keys[:, None], stacked)


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
