"""KNIFE: a mixture of Gaussians with learned parameters, for the surprisal of features."""

import math

import jax
import jax.numpy as jnp
from flax import nnx
from jax.scipy.special import logsumexp

from lsmi_jax.decomposition import as_array, check_mixture
from lsmi_jax.inputs import check_key, spread_rows
from lsmi_jax.models._chunking import in_chunks
from lsmi_jax.models._linear_algebra import log_determinant
from lsmi_jax.models._whitening import Whiten

__all__ = ["Knife"]

# With more columns, squared distances are computed by matrix products: much faster, but a very narrow kernel would
# amplify their round-off.
MAX_DIRECT = 32
MIN_KERNEL_BY_PRODUCTS = 1e-2
CHUNK_SIZE = 2**22  # distances between rows and means in memory at a time


class Knife(nnx.Module):
    """Kernelized neural density: a mixture of Gaussians with learned means, weights and precisions.

    The entropy estimator of Pichler et al., "A differential entropy estimator for training neural
    networks" (ICML 2022), behind Eq. 7. A full precision is ``A^T A``, where ``A`` is a unit lower triangular
    matrix times a diagonal of scales. Columns are whitened first, and the density is corrected for it, so that
    diagonal precisions also follow correlations. A constant column has no density and is left out. The scales of a
    full or diagonal precision are bounded: no kernel is narrower than `MIN_KERNEL` standard deviations of a whitened
    column (diagonal ones of more than 32 columns, ten times that), so that densities stay bounded on ties and
    duplicates.

    Examples:
        >>> key = jax.random.key(0)
        >>> knife = Knife(key, jax.random.normal(key, (100, 2)), num_components=4)
        >>> print(knife.surprisal(jnp.zeros((5, 2))).shape)
        (5,)
    """

    MIN_KERNEL = 1e-3

    def __init__(
        self,
        key: jax.Array,
        features: jax.Array,
        weights: jax.Array | None = None,
        *,
        num_components: int = 16,
        covariance: str | int = "diagonal",
    ):
        """Initializes from data: means are samples, kernel widths follow Scott's rule.

        Args:
            key: Random key.
            features: Rows ``[n, d]``.
            weights: Weight of each row ``[n]``; None for equal weights.
            num_components: Number of Gaussians C; may exceed n.
            covariance: ``"full"``, ``"diagonal"``, or the rank of a matrix that is added to a diagonal precision.

        Raises:
            ValueError: If ``features`` are not ``[n, d]`` with n, d >= 1, or an option is out of range.
        """
        check_mixture(num_components, covariance)
        key = check_key(key)
        features = as_array("features", features)
        if features.ndim != 2 or 0 in features.shape:
            raise ValueError(f"features: expected shape [n, d] with n, d >= 1, got {features.shape}")
        size, dim = features.shape
        self.whiten = Whiten(features, weights)
        self.means = nnx.Param(self.whiten(features[spread_rows(key, size, num_components, weights)]))
        self.log_weights = nnx.Param(jnp.zeros(num_components))
        # Kernels of width C^(-1/(d+4)) on whitened columns.
        width = num_components ** (-1 / (dim + 4))  # Scott's rule
        self.log_scales = nnx.Param(jnp.full((num_components, dim), -math.log(width), jnp.float32))
        if covariance == "full":
            self.factors = nnx.Param(jnp.zeros((num_components, dim, dim)))
        elif covariance != "diagonal":
            shape = (num_components, dim, int(covariance))
            factors = jax.random.normal(jax.random.fold_in(key, 1), shape)
            self.factors = nnx.Param(0.1 / math.sqrt(dim) * factors)
        self.covariance = covariance

    def log_prob(self, features: jax.Array) -> jax.Array:
        """Log-density of each row.

        Args:
            features: Rows ``[..., d]``.

        Returns:
            Log-density ``[...]`` in nats, float32, in the units of ``features``.
        """
        features = as_array("features", features)
        if features.shape[-1:] != self.means.shape[-1:]:
            raise ValueError(f"features: expected [..., {self.means.shape[-1]}], got shape {features.shape}")
        rows = self.whiten(features.reshape(-1, features.shape[-1]))
        return self.whitened_log_prob(rows).reshape(features.shape[:-1])

    def whitened_log_prob(self, rows: jax.Array) -> jax.Array:
        """Log-density of already whitened rows.

        Args:
            rows: Whitened rows ``[n, d]``.

        Returns:
            Log-density ``[n]`` in nats, float32, in the units of the features.
        """
        # Constants of a Gaussian over the columns that vary, and the volume change of the whitening.
        num_columns = self.whiten.varies().sum().astype(jnp.float32)
        normalizer = self.whiten.log_volume() + 0.5 * math.log(2 * math.pi) * num_columns
        log_weights = jax.nn.log_softmax(self.log_weights[...])[None]

        def log_mixture(rows: jax.Array) -> jax.Array:
            return logsumexp(self._log_kernels(rows) + log_weights, axis=-1)

        return in_chunks(log_mixture, rows, max(1, CHUNK_SIZE // self.means.size)) - normalizer

    def surprisal(self, features: jax.Array) -> jax.Array:
        """Surprisal ``h(x) = -log p(x)`` of each row, the ``i+`` of Eq. 4.

        Args:
            features: Rows ``[..., d]``.

        Returns:
            Surprisal ``[...]`` in nats; negative where the density exceeds one.
        """
        return -self.log_prob(features)

    def _log_kernels(self, rows: jax.Array) -> jax.Array:
        """Log-kernel of each component without its constant, [n, C] from whitened rows [n, d]."""
        # A soft upper bound on the log-scales keeps kernels wider than the minimum.
        varies = self.whiten.varies().astype(jnp.float32)
        by_products = self.covariance == "diagonal" and rows.shape[1] > MAX_DIRECT
        cap = -math.log(MIN_KERNEL_BY_PRODUCTS if by_products else self.MIN_KERNEL)
        log_scales = (cap - jax.nn.softplus(cap - self.log_scales[...])) * varies[None]
        scales, means = jnp.exp(log_scales), self.means[...]
        log_det = log_scales.sum(-1)
        if self.covariance == "full":
            # One matrix product for all components: (I + T) diag(scales) x, minus its value at the mean.
            triangles = jnp.eye(rows.shape[1])[None] + jnp.tril(self.factors[...], -1)
            maps = triangles * scales[:, None, :]
            centers = jnp.einsum("ced,cd->ce", maps, means)
            mapped = (rows @ maps.reshape(-1, rows.shape[1]).T).reshape(-1, *centers.shape)
            return log_det[None] - 0.5 * ((mapped - centers[None]) ** 2).sum(-1)
        if by_products:
            # Expanded square: sum_d p x^2 - 2 p x m + p m^2.
            precisions = scales**2
            products = rows**2 @ precisions.T - 2 * rows @ (precisions * means).T
            return log_det[None] - 0.5 * (products + (precisions * means**2).sum(-1)[None])
        # Squared distances to the means, in units of the scales.
        scaled = (rows[:, None] - means[None]) * scales[None]
        squared = (scaled**2).sum(-1)
        if self.covariance != "diagonal":
            # The precision I + F F^T of the scaled rows, with its determinant from the small matrix I + F^T F.
            factors = self.factors[...]
            squared += (jnp.einsum("ncd,cdr->ncr", scaled, factors) ** 2).sum(-1)
            gram = jnp.einsum("cdr,cds->crs", factors, factors)
            log_det += 0.5 * jax.vmap(log_determinant)(jnp.eye(gram.shape[-1])[None] + gram)
        return log_det[None] - 0.5 * squared
