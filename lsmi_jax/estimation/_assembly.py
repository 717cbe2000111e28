"""Decomposes the scores of all rows, and averages over seeds."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from lsmi_jax.decomposition import (
    Interactions,
    Redundancy,
    adjust,
    average,
    interactions_from_posteriors,
    num_cells_of,
    single_source_fraction,
)
from lsmi_jax.estimation._diagnostics import Diagnostics, all_finite
from lsmi_jax.estimation._estimator import Estimator
from lsmi_jax.estimation._ordered_scores import ordered_scores
from lsmi_jax.estimation._predictions import Predictions, predictions_of
from lsmi_jax.estimation._result import Estimate
from lsmi_jax.estimation._scoring import Scores
from lsmi_jax.estimation._together import Together, together_of
from lsmi_jax.inputs import Dataset, pairs_of
from lsmi_jax.models import Density, Discriminator
from lsmi_jax.union import largest_log_sums

__all__ = ["assemble", "decompose_scores", "shifted"]

NO_PAIR = -1e4  # potential of a row without a modality, in nats
NUM_CHECKED = 512  # held-out rows of each fold whose pairs are checked for the constraint of the union information


@partial(jax.jit, static_argnums=(3, 4))
def assemble(
    estimators: Estimator, data: Dataset, rows: jax.Array, redundancy: Redundancy, mesh: Mesh | None
) -> tuple[tuple[Estimate, ...], Together | None]:
    """Scores rows, decomposes each pair and all blocks, and averages over seeds.

    Args:
        estimators: Estimators with leading axes of seeds and folds.
        data: The data set.
        rows: Row indices to score, of each seed and fold ``[m, F, h]``; every row once per seed.
        redundancy: The redundancy.
        mesh: The mesh over which rows are sharded; None on one device.

    Returns:
        An `Estimate` of each pair of blocks, in the order of the rows, and `Together` if there are models of all.
    """
    scores = ordered_scores(estimators, data, rows, mesh)
    num_blocks = len(data.features)
    estimates = tuple(
        _decompose_pair(*_of_pair(estimators, scores, pair, position, num_blocks), pair, data, rows, redundancy)
        for position, pair in enumerate(pairs_of(num_blocks))
    )
    if scores.whole is None or estimators.whole is None:
        return estimates, None
    fitted, singles = estimators.whole.union.whole, scores.log_posteriors[:num_blocks]
    return estimates, together_of(scores.whole, singles, fitted.upper - fitted.lower, data, estimators.names)


def _of_pair(
    estimators: Estimator, scores: Scores, pair: tuple[int, int], position: int, num_blocks: int
) -> tuple[Estimator, Scores]:
    """Selects models and scores of two blocks and of their pair, which has a position among all pairs."""

    def pick(parts: tuple | None, where: Sequence[int]) -> tuple | None:
        return parts and tuple(parts[m] for m in where)

    three = (*pair, num_blocks + position)
    fitted = replace(
        estimators,
        discriminators=pick(estimators.discriminators, three),
        stacks=pick(estimators.stacks, (position,)),
        densities=pick(estimators.densities, pair),
        potentials=pick(estimators.potentials, (position,)),
        outlier_ratio=estimators.outlier_ratio[..., jnp.array(pair)],
        whole=None,
    )
    return fitted, Scores(
        pick(scores.log_posteriors, three) or (), pick(scores.surprisals, pair), pick(scores.potentials, (position,))
    )


def _decompose_pair(
    estimators: Estimator, scores: Scores, pair: tuple[int, int], data: Dataset, rows: jax.Array, redundancy: Redundancy
) -> Estimate:
    """Decomposes one pair of blocks for each seed, and averages over seeds."""

    def of_seed(scores: Scores, estimators: Estimator, rows: jax.Array) -> tuple:
        interactions, information = decompose_scores(scores, data.labels, data.log_prior, redundancy, data.positions)
        complete = data.complete(pair)
        violation = None
        if scores.potentials is not None:
            a, b = scores.potentials[0]
            violation = _largest_violation(a, b, rows, complete)
        diagnostics = _diagnose(scores, interactions, information, estimators, data, pair, violation)
        given = _without_missing(interactions, information, scores.surprisals, data, pair)
        return *given, diagnostics

    # Means over seeds, and standard deviations of the parts; the parts of each seed give errors of the fit.
    seeds = jax.vmap(of_seed)(scores, estimators, rows)
    interactions, information, surprisals, diagnostics = jax.tree.map(lambda leaf: leaf.mean(0), seeds)
    spread = None if len(rows) == 1 else jax.tree.map(lambda leaf: leaf.std(0, ddof=1), seeds[0])
    by_seed = None if len(rows) == 1 else seeds[0]
    three, union = information[:3], information[3] if len(information) > 3 else None
    adjusted, key = shifted(interactions, redundancy, data.weights), estimators.key[0, 0]
    weights, groups = data.weights, data.groups
    predictions = None if data.positions is not None else _predict(scores, data, pair)
    return Estimate(
        *(interactions, adjusted, three, surprisals, spread, diagnostics),
        *(key, by_seed, union, weights, groups, predictions),
    )


def _predict(scores: Scores, data: Dataset, pair: tuple[int, int]) -> Predictions:
    """Predictions of one pair, from its scores by seed ``[m, n, ...]``; these need no label."""
    return predictions_of(scores.log_posteriors[:3], (data.has(pair[:1]), data.has(pair[1:]), data.has(pair)))


def _without_missing(
    interactions: Interactions, information: tuple, surprisals: tuple | None, data: Dataset, pair: tuple[int, int]
) -> tuple:
    """Results of each row, set to NaN where a block that they need, or the label, is missing."""
    complete, has1, has2 = data.complete(pair), data.complete(pair[:1]), data.complete(pair[1:])
    if complete is None:
        return interactions, information, surprisals

    def known(values: jax.Array, has: jax.Array | None) -> jax.Array:
        return values if has is None else jnp.where(has, values, jnp.nan)

    parts = Interactions(*(known(part, complete) for part in interactions))
    own, rest = (known(information[0], has1), known(information[1], has2)), information[2:]
    both = None
    if surprisals is not None:  # these need no label
        both = known(surprisals[0], data.has(pair[:1])), known(surprisals[1], data.has(pair[1:]))
    return parts, (*own, *(known(values, complete) for values in rest)), both


def decompose_scores(
    scores: Scores,
    labels: jax.Array,
    log_prior: jax.Array,
    redundancy: Redundancy,
    positions: jax.Array | None = None,
) -> tuple[Interactions, tuple[jax.Array, ...]]:
    """Interactions of one pair, and its information: i1, i2, i12, and the union information if it is needed."""
    needs_union = num_cells_of(redundancy) is not None
    return interactions_from_posteriors(
        scores.log_posteriors,
        labels,
        log_prior,
        scores.surprisals,
        log_union_scores=scores.log_union_scores if needs_union else None,
        redundancy=redundancy,
        positions=positions,
    )


def shifted(interactions: Interactions, redundancy: Redundancy, weights: jax.Array | None = None) -> Interactions:
    """Interactions after the paper's shift; those of the union information need none."""
    return interactions if num_cells_of(redundancy) is not None else adjust(interactions, weights)


