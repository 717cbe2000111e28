"""KNIFE: a mixture of Gaussians whose parameters are all learned, for the surprisal of features."""

import math

import jax
import jax.numpy as jnp
from flax import nnx
from jax.scipy.special import logsumexp

from lsmi_jax.chunks import in_chunks
from lsmi_jax.folds import spread_rows
from lsmi_jax.whiten import Whiten

__all__ = ["Knife", "check_mixture"]

# Beyond so many columns squared distances come from matrix products, much faster, whose round-off a very narrow
# kernel would magnify.
MAX_DIRECT = 32
MIN_KERNEL_BY_PRODUCTS = 1e-2
CHUNK_SIZE = 2**22  # numbers: the distances of as many rows at a time to all means


class Knife(nnx.Module):
    """Kernelised neural density: a mixture of Gaussians with learned means, weights and precisions.

    The entropy estimator of Pichler et al., "A differential entropy estimator for training neural
    networks" (ICML 2022), behind Eq. 7. Each precision is ``A^T A``, with ``A`` a unit lower triangle
    times a diagonal of scales. Columns are whitened first (and the density corrected for it), so that a
    diagonal precision also follows correlations; a constant column has no density and is left out. No
    kernel is narrower than `MIN_KERNEL` standard deviations of a whitened column (ten times that beyond 32
    columns), so that densities stay bounded on ties and duplicates.

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
        *,
        num_components: int = 16,
        covariance: str | int = "diagonal",
        decorrelate: bool = True,
    ):
        """Initialises from data: means are samples, kernel widths follow the spread and the count.

        Args:
            key: Random key.
            features: Rows to start from, ``[n, d]``.
            num_components: Number of Gaussians C; may exceed n.
            covariance: ``"full"``, ``"diagonal"``, or the rank of what is added to a diagonal precision.
            decorrelate: Whether columns are whitened, or only standardised.

        Raises:
            ValueError: If ``features`` are not ``[n, d]`` with n, d >= 1, or an option is out of range.
        """
        check_mixture(num_components, covariance)
        if features.ndim != 2 or 0 in features.shape:
            raise ValueError(f"features: expected shape [n, d] with n, d >= 1, got {features.shape}")
        size, dim = features.shape
        self.whiten = Whiten(features, decorrelate=decorrelate)
        self.means = nnx.Param(self.whiten(features[spread_rows(key, size, num_components)]))
        self.log_weights = nnx.Param(jnp.zeros(num_components))
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
        features = jnp.asarray(features)
        if features.shape[-1:] != self.means.shape[-1:]:
            raise ValueError(f"features: expected [..., {self.means.shape[-1]}], got shape {features.shape}")
        rows = self.whiten(features.reshape(-1, features.shape[-1]))
        return self.whitened_log_prob(rows).reshape(features.shape[:-1])

    def whitened_log_prob(self, rows: jax.Array) -> jax.Array:
        """The same of rows that are whitened already.

        Args:
            rows: Whitened rows ``[n, d]``.

        Returns:
            Log-density ``[n]`` in nats, float32, in the units of the features.
        """
        num_columns = self.whiten.varies().sum().astype(jnp.float32)
        normaliser = self.whiten.log_volume() + 0.5 * math.log(2 * math.pi) * num_columns
        log_weights = jax.nn.log_softmax(self.log_weights[...])[None]

        def log_mixture(rows: jax.Array) -> jax.Array:
            return logsumexp(self._log_kernels(rows) + log_weights, axis=-1)

        return in_chunks(log_mixture, rows, max(1, CHUNK_SIZE // self.means.size)) - normaliser

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
        varies = self.whiten.varies().astype(jnp.float32)
        by_products = self.covariance == "diagonal" and rows.shape[1] > MAX_DIRECT
        cap = -math.log(MIN_KERNEL_BY_PRODUCTS if by_products else self.MIN_KERNEL)
        log_scales = (cap - jax.nn.softplus(cap - self.log_scales[...])) * varies[None]
        scales, means = jnp.exp(log_scales), self.means[...]
        log_det = log_scales.sum(-1)
        if self.covariance == "full":
            # One matrix product for all components: (I + T) diag(scales) x, less its value at the mean.
            triangles = jnp.eye(rows.shape[1])[None] + jnp.tril(self.factors[...], -1)
            maps = triangles * scales[:, None, :]
            centres = jnp.einsum("ced,cd->ce", maps, means)
            mapped = (rows @ maps.reshape(-1, rows.shape[1]).T).reshape(-1, *centres.shape)
            return log_det[None] - 0.5 * ((mapped - centres[None]) ** 2).sum(-1)
        if by_products:
            precisions = scales**2
            products = rows**2 @ precisions.T - 2 * rows @ (precisions * means).T
            return log_det[None] - 0.5 * (products + (precisions * means**2).sum(-1)[None])
        scaled = (rows[:, None] - means[None]) * scales[None]
        squared = (scaled**2).sum(-1)
        if self.covariance != "diagonal":
            factors = self.factors[...]
            squared += (jnp.einsum("ncd,cdr->ncr", scaled, factors) ** 2).sum(-1)
            gram = jnp.einsum("cdr,cds->crs", factors, factors)
            log_det += 0.5 * jnp.linalg.slogdet(jnp.eye(gram.shape[-1])[None] + gram)[1]
        return log_det[None] - 0.5 * squared


def check_mixture(num_components: int, covariance: str | int) -> None:
    """Checks the options of a `Knife`.

    Args:
        num_components: Number of Gaussians.
        covariance: Kind of covariance.

    Raises:
        ValueError: If one is out of range.
    """
    if num_components < 1:
        raise ValueError(f"num_components: expected at least 1, got {num_components}")
    is_rank = isinstance(covariance, int) and not isinstance(covariance, bool) and covariance >= 1
    if covariance not in ("full", "diagonal") and not is_rank:
        raise ValueError(f'covariance: expected "full", "diagonal" or a positive rank, got {covariance!r}')
