"""Shares of a sample's information that each prediction carries."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lsmi_jax.decomposition import Interactions, check_interactions, widen

__all__ = ["Shares", "shares"]


class Shares(NamedTuple):
    """Shares of a sample's information, each ``[n]``, nonnegative, with sum one.

    Attributes:
        first: Share carried by the first modality alone.
        second: Share carried by the second modality alone.
        joint: Share carried only by both modalities together.
    """

    first: jax.Array
    second: jax.Array
    joint: jax.Array


def shares(interactions: Interactions) -> Shares:
    """Converts interactions to shares of the first modality, the second, and both together.

    Each modality gets its unique part and half of the redundancy; both together get the synergy. A negative part
    is misinformation and counts as zero. If no part is positive, the three shares are equal.

    Args:
        interactions: Interactions ``[n]`` in nats, finite.

    Returns:
        `Shares` ``[n]``, float32 or wider.

    Raises:
        TypeError: If ``interactions`` have the wrong type.

    Examples:
        >>> parts = Interactions(*(jnp.array([x]) for x in (1.0, 0.5, -0.2, 0.5)))
        >>> print(*shares(parts))
        [0.5] [0.25] [0.25]
    """
    r, u1, u2, s = (jnp.maximum(widen(jnp.asarray(part)), 0) for part in check_interactions(interactions))
    sizes = jnp.stack([r / 2 + u1, r / 2 + u2, s])
    total = sizes.sum(0, keepdims=True)
    # Below the smallest normal number a quotient is inaccurate, so such a total counts as zero.
    positive = total >= jnp.finfo(total.dtype).tiny
    return Shares(*jnp.where(positive, sizes / jnp.where(positive, total, 1), 1 / 3))
