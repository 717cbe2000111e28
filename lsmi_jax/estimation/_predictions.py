"""What each view of a sample predicts."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

__all__ = ["NO_CLASS", "Predictions", "predictions_of"]

NO_CLASS = -1
"""Predicted class where a view is missing."""


class Predictions(NamedTuple):
    """The most probable class of each sample from the first modality, the second, and both.

    Attributes:
        classes: Three arrays of classes ``[n]``; -1 where a modality is missing.
        probabilities: Their probabilities, three arrays ``[n]``; NaN where a modality is missing.
    """

    classes: tuple[jax.Array, jax.Array, jax.Array]
    probabilities: tuple[jax.Array, jax.Array, jax.Array]


def predictions_of(
    log_posteriors: tuple[jax.Array, ...], has: tuple[jax.Array | None, jax.Array | None, jax.Array | None]
) -> Predictions:
    """Predictions from the mean probabilities over seeds.

    Args:
        log_posteriors: Log-posteriors of the three views by seed ``[m, n, K]``, in nats.
        has: Whether each sample has each view ``[n]``; None if all do.

    Returns:
        `Predictions`.
    """
    found = [_of_view(*view) for view in zip(log_posteriors, has, strict=True)]
    (c1, p1), (c2, p2), (c12, p12) = found
    return Predictions((c1, c2, c12), (p1, p2, p12))


def _of_view(log_posteriors: jax.Array, has: jax.Array | None) -> tuple[jax.Array, jax.Array]:
    """Class and probability ``[n]``."""
    mean = jnp.exp(log_posteriors).mean(0)
    classes, probabilities = mean.argmax(1).astype(jnp.int32), mean.max(1)
    if has is None:
        return classes, probabilities
    return jnp.where(has, classes, NO_CLASS), jnp.where(has, probabilities, jnp.nan)
