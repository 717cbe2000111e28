"""Linear discriminant analysis with a shrunk covariance, in closed form."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lsmi_jax.decomposition import average, effective_size
from lsmi_jax.models._linear_algebra import product, solve

__all__ = ["LEAST_LOG_PRIOR", "fit_discriminant", "leave_one_out"]

RIDGE = 1e-6  # keeps float32 round-off from separating collinear columns
LEAST_REST = 1e-3  # of a class or of a direction without one row; less counts as nothing
LEAST_LOG_PRIOR = -50.0  # of a class without rows, in nats


class _Pooled(NamedTuple):
    """Classes with a common covariance ``C = weight * centered^T centered + ridge``.

    Attributes:
        counts: Rows of each class ``[K]``, by weight.
        means: Means of the classes ``[K, d]``.
        centered: Rows without their class mean, times the roots of their weights ``[n, d]``.
        gram: The smaller of the products ``centered^T centered`` and ``centered centered^T``.
        weight: Weight of the product in C.
        ridge: What is added to its diagonal.
        is_wide: Whether there are more columns than rows.
    """

    counts: jax.Array
    means: jax.Array
    centered: jax.Array
    gram: jax.Array
    weight: jax.Array
    ridge: jax.Array
    is_wide: bool

    @property
    def shrunk(self) -> jax.Array:
        """The smaller of ``C`` and ``weight * centered centered^T + ridge``."""
        return self.weight * self.gram + self.ridge * jnp.eye(len(self.gram))

    def solve(self, columns: jax.Array) -> jax.Array:
        """``C^-1`` times columns ``[d, m]``."""
        if not self.is_wide:
            return solve(self.shrunk, columns)
        inner = solve(self.shrunk, product(self.centered, columns))  # Woodbury's identity
        return (columns - self.weight * product(self.centered.T, inner)) / self.ridge

    def norms(self) -> jax.Array:
        """Diagonal ``[n]`` of ``centered C^-1 centered^T``."""
        columns = self.gram if self.is_wide else self.centered.T
        others = jnp.eye(len(self.gram)) if self.is_wide else columns
        return (columns * solve(self.shrunk, others)).sum(0)


def fit_discriminant(
    rows: jax.Array, labels: jax.Array, *, num_classes: int, weights: jax.Array | None = None
) -> tuple[jax.Array, jax.Array]:
    """Linear discriminant analysis with the covariance shrunk as in Ledoit and Wolf (2004).

    Args:
        rows: Standardized rows ``[n, d]``.
        labels: Class labels ``[n]``.
        num_classes: Number of classes K.
        weights: Weight of each row ``[n]``, zero for rows to leave out; None for equal weights.

    Returns:
        Kernel ``[d, K]`` and bias ``[K]`` of the logits, in nats.
    """
    weights = jnp.ones(rows.shape[0]) if weights is None else weights
    pooled = _pool(rows, labels, num_classes, weights)
    # Logits are linear: x^T C^-1 m - m^T C^-1 m / 2 + log p(y).
    kernel = pooled.solve(pooled.means.T)
    return kernel, _log_prior(pooled.counts, weights.sum()) - 0.5 * (pooled.means.T * kernel).sum(0)


def leave_one_out(
    rows: jax.Array, labels: jax.Array, *, num_classes: int, weights: jax.Array | None = None
) -> jax.Array:
    """Logits of each row under the analysis of all other rows, by the formula of Sherman and Morrison (1950).

    Shrinkage and prior are those of all rows. Without one of its rows, the mean of a class is noisier than those of the
    other classes, which makes its logit smaller on average. This is corrected for.

    Args:
        rows: Standardized rows ``[n, d]``.
        labels: Class labels ``[n]``.
        num_classes: Number of classes K.
        weights: Weight of each row ``[n]``; None for equal weights.

    Returns:
        Logits ``[n, K]``, in nats.
    """
    weights = jnp.ones(rows.shape[0]) if weights is None else weights
    pooled = _pool(rows, labels, num_classes, weights)
    kernel = pooled.solve(pooled.means.T)
    inner = product(pooled.means, kernel)
    # Without row i of class k, with c = x_i - m_k: m_k becomes m_k - shift c, and C becomes C - lost c c^T.
    count = pooled.counts[labels]
    is_left = count - weights > LEAST_REST
    shift = jnp.where(is_left, weights / jnp.where(is_left, count - weights, 1), 0)
    lost = jnp.where(is_left, pooled.weight * weights * (1 + shift), 0)
    norms = pooled.norms() / jnp.where(weights > 0, weights, 1)  # c^T C^-1 c
    remaining = jnp.maximum(1 - lost * norms, LEAST_REST)
    # With D the new C: D^-1 = C^-1 + lost C^-1 c c^T C^-1 / remaining, and D^-1 c = C^-1 c / remaining.
    along = product(rows, kernel) - inner[labels]  # c^T C^-1 m_j
    of_own = jnp.take_along_axis(along, labels[:, None], axis=1)[:, 0]
    rate, pull = lost / remaining, norms + of_own  # x^T C^-1 c
    logits = inner[labels] + along + (rate * pull)[:, None] * along  # x^T D^-1 m_j
    logits -= 0.5 * (jnp.diagonal(inner)[None] + rate[:, None] * along**2)  # m_j^T D^-1 m_j
    moved = -shift * (pull - of_own + 0.5 * shift * norms) / remaining
    # The mean of r rows has an expected norm that is larger by tr(D^-1 C) / r: the difference of r - 1 and r rows.
    trace = average((1 + shift) * norms / remaining, weights)
    moved += 0.5 * trace * shift / jnp.where(is_left, count, 1)
    moved += jnp.where(is_left, 0, LEAST_LOG_PRIOR)  # no row tells of the class
    is_own = jax.nn.one_hot(labels, num_classes)
    return logits + moved[:, None] * is_own + _log_prior(pooled.counts, weights.sum())[None]


def _pool(rows: jax.Array, labels: jax.Array, num_classes: int, weights: jax.Array) -> _Pooled:
    """Means of the classes, and their common covariance, shrunk as in Ledoit and Wolf (2004)."""
    is_class = jax.nn.one_hot(labels, num_classes) * weights[:, None]
    counts = is_class.sum(0)
    means = (is_class.T @ rows) / jnp.where(counts > 0, counts, 1)[:, None]
    centered = (rows - means[labels]) * jnp.sqrt(weights)[:, None]
    # The smaller of the two Gram matrices has the same eigenvalues.
    is_wide = rows.shape[1] > rows.shape[0]
    gram = product(centered, centered.T) if is_wide else product(centered.T, centered)
    shrinkage, variance = _ledoit_wolf(centered, gram, weights)
    ridge, weight = shrinkage * variance + RIDGE, (1 - shrinkage) / weights.sum()
    return _Pooled(counts, means, centered, gram, weight, ridge, is_wide)


def _log_prior(counts: jax.Array, size: jax.Array) -> jax.Array:
    """Log-frequency of each class, in nats."""
    return jnp.maximum(jnp.log(counts / size), LEAST_LOG_PRIOR)


def _ledoit_wolf(centered: jax.Array, gram: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Optimal shrinkage of the covariance toward a multiple of the identity, and that multiple.

    Rows are centered and multiplied by the roots of their weights.
    """
    size = weights.sum()
    dim = (centered != 0).any(0).sum().astype(jnp.float32)  # constant columns do not count
    # With S the covariance: the error of S in squared norm, divided by its distance from the mean variance.
    mean_square = (gram**2).sum() / size**2  # squared Frobenius norm of S
    variance = (centered**2).sum() / (size * jnp.maximum(dim, 1))
    distance = mean_square - dim * variance**2
    fourth_powers = (centered**2).sum(1) ** 2 / jnp.where(weights > 0, weights, 1)
    error = (fourth_powers.sum() / size - mean_square) / effective_size(weights, len(weights))
    return jnp.clip(error / jnp.maximum(distance, jnp.finfo(jnp.float32).tiny), 0, 1), variance
