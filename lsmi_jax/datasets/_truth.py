"""Data-set-level truth of synthetic tasks: the decomposition of Bertschinger et al. (2014).

It depends on p(x1, y) and p(x2, y) only, and not on any pointwise redundancy.
"""

import jax
import jax.numpy as jnp

from lsmi_jax.decomposition import Interactions, from_redundancy

__all__ = ["truth_of_like_margins", "truth_of_mix"]

DOMINATED = {(2, (0.5, 0.5, 0.0, 0.0)), (2, (0.1, 0.6, 0.1, 0.2)), (4, (0.1, 0.7, 0.1, 0.1))}
"""Mixes of `preset` with its default noise, by number of classes and proportions, whose second modality has nothing
unique: U2 is below 1e-4 nats by BROJA on 32 cells of each modality's posterior (gap at most 1e-7 nats; the cells lose
at most 0.002 nats of information). `benchmarks/truth.py` computes them."""


def truth_of_like_margins(information: tuple[jax.Array, jax.Array, jax.Array]) -> Interactions:
    """R, U1, U2, S where p(x1|y) and p(x2|y) are alike: no modality is unique, whatever the coupling of the two.

    With ``a = log p(y|x1) / 2`` and ``b = log p(y|x2) / 2``, the dual of the union information is feasible by the
    Cauchy-Schwarz inequality and attains I1 = I2. No union information is smaller, and two copies attain it.

    Args:
        information: Exact ``i1, i2, i12`` of samples ``[n]``, in nats.

    Returns:
        Scalars, in nats.
    """
    information1, information2, information12 = (i.mean() for i in information)
    # I1 and I2 are equal; their mean over these samples is the better estimate of both.
    shared = (information1 + information2) / 2
    zero = jnp.zeros_like(shared)
    return Interactions(shared, zero, zero, information12 - shared)


def truth_of_mix(
    num_classes: int,
    proportions: tuple[float, float, float, float],
    information: tuple[jax.Array, jax.Array, jax.Array],
) -> Interactions | None:
    """R, U1, U2, S of a mix of `preset` with its default noise.

    Args:
        num_classes: Number of classes K.
        proportions: Probability of each type of sample.
        information: Exact ``i1, i2, i12`` of samples ``[n]``, in nats.

    Returns:
        Scalars, in nats; None for a mix that is neither symmetric nor tabulated.
    """
    shared, unique1, unique2, synergy = proportions
    if unique1 == unique2:
        return truth_of_like_margins(information)
    means = [i.mean() for i in information]
    if (num_classes, proportions) in DOMINATED:
        return from_redundancy(means[1], *means)
    if (num_classes, (shared, unique2, unique1, synergy)) in DOMINATED:
        return from_redundancy(means[0], *means)
    return None
