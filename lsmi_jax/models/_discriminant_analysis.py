"""Linear discriminant analysis with a shrunk covariance, in closed form."""

import jax
import jax.numpy as jnp

from lsmi_jax.decomposition import effective_size
from lsmi_jax.models._linear_algebra import product, solve

__all__ = ["LEAST_LOG_PRIOR", "fit_discriminant"]

RIDGE = 1e-6  # keeps float32 round-off from separating collinear columns
LEAST_LOG_PRIOR = -50.0  # of a class without rows, in nats


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
    size = weights.sum()
    is_class = jax.nn.one_hot(labels, num_classes) * weights[:, None]
    counts = is_class.sum(0)
    means = (is_class.T @ rows) / jnp.where(counts > 0, counts, 1)[:, None]
    centered = (rows - means[labels]) * jnp.sqrt(weights)[:, None]
    # The smaller of the two Gram matrices has the same eigenvalues.
    is_wide = rows.shape[1] > rows.shape[0]
    gram = product(centered, centered.T) if is_wide else product(centered.T, centered)
    shrinkage, variance = _ledoit_wolf(centered, gram, weights)
    # Logits are linear: x^T C^-1 m - m^T C^-1 m / 2 + log p(y).
    ridge, weight = shrinkage * variance + RIDGE, (1 - shrinkage) / size
    shrunk = weight * gram + ridge * jnp.eye(len(gram))
    if is_wide:  # Woodbury's identity
        inner = solve(shrunk, product(centered, means.T))
        kernel = (means.T - weight * product(centered.T, inner)) / ridge
    else:
        kernel = solve(shrunk, means.T)
    log_prior = jnp.maximum(jnp.log(counts / size), LEAST_LOG_PRIOR)
    return kernel, log_prior - 0.5 * (means.T * kernel).sum(0)


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
