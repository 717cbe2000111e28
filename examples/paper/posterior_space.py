"""The space of class posteriors, where densities of both modalities are comparable."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import check_floats, log_posterior, smooth_log_posterior

__all__ = ["blur", "log_ratio_coordinates", "posterior_coordinates"]

# The density of a posterior should not depend on over-confidence, nor on differences that carry no information:
# label smoothing of a tenth, and Gaussian noise of two nats. Chosen on benchmarks/accuracy.py (docs/choosing.md).
SMOOTHING = 0.1
NOISE = 2.0


def posterior_coordinates(logits: ArrayLike) -> jax.Array:
    """Log-ratio coordinates of the smoothed posterior; finite for any logits.

    Args:
        logits: Unnormalized log p(y|x), ``[..., K]``, in nats.

    Returns:
        Coordinates ``[..., K - 1]`` in nats.

    Raises:
        TypeError: If the logits are not floats.
        ValueError: If they have no axis of at least two classes.
    """
    return log_ratio_coordinates(smooth_log_posterior(log_posterior(_check(logits)), SMOOTHING))


def blur(key: jax.Array, coordinates: jax.Array) -> jax.Array:
    """Adds the noise that densities of posteriors are fitted with.

    Args:
        key: Random key.
        coordinates: Coordinates ``[n, K - 1]`` in nats.

    Returns:
        Noisy coordinates ``[n, K - 1]`` in nats.
    """
    return coordinates + NOISE * jax.random.normal(key, coordinates.shape)


def log_ratio_coordinates(logits: ArrayLike) -> jax.Array:
    """Isometric log-ratio coordinates of the posterior that the logits define.

    Egozcue et al., "Isometric logratio transformations for compositional data analysis", Mathematical
    Geology 35, 2003. The K - 1 coordinates determine the posterior and are unconstrained, so that a density can
    be fitted to them, whatever the features were.

    Args:
        logits: Unnormalized log p(y|x), ``[..., K]``, in nats, finite.

    Returns:
        Coordinates ``[..., K - 1]`` in nats, float32 or wider.

    Raises:
        TypeError: If the logits are not floats.
        ValueError: If they have no axis of at least two classes.

    Examples:
        >>> print(log_ratio_coordinates(jnp.array([jnp.sqrt(2.0), 0.0])).round(3))
        [1.]
    """
    logits = _check(logits)
    # Project centered logits, which are log-ratios to their geometric mean, on an orthonormal basis.
    basis = jnp.asarray(_helmert(logits.shape[-1]), logits.dtype)
    return (logits - logits.mean(-1, keepdims=True)) @ basis


def _check(logits: ArrayLike) -> jax.Array:
    """Logits ``[..., K]`` in float32 or wider."""
    (checked,) = check_floats(logits=logits)
    if checked.shape[-1:] < (2,):
        raise ValueError(f"logits: expected shape [..., K] of at least 2 classes, got {checked.shape}")
    return checked


def _helmert(num_classes: int) -> np.ndarray:
    """Orthonormal basis ``[K, K-1]`` of the vectors that sum to zero."""
    k = np.arange(1, num_classes)
    basis = np.triu(np.ones((num_classes, num_classes - 1)))
    basis[k, k - 1] = -k
    return basis / np.sqrt(k * (k + 1))
