"""From pointwise information and surprisal to redundancy, uniqueness and synergy of each sample."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.decomposition._arrays import average, check_floats, check_several, check_temperature
from lsmi_jax.decomposition._continuous import target_information
from lsmi_jax.decomposition._information import log_posterior, pointwise_information, score_information
from lsmi_jax.decomposition._options import PointwiseRedundancy
from lsmi_jax.decomposition._quantities import Interactions
from lsmi_jax.decomposition._redundancies import soft_specificity_ambiguity, specificity_ambiguity, union_information
from lsmi_jax.decomposition._redundancy_checks import check_returned

__all__ = [
    "decompose",
    "from_redundancy",
    "information_of",
    "interactions_from_posteriors",
    "posterior_information",
    "single_source_fraction",
    "soft_decompose",
    "union_score_information",
]


def interactions_from_posteriors(
    logits: Sequence[ArrayLike],
    labels: ArrayLike | None,
    log_prior: ArrayLike,
    surprisals: Sequence[ArrayLike] | None = None,
    *,
    log_union_scores: ArrayLike | None = None,
    redundancy: PointwiseRedundancy | None = None,
    positions: ArrayLike | None = None,
) -> tuple[Interactions, tuple[jax.Array, ...]]:
    """Interactions of each sample, from what three discriminators predict and its label.

    Eq. 2 of Yang et al. (2025): pointwise information of each discriminator, decomposed by a redundancy.

    Args:
        logits: Log p(y|x1), log p(y|x2) and log p(y|x1,x2), each ``[..., K]``, in nats; need not be normalized.
        labels: Class labels ``[...]`` in ``0..K-1``; None to take every class as the label in turn.
        log_prior: Log p(y) ``[K]`` in nats.
        surprisals: Surprisals h1 and h2, each ``[...]``, in nats; None if the redundancy does not use them.
        log_union_scores: Log-score of every class under the union information ``[..., K]``, in nats; None if the
            redundancy does not use it.
        redundancy: Pointwise redundancy, as in `decompose`.
        positions: Rank of each sample's continuous target ``[n]``, from 0 to 1, where the classes are its bins; None
            for classes.

    Returns:
        Interactions and the information ``i1, i2, i12``, in nats, each ``[...]``, or ``[..., K]`` without labels;
        with ``log_union_scores``, the information has the union information as its fourth part.

    Raises:
        TypeError: If logits or surprisals are not floats, or labels are not integers.
        ValueError: If the shapes do not match.

    Examples:
        >>> import lsmi_jax
        >>> least = lsmi_jax.MinimumInformation()
        >>> logits = [jnp.array([[2.0, 0.0]]), jnp.zeros((1, 2)), jnp.array([[2.0, 0.0]])]
        >>> log_prior = jnp.log(jnp.array([0.5, 0.5]))
        >>> parts, _ = interactions_from_posteriors(logits, jnp.array([0]), log_prior, redundancy=least)
        >>> print(parts.unique1.round(2))
        [0.57]
    """
    three = check_several("logits", logits, 3)
    h1, h2 = (None, None) if surprisals is None else check_several("surprisals", surprisals, 2)
    # i1, i2 and i12, then Eq. 2.
    first, second, joint = (posterior_information(logits, labels, log_prior, positions) for logits in three)
    if labels is None and surprisals is not None:
        h1, h2 = (jnp.broadcast_to(jnp.asarray(h)[..., None], first.shape) for h in (h1, h2))
    if log_union_scores is None:
        return decompose(first, second, joint, h1, h2, redundancy=redundancy), (first, second, joint)
    union = union_score_information(log_union_scores, labels, log_prior, positions)
    parts = decompose(first, second, joint, h1, h2, i_union=union, redundancy=redundancy)
    return parts, (first, second, joint, union)


def posterior_information(
    logits: ArrayLike, labels: ArrayLike | None, log_prior: ArrayLike, positions: ArrayLike | None
) -> jax.Array:
    """Pointwise information of a discriminator about a class, or a continuous target whose bins are the classes.

    Args:
        logits: Unnormalized log p(y|x) ``[..., K]``, in nats.
        labels: Class labels ``[...]``; None for every class.
        log_prior: Log p(y) ``[K]``, in nats.
        positions: Rank of each target ``[n]``; None for classes.

    Returns:
        ``[...]`` in nats.

    Raises:
        TypeError: If logits are not floats, or labels not integers.
        ValueError: If the shapes do not match.
    """
    if positions is None:
        return pointwise_information(logits, labels, log_prior)
    return target_information(log_posterior(logits), positions, log_prior)


def union_score_information(
    log_scores: ArrayLike, labels: ArrayLike | None, log_prior: ArrayLike, positions: ArrayLike | None
) -> jax.Array:
    """Pointwise union information about a class, or a continuous target; scores are not normalized.

    Args:
        log_scores: Log-score of each class ``[..., K]``, in nats.
        labels: As in `posterior_information`.
        log_prior: As in `posterior_information`.
        positions: As in `posterior_information`.

    Returns:
        ``[...]`` in nats.

    Raises:
        TypeError: As `posterior_information`.
        ValueError: As `posterior_information`.
    """
    if positions is None:
        return score_information(log_scores, labels, log_prior)
    return target_information(log_scores, positions, log_prior)


def decompose(
    i1: ArrayLike,
    i2: ArrayLike,
    i12: ArrayLike,
    h1: ArrayLike | None = None,
    h2: ArrayLike | None = None,
    *,
    i_union: ArrayLike | None = None,
    redundancy: PointwiseRedundancy | None = None,
) -> Interactions:
    """Redundancy, uniqueness and synergy of each sample: Eq. 2 of Yang et al. (2025), solved for r.

    Elementwise and differentiable almost everywhere; half precision is computed in float32.

    Args:
        i1: Pointwise information of the first modality about the label, in nats.
        i2: Pointwise information of the second modality, in nats.
        i12: Pointwise information of both modalities together, in nats.
        h1: Surprisal ``-log p(x1)``, in nats; None if the redundancy does not use it.
        h2: Surprisal ``-log p(x2)``, in nats; None if the redundancy does not use it.
        i_union: Pointwise union information, in nats; None if the redundancy does not use it.
        redundancy: Pointwise redundancy, a function of the five arrays above, and of ``i_union`` where that is given.
            None for `lsmi_jax.union_information` where ``i_union`` is given, otherwise for the paper's
            `lsmi_jax.specificity_ambiguity`.

    Returns:
        Interactions of the common shape, with ``r + u1 = i1``, ``r + u2 = i2``, ``r + u1 + u2 + s = i12``.

    Raises:
        TypeError: If an array is not of floats.
        ValueError: If the shapes differ, or only one surprisal is given.

    Examples:
        >>> r, u1, u2, s = decompose(0.5, 0.25, 1.0, 3.0, 2.0)
        >>> print(r, u1, u2, s)
        0.25 0.25 0.0 0.5
        >>> print(*decompose(0.5, 0.25, 1.0, i_union=0.625))
        0.125 0.375 0.125 0.375
    """
    if (h1 is None) != (h2 is None):
        raise ValueError(f"{'h1' if h1 is None else 'h2'}: expected both surprisals or none, got one")
    given = {"i1": i1, "i2": i2, "i12": i12} | ({} if h1 is None or h2 is None else {"h1": h1, "h2": h2})
    given |= {} if i_union is None else {"i_union": i_union}
    checked: dict[str, Any] = dict(zip(given, check_floats(**given), strict=True))
    information = tuple(checked[name] for name in ("i1", "i2", "i12"))
    needed = {} if i_union is None else {"i_union": checked["i_union"]}
    default: PointwiseRedundancy = union_information if needed else specificity_ambiguity
    chosen = default if redundancy is None else redundancy
    found = chosen(*information, checked.get("h1"), checked.get("h2"), **needed)
    return from_redundancy(check_returned(found, information[0]).astype(information[0].dtype), *information)


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
        ValueError: If the five shapes differ, or the temperature is not positive (not checked under ``jit``).

    Examples:
        >>> for temperature in (1.0, 0.1, 0.001):
        ...     print(f"{soft_decompose(0.5, 0.25, 1.0, 3.0, 2.0, temperature=temperature).redundancy:.3f}")
        0.324
        0.250
        0.250
    """
    check_temperature(temperature)
    soft = partial(soft_specificity_ambiguity, temperature=temperature)
    return decompose(i1, i2, i12, h1, h2, redundancy=soft)


