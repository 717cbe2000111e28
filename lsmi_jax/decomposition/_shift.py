"""The paper's data-set-level shift, which makes the smallest mean part zero."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.decomposition._arrays import average, finite_rows
from lsmi_jax.decomposition._quantities import Interactions, check_interactions

__all__ = ["SHIFT_SIGNS", "adjust", "adjustment", "set_to_zero"]

SHIFT_SIGNS = (1.0, -1.0, -1.0, 1.0)  # of the constant in r, u1, u2, s, which leave i1, i2 and i12 as they are


def adjust(interactions: Interactions, weights: jax.Array | None = None) -> Interactions:
    """The paper's data-set-level shift: one constant that makes the smallest mean part zero.

    With means R, U1, U2, S: c = -min(R, S) if R or S is negative, else c = min(U1, U2) if U1 or U2 is,
    else 0; then r + c, u1 - c, u2 - c, s + c for every sample. It preserves i1, i2 and i12. The numbers in
    the tables of Yang et al. (2025) are means after this shift. Means are over the samples whose parts are finite.

    Args:
        interactions: Raw interactions of a data set, ``[n]`` each, in nats.
        weights: Weight of each sample in the means ``[n]``; None for equal weights.

    Returns:
        Shifted interactions ``[n]`` in nats.

    Raises:
        TypeError: If the argument has the wrong type.
    """
    is_finite = finite_rows(*check_interactions(interactions))
    counted = jnp.where(is_finite, 1.0 if weights is None else weights, 0.0)
    means = Interactions(*(average(part, counted) for part in interactions))
    shift = adjustment(means)
    return Interactions(*(part + sign * shift for part, sign in zip(interactions, SHIFT_SIGNS, strict=True)))


def adjustment(means: Interactions) -> jax.Array:
    """The constant c of `adjust`.

    Args:
        means: Mean parts R, U1, U2, S, in nats.

    Returns:
        What is added to r and s, and subtracted from u1 and u2, in nats.
    """
    # Raise R and S until neither is negative; otherwise lower them until neither U is.
    least_common = jnp.minimum(means.redundancy, means.synergy)
    least_unique = jnp.minimum(means.unique1, means.unique2)
    return jnp.where(least_common < 0, -least_common, jnp.minimum(least_unique, 0))


def set_to_zero(means: Interactions, shift: ArrayLike) -> Interactions:
    """Which mean part the shift of `adjust` makes exactly zero, so that its value is not an estimate.

    Args:
        means: Mean parts R, U1, U2, S of a data set, raw or shifted, in nats.
        shift: The constant c of `adjustment`.

    Returns:
        Booleans of the shape of the means; two are true where both minima agree, and none where c is zero.
    """
    # A positive c raises the smaller of R and S to zero, a negative one the smaller of U1 and U2.
    r, u1, u2, s = means
    raised, lowered = jnp.asarray(shift) > 0, jnp.asarray(shift) < 0
    return Interactions(raised & (r <= s), lowered & (u1 <= u2), lowered & (u2 <= u1), raised & (s <= r))
