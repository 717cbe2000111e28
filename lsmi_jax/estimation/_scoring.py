"""Scores rows with fitted estimators and decomposes them: every path from an estimator to interactions."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lsmi_jax.decomposition import (
    Interactions,
    Redundancy,
    adjust,
    interactions_from_posteriors,
    log_posterior,
    single_source_fraction,
)
from lsmi_jax.estimation._diagnostics import Diagnostics, all_finite
from lsmi_jax.estimation._estimator import Estimator
from lsmi_jax.estimation._result import Estimate
from lsmi_jax.inputs import Dataset, in_input_order, pairs_of, views
from lsmi_jax.models import Density, Discriminator, posterior_coordinates

__all__ = ["Scores", "assemble", "concatenate", "score_rows"]


class Scores(NamedTuple):
    """Log-posteriors ``[..., h, K]`` of every view, and surprisals ``[..., h]`` of every block, if it has a density."""

    log_posteriors: tuple[jax.Array, ...]
    surprisals: tuple[jax.Array, ...] | None


def score_rows(
    estimator: Estimator, features: tuple[jax.Array, ...], logits: tuple[jax.Array, ...] | None = None
) -> Scores:
    """Scores rows with one estimator.

    Args:
        estimator: Without leading axes.
        features: Feature blocks ``[n, d]``.
        logits: The user's logits, each ``[n, K]``, if it was fitted with logits.

    Returns:
        `Scores` of the rows.
    """
    if estimator.discriminators is None:
        posteriors = tuple(map(log_posterior, logits or ()))
    else:
        fitted = zip(estimator.discriminators, views(features), strict=True)
        posteriors = tuple(discriminator.log_posterior(view) for discriminator, view in fitted)
    if estimator.densities is None:
        return Scores(posteriors, None)
    points = features
    if estimator.redundancy.density is not None and estimator.redundancy.density.space == "posterior":
        points = tuple(map(posterior_coordinates, posteriors[: len(features)]))
    return Scores(posteriors, tuple(d.surprisal(x) for d, x in zip(estimator.densities, points, strict=True)))


@partial(jax.jit, static_argnums=3)
def assemble(estimators: Estimator, data: Dataset, rows: jax.Array, redundancy: Redundancy) -> tuple[Estimate, ...]:
    """Scores rows, puts the scores in input order, decomposes each pair, and averages over seeds.

    Args:
        estimators: Estimators with leading axes of seeds and folds.
        data: The data set.
        rows: Row indices to score, of each seed and fold ``[m, F, h]``; every row once per seed.
        redundancy: The redundancy.

    Returns:
        An `Estimate` of each pair of blocks, in the order of the rows.
    """

    def score(estimator: Estimator, part: jax.Array) -> Scores:
        return score_rows(estimator, *jax.tree.map(lambda block: block[part], (data.features, data.logits)))

    scores = jax.vmap(jax.vmap(score))(estimators, rows)
    num_blocks = len(data.features)
    return tuple(
        _decompose_pair(*_of_pair(estimators, scores, (*pair, num_blocks + position)), data, rows, redundancy)
        for position, pair in enumerate(pairs_of(num_blocks))
    )


def _of_pair(estimators: Estimator, scores: Scores, views_of_pair: tuple[int, int, int]) -> tuple[Estimator, Scores]:
    """Selects models and scores of two blocks and their pair, by the positions of these three views."""

    def pick(parts: tuple | None, count: int) -> tuple | None:
        return parts and tuple(parts[m] for m in views_of_pair[:count])

    fitted = replace(
        estimators, discriminators=pick(estimators.discriminators, 3), densities=pick(estimators.densities, 2)
    )
    return fitted, Scores(pick(scores.log_posteriors, 3) or (), pick(scores.surprisals, 2))


def _decompose_pair(
    estimators: Estimator, scores: Scores, data: Dataset, rows: jax.Array, redundancy: Redundancy
) -> Estimate:
    """Decomposes one pair of blocks for each seed, and averages over seeds."""

    def of_seed(scores: Scores, estimators: Estimator, rows: jax.Array) -> tuple:
        ordered = jax.tree.map(lambda leaf: in_input_order(leaf, rows, data.num_rows), scores)
        interactions, information = interactions_from_posteriors(
            ordered.log_posteriors, data.labels, data.log_prior, ordered.surprisals, redundancy=redundancy
        )
        return interactions, information, ordered.surprisals, _diagnose(ordered, information, estimators, data)

    # Means over seeds, and standard deviations of the parts; the parts of each seed give errors of the fit.
    seeds = jax.vmap(of_seed)(scores, estimators, rows)
    interactions, information, surprisals, diagnostics = jax.tree.map(lambda leaf: leaf.mean(0), seeds)
    spread = None if len(rows) == 1 else jax.tree.map(lambda leaf: leaf.std(0, ddof=1), seeds[0])
    by_seed = None if len(rows) == 1 else seeds[0]
    adjusted, key = adjust(interactions), estimators.key[0, 0]
    return Estimate(interactions, adjusted, information, surprisals, spread, diagnostics, key, by_seed)


def _diagnose(scores: Scores, information: tuple, estimators: Estimator, data: Dataset) -> Diagnostics:
    """Diagnostics of one pair of blocks and one seed."""
    # Cross-entropy is -mean(i + log p(y)), since i = log p(y|x) - log p(y).
    label_log_prob = data.log_prior[data.labels]
    surprisals = scores.surprisals or ()
    prior = jnp.exp(data.log_prior)
    return Diagnostics(
        single_source_fraction=single_source_fraction(*information[:2], *surprisals) if surprisals else None,
        cross_entropy=jnp.stack([-(i + label_log_prob).mean() for i in information]),
        accuracy=jnp.stack([(p.argmax(1) == data.labels).mean() for p in scores.log_posteriors]),
        prior_entropy=-jnp.where(jnp.isfinite(data.log_prior), prior * data.log_prior, 0).sum(),
        discriminator_gap=_gaps(estimators.discriminators),
        density_gap=_gaps(estimators.densities),
        finite_fraction=all_finite(*information, *surprisals),
    )


def _gaps(fitted: Sequence[Discriminator] | Sequence[Density] | None) -> jax.Array | None:
    """Training minus held-out loss of each model, averaged over folds."""
    return None if fitted is None else jnp.stack([(model.train_loss - model.held_out_loss).mean() for model in fitted])


def concatenate(estimates: Sequence[Estimate]) -> Estimate:
    """Joins the estimates of consecutive parts of the rows under one estimator.

    Args:
        estimates: One or more, in the order of the rows.

    Returns:
        An `Estimate` of all rows.
    """
    rows = [(part.interactions, part.information, part.surprisal) for part in estimates]
    joined: tuple[Interactions, tuple, tuple | None] = jax.tree.map(lambda *parts: jnp.concatenate(parts), *rows)
    interactions, information, surprisal = joined
    sizes = jnp.asarray([part.num_samples for part in estimates], jnp.float32)
    weights = sizes / sizes.sum()
    # Diagnostics are means over rows, or do not depend on the rows.
    diagnostics = jax.tree.map(
        lambda *parts: jnp.tensordot(weights, jnp.stack(parts), 1), *(part.diagnostics for part in estimates)
    )
    return Estimate(interactions, adjust(interactions), information, surprisal, None, diagnostics, estimates[0].key)
