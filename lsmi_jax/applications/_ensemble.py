"""Ensembles that weight the predictions of each sample by its interactions."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.applications._shares import Shares, shares
from lsmi_jax.decomposition import (
    Interactions,
    PointwiseRedundancy,
    SpecificityAmbiguity,
    UnionInformation,
    as_array,
    check_floats,
    check_several,
    interactions_from_posteriors,
    log_posterior,
    smooth_log_posterior,
    widen,
)

__all__ = ["Ensemble", "ensemble", "expected_interactions"]

SMOOTHING = float(jnp.finfo(jnp.float32).tiny)  # makes log-posteriors finite; smaller probabilities underflow anyway


class Ensemble(NamedTuple):
    """A prediction that pools several models.

    Attributes:
        log_posterior: Log-posterior of each class ``[n, K]`` in nats.
        weights: Weights of the predictions from the first modality, the second, and both, each ``[n]``.
        interactions: Expected interactions, averaged over the models, each ``[n]`` in nats.
    """

    log_posterior: jax.Array
    weights: Shares
    interactions: Interactions


def expected_interactions(
    logits: Sequence[ArrayLike],
    surprisals: Sequence[ArrayLike] | None,
    log_prior: ArrayLike,
    *,
    log_union_scores: ArrayLike | None = None,
    redundancy: PointwiseRedundancy | None = None,
) -> Interactions:
    """Expected interactions of samples with unknown labels, from logits.

    The expectation is over the joint posterior: each class is taken as the label in turn, and its interactions are
    weighted by the posterior of that class. The expectation of i12 is therefore the divergence of the posterior from
    the prior. `lsmi_jax.expected_interactions` does this with a fitted estimator.

    Args:
        logits: Logits of a model from the first modality, the second, and both, each ``[..., K]``, in nats.
        surprisals: Surprisals of the first modality and the second, each ``[...]``, in nats; they do not depend
            on labels. For an `lsmi_jax.Estimator` they are ``estimator.densities[m].surprisal`` of
            the features. None if the redundancy needs no density.
        log_prior: Log-prior ``[K]`` in nats.
        log_union_scores: Log-scores of the classes under the union information ``[..., K]``, in nats, from
            `lsmi_jax.union.log_union_scores`; None for a redundancy that needs none.
        redundancy: Pointwise redundancy: an option object, or a function as in `lsmi_jax.decompose`. None for the union
            information where there are scores of it, otherwise for the paper's.

    Returns:
        Interactions ``[...]`` in nats.

    Raises:
        TypeError: If an array is not of floats.
        ValueError: If there are not three logits and two surprisals, the shapes do not match, or surprisals are
            None for a redundancy that needs them.

    Examples:
        >>> certain, uncertain = jnp.array([[9.0, 0.0]]), jnp.array([[0.0, 0.0]])
        >>> log_prior = jnp.log(jnp.array([0.5, 0.5]))
        >>> surprisals = [jnp.array([3.0]), jnp.array([1.0])]
        >>> parts = expected_interactions([certain, uncertain, certain], surprisals, log_prior)
        >>> print(f"{parts.unique1[0]:.2f}")  # only the first modality is informative: one bit
        0.69
    """
    redundancy = _redundancy_of(redundancy, log_union_scores)
    log_posteriors, surprisals, log_prior = _check(logits, surprisals, log_prior, redundancy)
    scores = None if log_union_scores is None else _check_scores(log_union_scores, log_posteriors[0])
    of_classes, _ = interactions_from_posteriors(
        log_posteriors, None, log_prior, surprisals, log_union_scores=scores, redundancy=redundancy
    )
    probability = jnp.exp(log_posteriors[2])
    return Interactions(*((probability * part).sum(-1) for part in of_classes))


def ensemble(
    logits: Sequence[ArrayLike],
    surprisals: Sequence[ArrayLike] | None,
    log_prior: ArrayLike,
    *,
    log_union_scores: ArrayLike | None = None,
    redundancy: PointwiseRedundancy | None = None,
) -> Ensemble:
    """Combines unimodal and joint predictions of several models by their interactions: Figure 6 of Yang et al. (2025).

    The interactions of each sample are averaged over the models. Their `lsmi_jax.applications.shares` weight the
    predictions from the first modality, the second, and both; all models have the same weight. Predictions are
    pooled by a weighted geometric mean. Labels are unknown at prediction time, so the interactions are
    `expected_interactions` under each model's own posterior.

    Args:
        logits: Logits of M models from the first modality, the second, and both, each ``[M, n, K]``, in nats.
        surprisals: Surprisals of the first modality and the second, each ``[M, n]``, in nats; None if the
            redundancy needs no density.
        log_prior: Log-prior ``[K]`` in nats.
        log_union_scores: As in `expected_interactions`, ``[M, n, K]``.
        redundancy: As in `expected_interactions`.

    Returns:
        An `Ensemble` of n samples.

    Raises:
        TypeError: If an array is not of floats.
        ValueError: If there are not three logits and two surprisals, the shapes do not match, or surprisals are
            None for a redundancy that needs them.

    Examples:
        >>> key, log_prior = jax.random.key(0), jnp.log(jnp.full(3, 1 / 3))
        >>> logits = list(jax.random.normal(key, (3, 5, 8, 3)))  # three views, five models, eight samples
        >>> pooled = ensemble(logits, [jnp.zeros((5, 8)), jnp.zeros((5, 8))], log_prior)
        >>> print(pooled.log_posterior.shape)
        (8, 3)
    """
    redundancy = _redundancy_of(redundancy, log_union_scores)
    log_posteriors, surprisals, log_prior = _check(logits, surprisals, log_prior, redundancy)
    if log_posteriors[0].ndim != 3:
        raise ValueError(f"logits: expected shape [M, n, K], got {log_posteriors[0].shape}")
    of_models = expected_interactions(
        log_posteriors, surprisals, log_prior, log_union_scores=log_union_scores, redundancy=redundancy
    )
    interactions = Interactions(*(part.mean(0) for part in of_models))
    weights = shares(interactions)
    # Weighted geometric mean: weights differ by view and sample, and each view averages over its models.
    pooled = jnp.zeros_like(log_posteriors[0][0])
    for weight, of_view in zip(weights, log_posteriors, strict=True):
        pooled += weight[:, None] * of_view.mean(0)
    return Ensemble(jax.nn.log_softmax(pooled), weights, interactions)


def _redundancy_of(redundancy: PointwiseRedundancy | None, log_union_scores: ArrayLike | None) -> PointwiseRedundancy:
    """The redundancy, or that of what was passed."""
    if redundancy is not None:
        return redundancy
    return SpecificityAmbiguity() if log_union_scores is None else UnionInformation()


def _check_scores(log_union_scores: ArrayLike, log_posterior: jax.Array) -> jax.Array:
    """Returns scores of the shape of a log-posterior."""
    (scores,) = check_floats(log_union_scores=log_union_scores)
    if scores.shape != log_posterior.shape:
        raise ValueError(f"log_union_scores: expected shape {log_posterior.shape} of the logits, got {scores.shape}")
    return scores


def _check(
    logits: Sequence[ArrayLike],
    surprisals: Sequence[ArrayLike] | None,
    log_prior: ArrayLike,
    redundancy: PointwiseRedundancy,
) -> tuple[list[jax.Array], list[jax.Array] | None, jax.Array]:
    """Returns log-posteriors (finite even where a class is ruled out), surprisals and prior, float32 or wider."""
    three, prior = check_several("logits", logits, 3), as_array("log_prior", log_prior)
    log_scores = check_floats(**{f"logits[{m}]": values for m, values in enumerate(three)})
    shape = log_scores[0].shape
    if not shape or prior.shape != shape[-1:]:
        raise ValueError(f"log_prior: expected shape {shape[-1:]} to match the logits, got {prior.shape}")
    log_posteriors = [smooth_log_posterior(log_posterior(scores), SMOOTHING) for scores in log_scores]
    if surprisals is None:
        if getattr(redundancy, "density", None) is not None:
            raise ValueError(f"surprisals: expected 2 for {redundancy}, got None")
        return log_posteriors, None, widen(prior)
    pair = check_several("surprisals", surprisals, 2)
    checked = check_floats(**{f"surprisals[{m}]": values for m, values in enumerate(pair)})
    if checked[0].shape != shape[:-1]:
        raise ValueError(f"surprisals: expected shape {shape[:-1]} to match the logits, got {checked[0].shape}")
    return log_posteriors, checked, widen(prior)
