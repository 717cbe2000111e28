"""Fits discriminators, densities and potentials of all seeds and folds together."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from lsmi_jax.decomposition import DensityOptions, Redundancy, num_cells_of
from lsmi_jax.estimation._estimator import Estimator
from lsmi_jax.inputs import Dataset, Folds, in_input_order, pairs_of, views
from lsmi_jax.models import (
    Density,
    Discriminator,
    blur,
    fit_density,
    fit_discriminator,
    inner_splits,
    posterior_coordinates,
)
from lsmi_jax.storage import Progress, Stage, computed, stages
from lsmi_jax.union import Potentials, fit_potentials

__all__ = ["VIEWS", "cross_fitted_posteriors", "fit_stacked", "fit_stages"]

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
    discriminators, inputs = None, data.logits or views(data.features)
    if data.logits is None:
        discriminators = _fit_views(keys[:num_views], inputs, data, splits, stage, names)
    densities = None
    if redundancy.density is not None:
        sources = data.features if redundancy.density.space == "features" else inputs
        members = discriminators or (None,) * num_blocks
        fits = zip(keys[num_views:], members, sources, names[:num_blocks], strict=False)
        densities = tuple(
            stage(f"{name} density", partial(_fit_densities, own_key, member, source, rows, redundancy.density))
            for own_key, member, source, name in fits
        )
    potentials = None
    if num_cells_of(redundancy) is not None:
        fit_pair = partial(_fit_potentials, discriminators, inputs, data, rows, splits, redundancy)
        pairs = zip(keys[num_views + num_blocks :], pairs_of(num_blocks), names[num_blocks:], strict=False)
        potentials = tuple(
            stage(f"{name} union information", partial(fit_pair, own_key, pair)) for own_key, pair, name in pairs
        )
    log_prior, own_key = _repeat(data.log_prior, keys[-1], rows.shape[:2])
    num_features = tuple(block.shape[1] for block in data.features)
    return Estimator(discriminators, densities, potentials, log_prior, own_key, redundancy, num_features)


def fit_stages(progress: Progress | None, checkpoint: str | Path | None, redundancy: Redundancy, *inputs: Any) -> Stage:
    """Progress reports and the cache of a fit, whose results depend on the inputs and on what the redundancy needs."""
    density = {} if redundancy.density is None else asdict(redundancy.density)
    return stages(progress, checkpoint, *inputs, density, num_cells_of(redundancy) or 0)


def cross_fitted_posteriors(key: jax.Array, data: Dataset, folds: Folds) -> tuple[jax.Array, ...]:
    """Out-of-fold log-posteriors of the first block, the second, and both.

    Args:
        key: Random key.
        data: The data set.
        folds: Its folds.

    Returns:
        Three arrays ``[n, K]`` in nats.
    """
    split_key, *keys = jax.random.split(key, (4, 1))
    splits = _inner_splits(split_key, data.labels, folds.train[None])
    stacked = _fit_views(keys, views(data.features), data, splits, computed, VIEWS)
    discriminators = jax.tree.map(lambda leaf: leaf[0], stacked)  # the only seed
    by_fold = _log_posteriors_of_folds(discriminators, data.features, folds.left_out)
    return tuple(in_input_order(posterior, folds.left_out, data.num_rows) for posterior in by_fold)


def _fit_views(
    keys: Iterable[jax.Array], inputs: tuple, data: Dataset, splits: Folds, stage: Stage, names: Sequence[str]
) -> tuple[Discriminator, ...]:
    """Fits the discriminator of each view."""
    fitted = []
    for name, own_key, view in zip(names, keys, inputs, strict=True):
        fit = partial(_fit_discriminators, own_key, view, data.labels, splits, data.num_classes)
        fitted.append(stage(f"{name} discriminator", fit))
    return tuple(fitted)


@jax.jit
def _log_posteriors_of_folds(discriminators: tuple, features: tuple, rows: jax.Array) -> tuple[jax.Array, ...]:
    """Log-posteriors of each fold's rows under the fold's own discriminators."""

    def of_fold(members: tuple, part: jax.Array) -> tuple[jax.Array, ...]:
        inputs = views(tuple(block[part] for block in features))
        return tuple(member.log_posterior(view) for member, view in zip(members, inputs, strict=True))

    return jax.vmap(of_fold)(discriminators, rows)


@partial(jax.jit, static_argnums=(1, 2))
def _split_keys(key: jax.Array, count: int, num_seeds: int) -> tuple[jax.Array, ...]:
    """Keys of the discriminators, the densities, and the resampling, each for all seeds ``[m]``."""
    return tuple(jax.random.split(key, (count, num_seeds)))


@partial(jax.jit, static_argnums=2)
def _repeat(log_prior: jax.Array, keys: jax.Array, stacked: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
    """Broadcasts a log-prior ``[K]`` and keys ``[m]`` to all seeds and folds ``[m, F]``."""
    return jnp.broadcast_to(log_prior, (*stacked, len(log_prior))), jnp.broadcast_to(keys[:, None], stacked)


@partial(jax.jit, static_argnums=4)
def _fit_discriminators(keys, features, labels, splits, num_classes) -> Discriminator:
    """Fits the discriminator of one view on all seeds and folds."""

    def fit(key: jax.Array, part: Folds) -> Discriminator:
        return fit_discriminator(key, features, labels, part, num_classes=num_classes)

    return _over_folds(fit)(keys, splits)


@jax.jit
def _inner_splits(keys: jax.Array, labels: jax.Array, rows: jax.Array) -> Folds:
    """Splits of the rows of each seed and fold, the same for all views ``[m, F, S, ...]``."""
    return jax.vmap(lambda key, folds: jax.vmap(lambda part: inner_splits(key, labels, part))(folds))(keys, rows)


def _fit_potentials(discriminators, inputs, data, rows, splits, redundancy, keys, pair) -> Potentials:
    """Fits the potentials of one pair of blocks, to posteriors of rows that the discriminators were not fitted on.

    Two programs: the second takes longer to compile and does not depend on the width of the blocks.
    """
    if discriminators is None:
        posteriors = tuple(_posteriors(None, inputs[m], rows) for m in pair)
    else:
        posteriors = tuple(_held_out_posteriors(discriminators[m], inputs[m], splits.left_out) for m in pair)
    return _potentials_of(keys, *posteriors, data.log_prior, num_cells_of(redundancy))


@jax.jit
def _held_out_posteriors(discriminators: Discriminator, source: jax.Array, left_out: jax.Array) -> jax.Array:
    """Log-posteriors ``[m, F, S h, K]`` of held-out rows, each under the member that held it out."""

    def of_fold(discriminator: Discriminator, rows: jax.Array) -> jax.Array:
        return discriminator.held_out_log_posterior(source, rows)

    return jax.vmap(jax.vmap(of_fold))(discriminators, left_out)


@partial(jax.jit, static_argnums=4)
def _potentials_of(keys, first, second, log_prior, num_cells) -> Potentials:
    """Potentials of all seeds and folds, one after another to bound memory."""

    def fit(rows: tuple[jax.Array, jax.Array, jax.Array]) -> Potentials:
        return fit_potentials(*rows, log_prior, num_cells=num_cells)

    num_seeds, num_folds = first.shape[:2]
    flat = (a.reshape(-1, *a.shape[2:]) for a in (first, second))
    fitted = jax.lax.map(fit, (jnp.repeat(keys, num_folds), *flat))
    return jax.tree.map(lambda leaf: leaf.reshape(num_seeds, num_folds, *leaf.shape[1:]), fitted)


def _fit_densities(keys, discriminators, source, rows, options: DensityOptions) -> Density:
    """Fits the density of one block.

    Two programs: the second takes long to compile and does not depend on the width of the block.
    """
    if options.space == "posterior":
        source = _posteriors(discriminators, source, rows)
    return _fit_mixtures(keys, source, rows, options)


@jax.jit
def _posteriors(discriminators: Discriminator | None, source: jax.Array, rows: jax.Array) -> jax.Array:
    """Log-posteriors, or the user's logits, of the rows of each seed and fold ``[m, F, t, K]``."""
    if discriminators is None:
        return source[rows]
    return jax.vmap(jax.vmap(lambda member, part: member.log_posterior(source[part])))(discriminators, rows)


@partial(jax.jit, static_argnums=3)
def _fit_mixtures(keys, source, rows, options: DensityOptions) -> Density:
    """Fits mixtures to rows of features, or to noisy coordinates of posteriors."""
    by_features = options.space == "features"

    def fit(key: jax.Array, part: jax.Array) -> Density:
        noise_key, key = jax.random.split(key)
        points = source[part] if by_features else blur(noise_key, posterior_coordinates(part))
        return fit_density(key, points, num_components=options.num_components, covariance=options.covariance)

    return _over_folds(fit)(keys, rows if by_features else source)


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
