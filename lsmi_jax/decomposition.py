"""From pointwise information and surprisal to redundancy, uniqueness and synergy of each sample."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.precision import widen

__all__ = [
    "Interactions",
    "Redundancy",
    "adjust",
    "adjustment",
    "common_change",
    "decompose",
    "from_redundancy",
    "minimum_information",
    "shared_exclusions",
    "single_source_fraction",
    "specificity_ambiguity",
]


class Interactions(NamedTuple):
    """Redundancy r, uniquenesses u1 and u2, and synergy s, of one shape and in nats."""

    redundancy: jax.Array
    unique1: jax.Array
    unique2: jax.Array
    synergy: jax.Array


Redundancy = Callable[[jax.Array, jax.Array, jax.Array, jax.Array, jax.Array], jax.Array]
"""A pointwise redundancy: a function of ``i1, i2, i12, h1, h2``, elementwise, in nats."""


def specificity_ambiguity(i1: jax.Array, i2: jax.Array, i12: jax.Array, h1: jax.Array, h2: jax.Array) -> jax.Array:
    """Redundancy of the paper: least surprisal minus least surprisal given the label (Eq. 5-6).

    Also the I_PM of Finn & Lizier, "Pointwise partial information decomposition using the specificity
    and ambiguity lattices", Entropy 20(4), 2018. Computed from D = h1 - h2, since the surprisals
    themselves may be thousands of nats.

    Args:
        i1: Pointwise information of the first modality, in nats.
        i2: Pointwise information of the second modality, in nats.
        i12: Pointwise information of both; not used.
        h1: Surprisal of the first modality, in nats.
        h2: Surprisal of the second modality, in nats.

    Returns:
        Pointwise redundancy in nats, between the smaller and the larger of ``i1`` and ``i2``.
    """
    difference = h1 - h2
    return jnp.minimum(difference, 0) + jnp.maximum(i1 - difference, i2)


def common_change(i1: jax.Array, i2: jax.Array, i12: jax.Array, h1: jax.Array, h2: jax.Array) -> jax.Array:
    """Co-information ``i1 + i2 - i12`` where it, i1, i2 and i12 have one sign, else zero.

    The I_ccs of Ince, "Measuring multivariate redundant information with pointwise common change in
    surprisal", Entropy 19(7), 2017, on the given distribution (Ince first passes to the one of maximum
    entropy with the same pairwise marginals).

    Args:
        i1: Pointwise information of the first modality, in nats.
        i2: Pointwise information of the second modality, in nats.
        i12: Pointwise information of both, in nats.
        h1: Not used.
        h2: Not used.

    Returns:
        Pointwise redundancy in nats.
    """
    co_information = i1 + i2 - i12
    sign = jnp.sign(co_information)
    agree = (jnp.sign(i1) == sign) & (jnp.sign(i2) == sign) & (jnp.sign(i12) == sign)
    return jnp.where(agree, co_information, 0)


def shared_exclusions(
    i1: jax.Array, i2: jax.Array, i12: jax.Array, h1: jax.Array, h2: jax.Array, *, h12: ArrayLike | None = None
) -> jax.Array:
    """Information of the event "x1 or x2" about the label: ``log p(y | x1 or x2) - log p(y)``.

    The I_sx of Makkeh, Gutknecht & Wibral, "Introducing a differentiable measure of pointwise shared
    information", Physical Review E 103, 2021.

    Args:
        i1: Pointwise information of the first modality, in nats.
        i2: Pointwise information of the second modality, in nats.
        i12: Pointwise information of both, in nats; used with ``h12`` only.
        h1: Surprisal of the first modality, in nats.
        h2: Surprisal of the second modality, in nats.
        h12: Surprisal of the pair (x1, x2), for discrete modalities, whose joint event has positive
            probability: bind it with ``functools.partial``. None for continuous ones, where the joint
            event vanishes beside the two single ones.

    Returns:
        Pointwise redundancy in nats, between the smaller and the larger of ``i1`` and ``i2`` when
        ``h12`` is None.
    """
    difference = h1 - h2
    log_union = jnp.logaddexp(-difference, 0)
    log_union_with_label = jnp.logaddexp(i1 - difference, i2)
    if h12 is not None:
        log_both = h2 - jnp.asarray(h12)
        log_union += jnp.log1p(-jnp.exp(log_both - log_union))
        log_union_with_label += jnp.log1p(-jnp.exp(i12 + log_both - log_union_with_label))
    return log_union_with_label - log_union


def minimum_information(i1: jax.Array, i2: jax.Array, i12: jax.Array, h1: jax.Array, h2: jax.Array) -> jax.Array:
    """Smaller of the two pointwise informations; needs no density.

    The pointwise form of the minimum mutual information of Barrett, "Exploration of synergistic and
    redundant information sharing in static and dynamical Gaussian systems", Physical Review E 91, 2015.

    Args:
        i1: Pointwise information of the first modality, in nats.
        i2: Pointwise information of the second modality, in nats.
        i12: Not used.
        h1: Not used.
        h2: Not used.

    Returns:
        Pointwise redundancy in nats.
    """
    return jnp.minimum(i1, i2)


def decompose(
    i1: ArrayLike,
    i2: ArrayLike,
    i12: ArrayLike,
    h1: ArrayLike,
    h2: ArrayLike,
    *,
    redundancy: Redundancy = specificity_ambiguity,
) -> Interactions:
    """Redundancy, uniqueness and synergy of each sample: Eq. 2 of Yang et al. (2025), solved for r.

    Elementwise and differentiable almost everywhere; half precision is computed in float32.

    Args:
        i1: Pointwise information of the first modality about the label, in nats.
        i2: Pointwise information of the second modality, in nats.
        i12: Pointwise information of both modalities together, in nats.
        h1: Surprisal ``-log p(x1)``, in nats.
        h2: Surprisal ``-log p(x2)``, in nats.
        redundancy: Pointwise redundancy, a function of the five arrays above.

    Returns:
        Interactions of the common shape, with ``r + u1 = i1``, ``r + u2 = i2``, ``r + u1 + u2 + s = i12``.

    Raises:
        TypeError: If an array is not of floats.
        ValueError: If the five shapes differ.

    Examples:
        >>> r, u1, u2, s = decompose(0.5, 0.25, 1.0, 3.0, 2.0)
        >>> print(r, u1, u2, s)
        0.25 0.25 0.0 0.5
    """
    i1, i2, i12, h1, h2 = _as_float_arrays(i1=i1, i2=i2, i12=i12, h1=h1, h2=h2)
    return from_redundancy(redundancy(i1, i2, i12, h1, h2), i1, i2, i12)


def from_redundancy(redundancy: jax.Array, i1: jax.Array, i2: jax.Array, i12: jax.Array) -> Interactions:
    """All four parts, once the redundancy is known: Eq. 2 of Yang et al. (2025).

    Args:
        redundancy: Redundancy r, in nats.
        i1: Information of the first modality about the label, in nats.
        i2: Information of the second modality, in nats.
        i12: Information of both modalities together, in nats.

    Returns:
        `Interactions` of the common shape.
    """
    return Interactions(redundancy, i1 - redundancy, i2 - redundancy, (i12 - i1) - (i2 - redundancy))


def single_source_fraction(i1: ArrayLike, i2: ArrayLike, h1: ArrayLike, h2: ArrayLike) -> jax.Array:
    """Fraction of samples where one modality attains both minima of Eq. 5, so that one uniqueness is zero.

    Near 1, the surprisals of the two modalities are not comparable, and ``specificity_ambiguity`` only
    says which of them has the smaller one.

    Args:
        i1: Pointwise information of the first modality, in nats.
        i2: Pointwise information of the second modality, in nats.
        h1: Surprisal of the first modality, in nats.
        h2: Surprisal of the second modality, in nats.

    Returns:
        A scalar between 0 and 1.
    """
    i1, i2, h1, h2 = _as_float_arrays(i1=i1, i2=i2, h1=h1, h2=h2)
    difference = h1 - h2
    return jnp.mean(((difference <= 0) == (difference <= i1 - i2)).astype(difference.dtype))


def adjust(interactions: Interactions) -> Interactions:
    """The paper's dataset-level shift: one constant that makes the smallest mean part zero.

    With means R, U1, U2, S: c = -min(R, S) if R or S is negative, else c = min(U1, U2) if U1 or U2 is,
    else 0; then r + c, u1 - c, u2 - c, s + c for every sample. It keeps i1, i2 and i12. The numbers of
    the tables of Yang et al. (2025) are means after this shift.

    Args:
        interactions: Raw interactions of a data set, ``[n]`` each, in nats.

    Returns:
        Shifted interactions ``[n]`` in nats.
    """
    means = Interactions(*(jnp.mean(part) for part in interactions))
    shift = adjustment(means)
    r, u1, u2, s = interactions
    return Interactions(r + shift, u1 - shift, u2 - shift, s + shift)


def adjustment(means: Interactions) -> jax.Array:
    """The constant c of `adjust`.

    Args:
        means: Mean parts R, U1, U2, S, in nats.

    Returns:
        What is added to r and s, and taken from u1 and u2, in nats.
    """
    least_common = jnp.minimum(means.redundancy, means.synergy)
    least_unique = jnp.minimum(means.unique1, means.unique2)
    return jnp.where(least_common < 0, -least_common, jnp.minimum(least_unique, 0))


def _as_float_arrays(**named: ArrayLike) -> list[jax.Array]:
    """Arrays of one shape and one dtype, at least float32; the first to differ is named."""
    arrays = {name: jnp.asarray(value) for name, value in named.items()}
    first, shape = next((name, array.shape) for name, array in arrays.items())
    for name, array in arrays.items():
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError(f"{name}: expected a floating dtype, got {array.dtype}")
        if array.shape != shape:
            raise ValueError(f"{name}: expected shape {shape} as {first}, got {array.shape}")
    widened = [widen(array) for array in arrays.values()]
    widest = max((array.dtype for array in widened), key=lambda dtype: jnp.finfo(dtype).bits)
    return [array.astype(widest) for array in widened]
