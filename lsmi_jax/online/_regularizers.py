"""Differentiable interactions of a batch, and a penalty on their means."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.decomposition import (
    Interactions,
    UnionInformation,
    check_interactions,
    check_several,
    check_type,
    interactions_from_posteriors,
)
from lsmi_jax.union import Potentials, log_union_scores

__all__ = ["batch_interactions", "interaction_penalty"]


def batch_interactions(
    logits: Sequence[jax.Array], labels: jax.Array, log_prior: jax.Array, potentials: Potentials
) -> Interactions:
    """Interactions of a batch under the union information, with gradients to the logits, but not to the potentials.

    Args:
        logits: Logits of the first modality, the second, and both, each ``[n, K]``, in nats.
        labels: Class labels ``[n]`` in ``0..K-1``.
        log_prior: Log-prior ``[K]`` in nats.
        potentials: Potentials of the two modalities, such as those of a `lsmi_jax.Tracker`, or from
            `lsmi_jax.union.fit_potentials`.

    Returns:
        Interactions ``[n]`` in nats.

    Raises:
        TypeError: If logits are not floats, labels not integers, or potentials something else.
        ValueError: If the shapes do not match, or the number of logits is wrong.

    Examples:
        >>> from functools import partial
        >>> from lsmi_jax.union import fit_potentials
        >>> key, labels = jax.random.key(0), jnp.array([0, 1, 1])
        >>> logits, log_prior = [4 * jnp.eye(2)[labels]] * 3, jnp.log(jnp.array([1 / 3, 2 / 3]))
        >>> potentials = jax.jit(partial(fit_potentials, num_cells=4))(key, logits[:2], log_prior)
        >>> parts = batch_interactions(logits, labels, log_prior, potentials)
        >>> print(interaction_penalty(parts, weights=(1.0, 0, 0, 0)).shape)
        ()
    """
    first, second, _ = check_several("logits", logits, 3)
    check_type("potentials", potentials, Potentials)
    scores = log_union_scores(jax.lax.stop_gradient(potentials), (first, second))
    redundancy = UnionInformation()
    return interactions_from_posteriors(logits, labels, log_prior, log_union_scores=scores, redundancy=redundancy)[0]


def interaction_penalty(interactions: Interactions, *, weights: Sequence[ArrayLike]) -> jax.Array:
    """Weighted sum of the mean parts, to add to a loss: a positive weight penalizes, a negative weight rewards.

    Args:
        interactions: Interactions of a batch, ``[n]`` each, in nats.
        weights: Weights of redundancy, uniqueness 1, uniqueness 2 and synergy.

    Returns:
        A scalar in nats.

    Raises:
        TypeError: If ``interactions`` have the wrong type.
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
