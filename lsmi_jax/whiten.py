"""An affine map of the columns that makes what follows blind to their units and, given rows enough, to rotation."""

import jax
import jax.numpy as jnp
from flax import nnx

from lsmi_jax.standardize import Standardize, Statistic

__all__ = ["Whiten"]

MAX_COLUMNS = 256  # beyond, a matrix product a row costs more than all that follows
NEEDED_ROWS = 20  # rows a column, below which correlations are not trusted at all
_RIDGE = 1e-6  # keeps collinear columns from being told apart by float32 round-off


class Whiten(nnx.Module):
    """Uncorrelated columns of unit spread; a constant column becomes zero.

    The correlations are shrunk towards none by ``(20 d / n)^4``: hardly at all with two hundred rows a
    column, and with twenty, columns are only standardised. Whitening fully with few rows inflates directions
    that carry noise.
    """

    def __init__(self, features: jax.Array, *, decorrelate: bool = True):
        """Measures means, spreads and correlations.

        Args:
            features: Rows ``[n, d]``.
            decorrelate: Whether correlations are removed at all.
        """
        self.standardize = Standardize(features)
        is_known = decorrelate and features.shape[1] <= MAX_COLUMNS
        self.matrix = Statistic(self._from_correlations(features)) if is_known else None

    def __call__(self, features: jax.Array) -> jax.Array:
        """Whitened features, ``[n, d]`` in float32."""
        rows = self.standardize(features)
        return rows if self.matrix is None else rows @ self.matrix[...]

    def varies(self) -> jax.Array:
        """Which columns are not constant, ``[d]``."""
        return self.standardize.scale[...] > 0

    def log_volume(self) -> jax.Array:
        """Log of the volume that becomes a unit cube, of the columns that are not constant; a scalar."""
        scale, varies = self.standardize.scale[...], self.varies()
        log_volume = jnp.log(jnp.where(varies, scale, 1)).sum()
        if self.matrix is None:
            return log_volume
        return log_volume - jnp.log(jnp.where(varies, jnp.diagonal(self.matrix[...]), 1)).sum()

    def _from_correlations(self, features: jax.Array) -> jax.Array:
        size, dim = features.shape
        rows = self.standardize(features)
        num_columns = self.varies().sum().astype(jnp.float32)
        shrinkage = jnp.minimum(1, NEEDED_ROWS * num_columns / size) ** 4
        correlation = jnp.matmul(rows.T, rows, precision="highest") / size
        ridge = (shrinkage + _RIDGE) * jnp.eye(dim)
        factor = jnp.linalg.cholesky((1 - shrinkage) * correlation + ridge)
        return jax.scipy.linalg.solve_triangular(factor, jnp.eye(dim), lower=True).T