def from_redundancy(redundancy: jax.Array, i1: jax.Array, i2: jax.Array, i12: jax.Array) -> Interactions:
    """All four parts from the redundancy: Eq. 2 of Yang et al. (2025).

    Args:
        redundancy: Redundancy r, in nats.
        i1: Information of the first modality about the label, in nats.
        i2: Information of the second modality, in nats.
        i12: Information of both modalities together, in nats.

    Returns:
        `Interactions` of the common shape.
    """
    # Differences of similar sizes first: s = (i12 - i1) - u2 keeps more digits than i12 - r - u1 - u2.
    return Interactions(redundancy, i1 - redundancy, i2 - redundancy, (i12 - i1) - (i2 - redundancy))


def information_of(parts: Sequence[Any]) -> tuple[Any, Any, Any]:
    """Information that parts add up to, the inverse of `from_redundancy`: Eq. 2 of Yang et al. (2025).

    Args:
        parts: r, u1, u2, s: arrays of a common shape, in nats.

    Returns:
        i1, i2 and i12 of this shape, in nats.
    """
    r, u1, u2, s = parts
    return r + u1, r + u2, r + u1 + u2 + s


def single_source_fraction(
    i1: ArrayLike, i2: ArrayLike, h1: ArrayLike, h2: ArrayLike, weights: jax.Array | None = None
) -> jax.Array:
    """Fraction of samples where one modality attains both minima of Eq. 5, so that its uniqueness is zero.

    Near 1, the surprisals of the two modalities are not comparable: ``specificity_ambiguity`` then only
    shows which modality has the smaller surprisal.

    Args:
        i1: Pointwise information of the first modality, in nats.
        i2: Pointwise information of the second modality, in nats.
        h1: Surprisal of the first modality, in nats.
        h2: Surprisal of the second modality, in nats.
        weights: Weight of each sample, of the same shape; None for equal weights.

    Returns:
        A scalar between 0 and 1.

    Raises:
        TypeError: If an array is not of floats.
        ValueError: If the shapes differ.
    """
    i1, i2, h1, h2 = check_floats(i1=i1, i2=i2, h1=h1, h2=h2)
    # Modality 1 attains min(h1, h2) where h1 <= h2, and min(h1 - i1, h2 - i2) where h1 - h2 <= i1 - i2.
    difference = h1 - h2
    return average(((difference <= 0) == (difference <= i1 - i2)).astype(difference.dtype), weights)
