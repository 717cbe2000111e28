"""Differentiable interactions of a batch, and a penalty on their means."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.decomposition import (
    Interactions,
    check_interactions,
    check_several,
    check_temperature,
    interactions_from_posteriors,
    soft_specificity_ambiguity,
    specificity_ambiguity,
)

__all__ = ["batch_interactions", "interaction_penalty"]


def batch_interactions(
    features: Sequence[jax.Array],
    logits: Sequence[jax.Array],
    labels: jax.Array,
    log_prior: jax.Array,
    densities: Sequence[Any],
    *,
    temperature: ArrayLike | None = None,
    through_surprisals: bool = False,
) -> Interactions:
    """Interactions of a batch, with gradients to the logits and optionally to the features, but not to the densities.

    Args:
        features: Inputs of the densities: the two feature blocks ``[n, d1]`` and ``[n, d2]``, or
            `lsmi_jax.posterior_coordinates` of the first two logits.
        logits: Logits of the first modality, the second, and both, each ``[n, K]``, in nats.
        labels: Class labels ``[n]`` in ``0..K-1``.
        log_prior: Log-prior ``[K]`` in nats.
        densities: Densities of the first and the second modality, such as two `lsmi_jax.Knife`.
        temperature: As in `lsmi_jax.soft_decompose`; None for the exact `lsmi_jax.decompose`.
        through_surprisals: Whether gradients flow through the surprisals to the features.

    Returns:
        Interactions ``[n]`` in nats.

    Raises:
        TypeError: If logits are not floats or labels not integers.
        ValueError: If the shapes do not match, or the number of features, densities or logits is wrong.

    Examples:
        >>> import lsmi_jax
        >>> key, labels = jax.random.key(0), jnp.array([0, 1, 1])
        >>> features = [jax.random.normal(key, (3, 2))] * 2
        >>> densities = [lsmi_jax.Knife(key, x, num_components=2) for x in features]
        >>> logits = [jnp.eye(3)[:, :2]] * 3
        >>> parts = batch_interactions(features, logits, labels, jnp.log(jnp.full(2, 0.5)), densities)
        >>> print(interaction_penalty(parts, weights=(1.0, 0, 0, 0)).shape)
        ()
    """
    for name, values, count in (("features", features, 2), ("logits", logits, 3), ("densities", densities, 2)):
        check_several(name, values, count)
    check_temperature(temperature)
    inputs = features if through_surprisals else jax.lax.stop_gradient(tuple(features))
    fixed = jax.lax.stop_gradient(tuple(densities))
    surprisals = [density.surprisal(block) for density, block in zip(fixed, inputs, strict=True)]
    redundancy = specificity_ambiguity
    if temperature is not None:
        redundancy = partial(soft_specificity_ambiguity, temperature=temperature)
    return interactions_from_posteriors(logits, labels, log_prior, surprisals, redundancy=redundancy)[0]


def interaction_penalty(interactions: Interactions, *, weights: Sequence[ArrayLike]) -> jax.Array:
    """Weighted sum of the mean parts, to add to a loss: a positive weight penalizes, a negative weight rewards.

    Args:
        interactions: Interactions of a batch, ``[n]`` each, in nats.
        weights: Weights of redundancy, uniqueness 1, uniqueness 2 and synergy.

    Returns:
        A scalar in nats.

    Raises:
        TypeError: If ``interactions`` are something else.
        ValueError: If there are not four weights.

    Examples:
        >>> parts = Interactions(jnp.ones(3), jnp.zeros(3), jnp.zeros(3), jnp.full(3, 2.0))
        >>> print(interaction_penalty(parts, weights=(0.5, 0.0, 0.0, -0.1)))
        0.3
    """
    check_interactions(interactions)
    check_several("weights", weights, 4, items="weights")
    # sum_k w_k mean(part_k)
    total = jnp.zeros((), interactions.redundancy.dtype)
    for weight, part in zip(weights, interactions, strict=True):
        total += jnp.asarray(weight, part.dtype) * part.mean()
    return total
