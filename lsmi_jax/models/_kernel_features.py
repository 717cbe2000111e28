"""Features whose inner products approximate a Gaussian kernel."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lsmi_jax.decomposition import average
from lsmi_jax.inputs import evenly_spaced
from lsmi_jax.models._linear_algebra import inverse_cholesky, product

__all__ = ["KernelFeatures", "kernel_features"]

NUM_LANDMARKS = 128
WIDTH = 0.3  # the kernel is exp(-WIDTH |x - z|^2 / total variance)
RIDGE = 1e-4  # keeps the kernel matrix of near-equal landmarks invertible


class KernelFeatures(NamedTuple):
    """Nystroem features (Williams and Seeger, 2001) of a Gaussian kernel.

    Attributes:
        landmarks: Rows ``[m, d]``.
        scale: Factor of the squared distance in the exponent, a scalar.
        matrix: Inverse Cholesky factor of the kernel matrix of the landmarks ``[m, m]``.
    """

    landmarks: jax.Array
    scale: jax.Array
    matrix: jax.Array

    def __call__(self, rows: jax.Array) -> jax.Array:
        """Features ``[n, m]`` of rows ``[n, d]``."""
        return _kernel(self.scale, rows, self.landmarks) @ self.matrix.T


def kernel_features(rows: jax.Array, weights: jax.Array | None = None) -> KernelFeatures:
    """Takes landmarks from rows and measures their spread.

    Args:
        rows: Standardized or whitened rows ``[n, d]``, in random order or sorted by class.
        weights: Weight of each row ``[n]``; None for equal weights.

    Returns:
        `KernelFeatures`.
    """
    count = min(NUM_LANDMARKS, len(rows))
    landmarks = rows[evenly_spaced(len(rows), count, weights)]
    total = average((rows - average(rows, weights)[None]) ** 2, weights).sum()
    scale = WIDTH / jnp.where(total > 0, total, 1)
    matrix = inverse_cholesky(_kernel(scale, landmarks, landmarks) + RIDGE * jnp.eye(count))
    return KernelFeatures(landmarks, scale, matrix)


def _kernel(scale: jax.Array, rows: jax.Array, others: jax.Array) -> jax.Array:
    """Gaussian kernel of all pairs ``[n, m]``."""
    squares = (rows**2).sum(1)[:, None] + (others**2).sum(1)[None] - 2 * product(rows, others.T)
    return jnp.exp(-scale * jnp.maximum(squares, 0))
