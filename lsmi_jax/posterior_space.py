"""The space of class posteriors, where densities of both modalities can be compared."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.information import log_ratio_coordinates, with_doubt
from lsmi_jax.precision import widen

__all__ = ["blur", "posterior_coordinates"]

# The density of a posterior should not turn on how far beyond doubt a discriminator is, nor on differences
# that say nothing: a tenth of each posterior is spread over the classes, and it is seen through Gaussian
# noise of two nats. Both were chosen on benchmarks/accuracy.py (docs/choosing.md).
DOUBT = 0.1
RESOLUTION = 2.0


def posterior_coordinates(logits: ArrayLike) -> jax.Array:
    """Where the posterior lies, with a little doubt: finite whatever the logits.

    Args:
        logits: Unnormalised log p(y|x), ``[..., K]``, in nats.

    Returns:
        Coordinates ``[..., K - 1]`` in nats.
    """
    return log_ratio_coordinates(with_doubt(jax.nn.log_softmax(widen(jnp.asarray(logits))), DOUBT))


def blur(key: jax.Array, coordinates: jax.Array) -> jax.Array:
    """What a density is fitted on: coordinates seen with a resolution of two nats.

    Args:
        key: Random key.
        coordinates: Coordinates ``[n, K - 1]`` in nats.

    Returns:
        Noisy coordinates ``[n, K - 1]`` in nats.
    """
    return coordinates + RESOLUTION * jax.random.normal(key, coordinates.shape)
