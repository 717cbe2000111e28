"""What both modalities together add for one sample, and which of seven kinds the sample is."""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.decomposition._arrays import check_floats, check_positive

__all__ = ["KINDS", "THRESHOLD", "gain", "kind"]

KINDS = ("both know", "only x1", "only x2", "only together", "x1 misleads", "x2 misleads", "none knows")
"""Names of the kinds of samples, in the order of the codes of `kind`."""

THRESHOLD = math.log(2) / 2
"""Half a bit, in nats. XOR, the smallest pure synergy of equally likely classes, gains twice as much."""


def gain(i1: ArrayLike, i2: ArrayLike, i12: ArrayLike) -> jax.Array:
    """Information that both modalities together have beyond the better single one: ``i12 - max(i1, i2)``.

    In terms of the parts, under any redundancy, it is ``s + min(u1, u2)``. It is negative where the joint model
    does worse than the better single one.

    Args:
        i1: Pointwise information of the first modality about the label, in nats.
        i2: Pointwise information of the second modality, in nats.
        i12: Pointwise information of both modalities together, in nats.

    Returns:
        Gain of the common shape, in nats.

    Raises:
        TypeError: If an array is not of floats.
        ValueError: If the shapes differ.

    Examples:
        >>> print(gain(jnp.array([0.0, 0.5]), jnp.array([0.25, 0.0]), jnp.array([1.0, 0.25])))
        [ 0.75 -0.25]
    """
    first, second, both = check_floats(i1=i1, i2=i2, i12=i12)
    return both - jnp.maximum(first, second)


def kind(i1: ArrayLike, i2: ArrayLike, i12: ArrayLike, *, threshold: float = THRESHOLD) -> jax.Array:
    """Kind of each sample: which modality knows its label, and which one misleads.

    A modality *knows* the label if ``i >= threshold``, *misleads* if ``i <= -threshold``, and is silent in between.
    With the threshold t, every sample is of exactly one kind:

    | code | kind | i1 | i2 | both |
    |---|---|---|---|---|
    | 0 | both know | knows | knows | |
    | 1 | only x1 | knows | silent | |
    | 2 | only x2 | silent | knows | |
    | 3 | only together | silent or misleads | silent or misleads | ``i12 >= t`` and ``gain >= t`` |
    | 4 | x1 misleads | misleads | silent or knows | not 3 |
    | 5 | x2 misleads | silent or knows | misleads | not 3 |
    | 6 | none knows | silent | silent | not 3 |
    | 6 | none knows | misleads | misleads | not 3 |

    So "only together" never contains a sample that one modality knows, and it takes precedence over "misleads": two
    modalities that mislead alone may know together. If both mislead and do not know together, the kind is "none
    knows"; the label may then be wrong. Swapping the modalities swaps 1 with 2 and 4 with 5. A NaN neither knows nor
    misleads.

    The information must be calibrated, as that of `lsmi_jax.estimate` is: overconfident discriminators exceed any
    threshold. The default of half a bit asks for evidence that makes the label 1.41 times as likely as its frequency,
    or 1.41 times less likely for "misleads". It is half of the gain of an XOR, the smallest pure synergy of
    equally likely classes.

    Args:
        i1: Pointwise information of the first modality about the label, in nats.
        i2: Pointwise information of the second modality, in nats.
        i12: Pointwise information of both modalities together, in nats.
        threshold: Threshold t in nats, positive; half a bit by default.

    Returns:
        Codes of the common shape, integers that index `lsmi_jax.KINDS`.

    Raises:
        TypeError: If an array is not of floats.
        ValueError: If the shapes differ, or the threshold is not positive.

    Examples:
        >>> i1, i2, i12 = jnp.array([0.6, 0.0, -1.0]), jnp.array([0.1, 0.0, 0.5]), jnp.array([0.6, 0.6, 0.5])
        >>> [KINDS[code] for code in kind(i1, i2, i12)]
        ['only x1', 'only together', 'x1 misleads']
    """
    check_positive("threshold", threshold)
    first, second, both = check_floats(i1=i1, i2=i2, i12=i12)
    knows1, knows2 = first >= threshold, second >= threshold
    misleads1, misleads2 = first <= -threshold, second <= -threshold
    known_together = (both >= threshold) & (gain(first, second, both) >= threshold)
    # One condition per kind except the last, in the order of KINDS; the first that holds decides.
    conditions = (
        knows1 & knows2,
        knows1 & ~misleads2,
        knows2 & ~misleads1,
        ~knows1 & ~knows2 & known_together,
        misleads1 & ~misleads2,
        misleads2 & ~misleads1,
    )
    codes: ArrayLike = len(conditions)
    for code, holds in reversed(list(enumerate(conditions))):
        codes = jnp.where(holds, code, codes)
    return jnp.asarray(codes, jnp.int32)
