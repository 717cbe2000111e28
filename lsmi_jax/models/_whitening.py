"""Standardizing and whitening of columns, with statistics that a model keeps next to its parameters."""

import jax
import jax.numpy as jnp
from flax import nnx

from lsmi_jax.decomposition import average, effective_size, expand_like
from lsmi_jax.inputs import MANY_COLUMNS
from lsmi_jax.models._linear_algebra import inverse_cholesky, second_moment, solve

__all__ = ["Standardize", "Statistic", "Whiten"]

ROUND_OFF = 1e-6  # a spread below this fraction of a column's magnitude is float32 round-off: the column is constant
ROWS_PER_COLUMN = 20  # with fewer rows per column, correlations are not used at all
RIDGE = 1e-6  # keeps float32 round-off from separating collinear columns


class Statistic(nnx.Variable):
    """A value measured on data once: stored with a module, never trained."""


class Standardize(nnx.Module):
    """Shifts and scales every column; a constant column becomes zero."""

    def __init__(self, features: jax.Array, weights: jax.Array | None = None):
        """Measures mean and standard deviation.

        Args:
            features: Rows ``[n, d]``.
            weights: Weight of each row ``[n]``; None for equal weights.
        """
        features = features.astype(jnp.float32)
        # Constant columns get scale zero, which maps them to zero.
        mean = average(features, weights)
        spread = jnp.sqrt(average((features - mean[None]) ** 2, weights))
        self.mean = Statistic(mean)
        self.scale = Statistic(jnp.where(spread > ROUND_OFF * jnp.abs(mean), spread, 0.0))

    def __call__(self, features: jax.Array) -> jax.Array:
        """Standardized features, ``[..., d]`` in float32."""
        scale = self.scale[...]
        inverse = jnp.where(scale > 0, 1 / jnp.where(scale > 0, scale, 1), 0)
        shifted = features.astype(jnp.float32) - expand_like(self.mean[...], features)
        return shifted * expand_like(inverse, features)


class Whiten(nnx.Module):
    """Maps columns to uncorrelated columns of unit variance; a constant column becomes zero.

    The map makes everything that follows independent of units and, given enough rows, of rotations. Correlations
    are shrunk toward zero by ``(20 d / n)^4``: hardly at all with two hundred rows per column, completely with
    twenty. Full whitening with few rows would inflate directions that carry noise.
    """

    def __init__(self, features: jax.Array, weights: jax.Array | None = None):
        """Measures means, spreads and correlations.

        Args:
            features: Rows ``[n, d]``.
            weights: Weight of each row ``[n]``; None for equal weights.
        """
        self.standardize = Standardize(features, weights)
        # With more, the matrix product per row would cost more than everything that follows.
        few_columns = features.shape[1] <= MANY_COLUMNS
        self.matrix = Statistic(self._decorrelation(features, weights)) if few_columns else None

    def __call__(self, features: jax.Array) -> jax.Array:
        """Whitened features, ``[n, d]`` in float32."""
        rows = self.standardize(features)
        return rows if self.matrix is None else rows @ self.matrix[...]

    def of_whitened(self, kernel: jax.Array, bias: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Converts a linear map on features to a kernel ``[d, K]`` and bias ``[K]`` on whitened features."""
        bias = bias + self.standardize.mean[...] @ kernel
        kernel = self.standardize.scale[...][:, None] * kernel
        return (kernel if self.matrix is None else solve(self.matrix[...], kernel)), bias

    def varies(self) -> jax.Array:
        """Which columns are not constant, ``[d]``."""
        return self.standardize.scale[...] > 0

    def log_volume(self) -> jax.Array:
        """Log-volume of the parallelepiped that maps to a unit cube, over the columns that are not constant."""
        scale, varies = self.standardize.scale[...], self.varies()
        # Minus the log-determinant of the map: scales, and the diagonal of the triangular matrix.
        log_volume = jnp.log(jnp.where(varies, scale, 1)).sum()
        if self.matrix is None:
            return log_volume
        return log_volume - jnp.log(jnp.where(varies, jnp.diagonal(self.matrix[...]), 1)).sum()

    def _decorrelation(self, features: jax.Array, weights: jax.Array | None) -> jax.Array:
        """Inverse Cholesky factor of the shrunk correlation matrix, transposed ``[d, d]``."""
        dim, size = features.shape[1], effective_size(weights, len(features))
        rows = self.standardize(features)
        num_columns = self.varies().sum().astype(jnp.float32)
        # Correlations C shrink to (1 - a) C + a I; with C = L L^T, rows times L^-T are uncorrelated.
        shrinkage = jnp.minimum(1, ROWS_PER_COLUMN * num_columns / size) ** 4
        correlation = second_moment(rows, weights)
        return inverse_cholesky((1 - shrinkage) * correlation + (shrinkage + RIDGE) * jnp.eye(dim)).T
