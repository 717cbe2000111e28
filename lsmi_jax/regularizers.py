"""Interactions of a batch as something to train on: differentiable, smooth where wanted, and one penalty."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.decomposition import Interactions, Redundancy, decompose, specificity_ambiguity
from lsmi_jax.information import pointwise_information

__all__ = ["batch_interactions", "interaction_penalty", "soft_decompose", "soft_specificity_ambiguity"]


def soft_specificity_ambiguity(
    i1: jax.Array, i2: jax.Array, i12: jax.Array, h1: jax.Array, h2: jax.Array, *, temperature: ArrayLike
) -> jax.Array:
    """The paper's redundancy (Eq. 5-6) with a smooth minimum and maximum, by log-sum-exp.

    Smoothing moves each by at most ``temperature * log 2``, in opposite directions, so the redundancy is off
    by no more than that, and stays between ``i1`` and ``i2``. As the temperature falls to zero it is
    `lsmi_jax.specificity_ambiguity`; at one nat it is `lsmi_jax.shared_exclusions`.

    Args:
        i1: Pointwise information of the first modality, in nats.
        i2: Pointwise information of the second modality, in nats.
        i12: Pointwise information of both; not used.
        h1: Surprisal of the first modality, in nats.
        h2: Surprisal of the second modality, in nats.
        temperature: In nats, positive; may be traced, to be annealed.

    Returns:
        Pointwise redundancy in nats.
    """
    difference = h1 - h2
    warmth = jnp.asarray(temperature, difference.dtype)
    softened = jnp.logaddexp((i1 - difference) / warmth, i2 / warmth) - jnp.logaddexp(-difference / warmth, 0)
    return warmth * softened


def soft_decompose(
    i1: ArrayLike, i2: ArrayLike, i12: ArrayLike, h1: ArrayLike, h2: ArrayLike, *, temperature: ArrayLike
) -> Interactions:
    """`lsmi_jax.decompose` with a redundancy that is smooth everywhere.

    Every part is off by at most ``temperature * log 2`` nats from that of Eq. 2 and 5-6 of Yang et al. (2025);
    the identities that tie the parts to i1, i2 and i12 stay exact.

    Args:
        i1: Pointwise information of the first modality about the label, in nats.
        i2: Pointwise information of the second modality, in nats.
        i12: Pointwise information of both modalities together, in nats.
        h1: Surprisal ``-log p(x1)``, in nats.
        h2: Surprisal ``-log p(x2)``, in nats.
        temperature: In nats, positive; may be traced, to be annealed.

    Returns:
        Interactions of the common shape, in nats.

    Raises:
        TypeError: If an array is not of floats.
        ValueError: If the five shapes differ, or the temperature, where its value is known, is not positive.

    Examples:
        >>> for temperature in (1.0, 0.1, 0.001):
        ...     print(f"{soft_decompose(0.5, 0.25, 1.0, 3.0, 2.0, temperature=temperature).redundancy:.3f}")
        0.324
        0.250
        0.250
    """
    _check_temperature(temperature)
    return decompose(i1, i2, i12, h1, h2, redundancy=_soft(temperature))


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
    """Interactions of a batch, whose gradients reach the logits and, if asked, the features, but no density.

    Args:
        features: What the densities are of: the two feature blocks ``[n, d1]`` and ``[n, d2]``, or
            `lsmi_jax.posterior_coordinates` of the first two logits.
        logits: Logits of the first modality, the second, and both, each ``[n, K]``, in nats.
        labels: Class labels ``[n]`` in ``0..K-1``.
        log_prior: Log-prior ``[K]`` in nats.
        densities: Of the first and the second modality, such as two `lsmi_jax.Knife`.
        temperature: As in `soft_decompose`; None for the exact `lsmi_jax.decompose`.
        through_surprisals: Whether gradients flow through the surprisals to the features.

    Returns:
        Interactions ``[n]`` in nats.

    Raises:
        TypeError: If logits are not floats or labels not integers.
        ValueError: If the shapes do not match, or there are not two features and densities and three logits.

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
        if len(values) != count:
            raise ValueError(f"{name}: expected {count}, got {len(values)}")
    _check_temperature(temperature)
    seen = features if through_surprisals else jax.lax.stop_gradient(tuple(features))
    fixed = jax.lax.stop_gradient(tuple(densities))
    i1, i2, i12 = (pointwise_information(one, labels, log_prior) for one in logits)
    h1, h2 = (density.surprisal(block).astype(i1.dtype) for density, block in zip(fixed, seen, strict=True))
    redundancy = specificity_ambiguity if temperature is None else _soft(temperature)
    return decompose(i1, i2, i12, h1, h2, redundancy=redundancy)


def interaction_penalty(interactions: Interactions, *, weights: Sequence[ArrayLike]) -> jax.Array:
    """Weighted sum of the mean parts, to be added to a loss: a positive weight penalises, a negative one rewards.

    Args:
        interactions: Interactions of a batch, ``[n]`` each, in nats.
        weights: Of redundancy, uniqueness 1, uniqueness 2 and synergy.

    Returns:
        A scalar in nats.

    Raises:
        ValueError: If there are not four weights.

    Examples:
        >>> parts = Interactions(jnp.ones(3), jnp.zeros(3), jnp.zeros(3), jnp.full(3, 2.0))
        >>> print(interaction_penalty(parts, weights=(0.5, 0.0, 0.0, -0.1)))
        0.3
    """
    if len(weights) != 4:
        raise ValueError(f"weights: expected 4 (redundancy, unique1, unique2, synergy), got {len(weights)}")
    total = jnp.zeros((), interactions.redundancy.dtype)
    for weight, part in zip(weights, interactions, strict=True):
        total += jnp.asarray(weight, part.dtype) * part.mean()
    return total


def _soft(temperature: ArrayLike) -> Redundancy:
    return partial(soft_specificity_ambiguity, temperature=temperature)


def _check_temperature(temperature: ArrayLike | None) -> None:
    if temperature is None or isinstance(temperature, jax.core.Tracer):
        return
    if not float(temperature) > 0:  # type: ignore[arg-type]
        raise ValueError(f"temperature: expected a positive number of nats, got {temperature}")