def _largest_violation(a: jax.Array, b: jax.Array, rows: jax.Array, complete: jax.Array | None) -> jax.Array:
    """Largest ``log sum_y exp(a_y + b_y)`` over pairs of some rows of the same fold ``[F, h]``, from ``[n, K]``."""
    checked = rows[:, :NUM_CHECKED]
    a, b = a[checked], b[checked]
    if complete is not None:
        # Rows without a modality pair with nothing.
        has = complete[checked][..., None]
        a, b = jnp.where(has, a, NO_PAIR), jnp.where(has, b, NO_PAIR)
    return jax.vmap(largest_log_sums)(a, b).max()


def _diagnose(
    scores: Scores,
    interactions: Interactions,
    information: tuple,
    estimators: Estimator,
    data: Dataset,
    pair: tuple[int, int],
    violation: jax.Array | None,
) -> Diagnostics:
    """Diagnostics of one pair of blocks and one seed."""
    complete, has_both = data.complete(pair), data.has(pair)
    weights = data.view_weights[len(data.features) + pairs_of(len(data.features)).index(pair)]
    # Cross-entropy is -mean(i + log p(y)), since i = log p(y|x) - log p(y).
    label_log_prob = data.log_prior[data.labels]
    surprisals = scores.surprisals or ()
    prior, fitted = jnp.exp(data.log_prior), estimators.potentials
    single = None
    if scores.surprisals is not None:
        (i1, i2), (h1, h2) = information[:2], scores.surprisals
        single = single_source_fraction(i1, i2, h1, h2, weights)
    return Diagnostics(
        single_source_fraction=single,
        cross_entropy=jnp.stack([-average(i + label_log_prob, weights) for i in information[:3]]),
        accuracy=jnp.stack(
            [average((p.argmax(1) == data.labels).astype(jnp.float32), weights) for p in scores.log_posteriors]
        ),
        prior_entropy=-jnp.where(jnp.isfinite(data.log_prior), prior * data.log_prior, 0).sum(),
        discriminator_gap=_gaps(estimators.discriminators),
        density_gap=_gaps(estimators.densities),
        finite_fraction=all_finite(*interactions, *information, *surprisals, where=complete),
        union_violation=violation,
        union_gap=None if fitted is None else (fitted[0].upper - fitted[0].lower).mean(),
        outlier_ratio=estimators.outlier_ratio.mean(0),
        missing_fraction=None
        if data.present is None or has_both is None
        else jnp.stack([1 - has.mean() for has in (data.present[pair[0]], data.present[pair[1]], has_both)]),
        unlabeled_fraction=None if data.labeled is None else 1 - data.labeled.mean(),
    )


def _gaps(fitted: Sequence[Discriminator] | Sequence[Density] | None) -> jax.Array | None:
    """Training minus held-out loss of each model, averaged over folds."""
    return None if fitted is None else jnp.stack([(model.train_loss - model.held_out_loss).mean() for model in fitted])
