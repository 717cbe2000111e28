"""From the interactions of a sample to how much of its information each prediction carries."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lsmi_jax.decomposition import Interactions
from lsmi_jax.precision import widen

__all__ = ["Shares", "shares"]


class Shares(NamedTuple):
    """Shares of a sample's information, ``[n]`` each; not negative, and they sum to one.

    Attributes:
        first: What the first modality says by itself.
        second: What the second modality says by itself.
        joint: What only both together say.
    """

    first: jax.Array
    second: jax.Array
    joint: jax.Array


def shares(interactions: Interactions) -> Shares:
    """Shares of the first modality, the second, and both together, by the relative size of the interactions.

    A modality says its own unique part and half of the redundancy, which the other says as well; synergy is
    said by both together. A part below zero misleads about the label and counts as none. Where no part is
    above zero, there is nothing to prefer, and the shares are equal.

    Args:
        interactions: Interactions ``[n]`` in nats, finite.

    Returns:
        `Shares` ``[n]``, float32 or wider.

    Examples:
        >>> parts = Interactions(*(jnp.array([x]) for x in (1.0, 0.5, -0.2, 0.5)))
        >>> print(*shares(parts))
        [0.5] [0.25] [0.25]
    """
    r, u1, u2, s = (jnp.maximum(widen(jnp.asarray(part)), 0) for part in interactions)
    sizes = jnp.stack([r / 2 + u1, r / 2 + u2, s])
    total = sizes.sum(0, keepdims=True)
    known = total >= jnp.finfo(total.dtype).tiny
    return Shares(*jnp.where(known, sizes / jnp.where(known, total, 1), 1 / 3))
