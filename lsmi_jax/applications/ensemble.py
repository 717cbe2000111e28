"""Combining the predictions of several models, sample by sample as their interactions say."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.applications.shares import Shares, shares
from lsmi_jax.decomposition import Interactions, Redundancy, decompose, specificity_ambiguity
from lsmi_jax.information import with_doubt
from lsmi_jax.precision import widen

__all__ = ["Ensemble", "ensemble", "expected_interactions"]


class Ensemble(NamedTuple):
    """A prediction of several models together.

    Attributes:
        log_posterior: Log-posterior of each class ``[n, K]`` in nats.
        weights: Of the predictions from the first modality, the second, and both, ``[n]`` each.
        interactions: Expected interactions, averaged over the models, ``[n]`` in nats.
    """

    log_posterior: jax.Array
    weights: Shares
    interactions: Interactions


def expected_interactions(
    logits: Sequence[ArrayLike],
    surprisals: Sequence[ArrayLike],
    log_prior: ArrayLike,
    *,
    redundancy: Redundancy = specificity_ambiguity,
) -> Interactions:
    """Interactions of samples whose label is not known: in expectation over what the model says it may be.

    Each class is taken for the label in turn, and its interactions are weighed by the model's joint posterior
    of that class. The expectation of i12 is thus the divergence of the posterior from the prior.

    Args:
        logits: Logits of a model from the first modality, the second, and both, each ``[..., K]``, in nats.
        surprisals: Surprisals of the first modality and the second, each ``[...]``, in nats: no label is in
            them. Those of `lsmi_jax.Estimator` are ``estimator.densities[m].surprisal`` of
            ``lsmi_jax.posterior_coordinates(logits[m])``.
        log_prior: Log-prior ``[K]`` in nats.
        redundancy: Pointwise redundancy, as in `lsmi_jax.decompose`.

    Returns:
        Interactions ``[...]`` in nats.

    Raises:
        TypeError: If an array is not of floats.
        ValueError: If there are not three logits and two surprisals, or the shapes do not match.

    Examples:
        >>> sure, unsure = jnp.array([[9.0, 0.0]]), jnp.array([[0.0, 0.0]])
        >>> log_prior = jnp.log(jnp.array([0.5, 0.5]))
        >>> surprisals = [jnp.array([3.0]), jnp.array([1.0])]
        >>> parts = expected_interactions([sure, unsure, sure], surprisals, log_prior)
        >>> print(f"{parts.unique1[0]:.2f}")  # only the first modality tells the class: one bit
        0.69
    """
    log_posteriors, surprisals, log_prior = _check(logits, surprisals, log_prior)
    information = (one - _like(log_prior, one) for one in log_posteriors)
    repeated = (jnp.broadcast_to(one[..., None], log_posteriors[0].shape) for one in surprisals)
    parts = decompose(*information, *repeated, redundancy=redundancy)
    probability = jnp.exp(log_posteriors[2])
    return Interactions(*((probability * part).sum(-1) for part in parts))


def ensemble(
    logits: Sequence[ArrayLike],
    surprisals: Sequence[ArrayLike],
    log_prior: ArrayLike,
    *,
    redundancy: Redundancy = specificity_ambiguity,
) -> Ensemble:
    """Combines unimodal and joint predictions of several models by their interactions: Figure 6 of Yang et al. (2025).

    The interactions of each sample are averaged over the models; their `lsmi_jax.applications.shares` weigh
    the predictions from the first modality, the second, and both, and models count alike. Predictions are
    combined in log space, as a weighted geometric mean. When predicting, nobody knows the label: none goes in,
    and the interactions are `expected_interactions`, under each model's own posterior.

    Args:
        logits: Logits of M models from the first modality, the second, and both, each ``[M, n, K]``, in nats.
        surprisals: Surprisals of the first modality and the second, each ``[M, n]``, in nats.
        log_prior: Log-prior ``[K]`` in nats.
        redundancy: Pointwise redundancy, as in `lsmi_jax.decompose`.

    Returns:
        An `Ensemble` of n samples.

    Raises:
        TypeError: If an array is not of floats.
        ValueError: If there are not three logits and two surprisals, or the shapes do not match.

    Examples:
        >>> key, log_prior = jax.random.key(0), jnp.log(jnp.full(3, 1 / 3))
        >>> logits = list(jax.random.normal(key, (3, 5, 8, 3)))  # three views, five models, eight samples
        >>> together = ensemble(logits, [jnp.zeros((5, 8)), jnp.zeros((5, 8))], log_prior)
        >>> print(together.log_posterior.shape)
        (8, 3)
    """
    log_posteriors, surprisals, log_prior = _check(logits, surprisals, log_prior)
    if log_posteriors[0].ndim != 3:
        raise ValueError(f"logits: expected shape [M, n, K], got {log_posteriors[0].shape}")
    each = expected_interactions(log_posteriors, surprisals, log_prior, redundancy=redundancy)
    interactions = Interactions(*(part.mean(0) for part in each))
    weights = shares(interactions)
    pooled = jnp.zeros_like(log_posteriors[0][0])
    for weight, log_posterior in zip(weights, log_posteriors, strict=True):
        pooled += weight[:, None] * log_posterior.mean(0)
    return Ensemble(jax.nn.log_softmax(pooled), weights, interactions)


def _check(logits: Sequence, surprisals: Sequence, log_prior: ArrayLike) -> tuple[list, list, jax.Array]:
    """Log-posteriors, finite even where a class is ruled out, surprisals, and the prior, of one dtype."""
    if len(logits) != 3 or len(surprisals) != 2:
        raise ValueError(f"logits, surprisals: expected 3 and 2, got {len(logits)} and {len(surprisals)}")
    arrays = [jnp.asarray(one) for one in (*logits, *surprisals, log_prior)]
    kinds = [array.dtype for array in arrays]
    if not all(jnp.issubdtype(kind, jnp.floating) for kind in kinds):
        raise TypeError(f"logits, surprisals, log_prior: expected floating dtypes, got {kinds}")
    shape = arrays[0].shape
    got, expected = [array.shape for array in arrays], [*[shape] * 3, *[shape[:-1]] * 2, shape[-1:]]
    if got != expected or not shape:
        raise ValueError(f"logits, surprisals, log_prior: expected shapes {expected}, got {got}")
    arrays = [widen(array) for array in arrays]
    doubt = float(jnp.finfo(jnp.float32).tiny)  # below it, a probability is zero anyway
    return [with_doubt(jax.nn.log_softmax(one), doubt) for one in arrays[:3]], arrays[3:5], arrays[5]


def _like(row: jax.Array, array: jax.Array) -> jax.Array:
    return row.reshape((1,) * (array.ndim - 1) + row.shape)
