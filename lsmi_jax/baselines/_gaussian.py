"""Closed-form decomposition for Gaussian sources and a Gaussian target."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import Interactions, from_redundancy

__all__ = ["gaussian_mmi"]


def gaussian_mmi(covariance: ArrayLike, sizes: tuple[int, int, int]) -> Interactions:
    """Decomposes the information of two Gaussian sources about a Gaussian target, with R = min(I1, I2).

    Barrett, "Exploration of synergistic and redundant information sharing in static and dynamical Gaussian
    systems" (2015), Eq. 21. For a target of one column, every decomposition whose redundancy depends only on the
    two source-target marginals, such as BROJA, equals this one.

    Args:
        covariance: Joint covariance ``[d, d]`` of first source, second source and target, in that order.
        sizes: Number of columns of each; their sum is d.

    Returns:
        `Interactions` of scalars: R, U1, U2, S in nats.

    Raises:
        ValueError: If the shapes do not match, or the matrix is not a covariance of full rank (not checked under
            ``jit``).

    Examples:
        >>> covariance = jnp.array([[1, 0, 0.5], [0, 1, 0.5], [0.5, 0.5, 1]])
        >>> print(f"{gaussian_mmi(covariance, (1, 1, 1)).synergy:.4f}")
        0.2027
    """
    covariance = jnp.asarray(covariance)
    if len(sizes) != 3 or min(sizes) < 1 or covariance.shape != (sum(sizes), sum(sizes)):
        raise ValueError(f"covariance: expected [d, d] with d the sum of sizes={sizes}, got {covariance.shape}")
    _check_values(covariance)
    first = range(sizes[0])
    second = range(sizes[0], sizes[0] + sizes[1])
    target = range(sizes[0] + sizes[1], sum(sizes))

    def log_det(*blocks: range) -> jax.Array:
        columns = jnp.array([column for block in blocks for column in block])
        return jnp.linalg.slogdet(covariance[columns[:, None], columns[None]])[1]

    def information(*sources: range) -> jax.Array:
        """I(X; Y) = (log |S_x| + log |S_y| - log |S_xy|) / 2; the constants of the entropies cancel."""
        return 0.5 * (log_det(*sources) + log_det(target) - log_det(*sources, target))

    i1, i2, i12 = information(first), information(second), information(first, second)
    return from_redundancy(jnp.minimum(i1, i2), i1, i2, i12)


def _check_values(covariance: jax.Array) -> None:
    """Raises ValueError unless a matrix, where its values are known, is symmetric and positive definite."""
    if isinstance(covariance, jax.core.Tracer):
        return
    values = np.asarray(covariance, float)
    if not np.isfinite(values).all():
        raise ValueError("covariance: expected finite values, got NaN or inf")
    if not np.allclose(values, values.T, rtol=1e-4, atol=1e-5 * np.abs(values).max()):
        raise ValueError("covariance: expected a symmetric matrix, got an asymmetric one")
    if (least := np.linalg.eigvalsh(values).min()) <= 0:
        raise ValueError(f"covariance: expected positive eigenvalues, got {least:.3g}")
