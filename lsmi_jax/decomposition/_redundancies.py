"""Pointwise redundancies as pure functions of information and surprisal."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.decomposition._arrays import check_floats

__all__ = [
    "common_change",
    "minimum_information",
    "shared_exclusions",
    "soft_specificity_ambiguity",
    "specificity_ambiguity",
    "union_information",
]


def specificity_ambiguity(i1: jax.Array, i2: jax.Array, i12: jax.Array, h1: jax.Array, h2: jax.Array) -> jax.Array:
    """Redundancy of the paper: least surprisal minus least surprisal given the label (Eq. 5-6).

    Also the I_PM of Finn & Lizier, "Pointwise partial information decomposition using the specificity
    and ambiguity lattices", Entropy 20(4), 2018.

    Args:
        i1: Pointwise information of the first modality, in nats.
        i2: Pointwise information of the second modality, in nats.
        i12: Pointwise information of both; not used.
        h1: Surprisal of the first modality, in nats.
        h2: Surprisal of the second modality, in nats.

    Returns:
        Pointwise redundancy in nats, between the smaller and the larger of ``i1`` and ``i2``.
    """
    i1, i2, h1, h2 = check_floats(i1=i1, i2=i2, h1=h1, h2=h2)
    # r = min(h1, h2) - min(h1 - i1, h2 - i2), with the smaller surprisal subtracted from both: they may be thousands
    # of nats, and r must not leave the interval of i1 and i2 by their round-off.
    difference = h1 - h2
    return jnp.where(difference < 0, jnp.maximum(i1, i2 + difference), jnp.maximum(i1 - difference, i2))


def soft_specificity_ambiguity(
    i1: jax.Array, i2: jax.Array, i12: jax.Array, h1: jax.Array, h2: jax.Array, *, temperature: ArrayLike
) -> jax.Array:
    """Redundancy of the paper (Eq. 5-6) with a smooth minimum and maximum, by log-sum-exp.

    Smoothing moves each of the two by at most ``temperature * log 2``, in opposite directions. The redundancy
    is off by no more than that and stays between ``i1`` and ``i2``. As the temperature falls to zero it becomes
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
    i1, i2, h1, h2 = check_floats(i1=i1, i2=i2, h1=h1, h2=h2)
    # T log-sum-exp(. / T) is a smooth maximum; the smooth minimum is its negative at negated arguments.
    difference = h1 - h2
    scale = jnp.asarray(temperature, difference.dtype)
    softened = jnp.logaddexp((i1 - difference) / scale, i2 / scale) - jnp.logaddexp(-difference / scale, 0)
    return scale * softened


def union_information(i1: jax.Array, i2: jax.Array, i12: jax.Array, h1: Any, h2: Any, i_union: jax.Array) -> jax.Array:
    """Co-information ``i1 + i2 - i_union`` of two modalities whose evidence is only added.

    The union information is that of Bertschinger et al., "Quantifying unique information", Entropy 16(4), 2014; the
    term is from Kolchinsky, "A novel approach to the partial information decomposition", Entropy 24(3), 2022.

    Args:
        i1: Pointwise information of the first modality, in nats.
        i2: Pointwise information of the second modality, in nats.
        i12: Pointwise information of both; not used.
        h1: Not used.
        h2: Not used.
        i_union: Pointwise union information, in nats.

    Returns:
        Pointwise redundancy in nats. Its mean over a data set is the redundancy of Bertschinger et al.
    """
    i1, i2, i_union = check_floats(i1=i1, i2=i2, i_union=i_union)
    # u1 = i_union - i2 and u2 = i_union - i1 follow by Eq. 2, and s = i12 - i_union.
    return i1 + i2 - i_union


def common_change(i1: jax.Array, i2: jax.Array, i12: jax.Array, h1: jax.Array, h2: jax.Array) -> jax.Array:
    """Co-information ``i1 + i2 - i12`` where it has the sign of i1, i2 and i12, and zero elsewhere.

    The I_ccs of Ince, "Measuring multivariate redundant information with pointwise common change in
    surprisal", Entropy 19(7), 2017, on the given distribution (Ince first passes to the distribution of
    maximum entropy with the same pairwise marginals).

    Args:
        i1: Pointwise information of the first modality, in nats.
        i2: Pointwise information of the second modality, in nats.
        i12: Pointwise information of both, in nats.
        h1: Not used.
        h2: Not used.

    Returns:
        Pointwise redundancy in nats.
    """
    i1, i2, i12 = check_floats(i1=i1, i2=i2, i12=i12)
    # Information that is counted twice in i1 + i2; it is redundancy only where all terms agree in sign.
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
        i12: Pointwise information of both, in nats; used only with ``h12``.
        h1: Surprisal of the first modality, in nats.
        h2: Surprisal of the second modality, in nats.
        h12: Surprisal of the pair (x1, x2), for discrete modalities, whose joint event has positive
            probability: bind it with ``functools.partial``. None for continuous modalities, where the joint
            event has probability zero relative to the two single events.

    Returns:
        Pointwise redundancy in nats, between the smaller and the larger of ``i1`` and ``i2`` when
        ``h12`` is None.
    """
    i1, i2, i12, h1, h2 = check_floats(i1=i1, i2=i2, i12=i12, h1=h1, h2=h2)
    # Probabilities of the union relative to p(x2): p(x1) + p(x2) - p(x1, x2), without and given the label.
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
    return jnp.minimum(*check_floats(i1=i1, i2=i2))
