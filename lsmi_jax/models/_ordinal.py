"""The order of bins: logits that vary smoothly from bin to bin, and regression on the normal score of the target."""

from statistics import NormalDist
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr, ndtri

from lsmi_jax.decomposition import average, effective_size
from lsmi_jax.models._linear_algebra import eigenvectors, product

__all__ = ["Regression", "fit_regression", "smoother_of"]

DEGREE = 5  # of the polynomials
PENALTIES = tuple(10.0**-k for k in range(7))  # over the largest eigenvalue
ROUND_OFF = 1e-6  # of the largest eigenvalue, below which a direction is noise
LEAST_FREEDOM = 1e-3  # share of degrees of freedom that a fit must leave; with less, round-off decides
LEAST_SPREAD = 1e-3  # of what a regression leaves unexplained, in standard deviations of the target
FARTHEST = 12.0  # standard deviations from the mean of a prediction, beyond which tails are cut off
LEAST_PROBABILITY = 1e-30  # of a bin


def smoother_of(num_bins: int) -> np.ndarray:
    """Projection of the logits of ordered bins on polynomials of their normal score.

    A Gaussian target has logits of degree two in it. Fewer directions than bins leave less noise.

    Args:
        num_bins: Number of bins B.

    Returns:
        Matrix ``[B, B]``, float32, to be multiplied from the right.
    """
    scores = np.array([NormalDist().inv_cdf((b + 0.5) / num_bins) for b in range(num_bins)])
    basis, _ = np.linalg.qr(scores[:, None] ** np.arange(min(DEGREE + 1, num_bins)))
    return (basis @ basis.T).astype(np.float32)


class Regression(NamedTuple):
    """Linear regression of the normal score of a target, with Gaussian errors of one spread.

    Attributes:
        kernel: Coefficients ``[d]``.
        bias: Constant.
        spread: Standard deviation of the errors.
        edges: Inner edges of the bins, as normal scores ``[B - 1]``.
    """

    kernel: jax.Array
    bias: jax.Array
    spread: jax.Array
    edges: jax.Array

    def log_posterior(self, rows: jax.Array) -> jax.Array:
        """Log-probability of each bin.

        Args:
            rows: Rows ``[n, d]``.

        Returns:
            Log p(bin|x) ``[n, B]``, in nats.
        """
        mean = rows @ self.kernel + self.bias
        far = jnp.full((len(rows), 1), FARTHEST)
        inner = jnp.clip((self.edges[None] - mean[:, None]) / self.spread, -FARTHEST, FARTHEST)
        low, high = jnp.concatenate([-far, inner], axis=1), jnp.concatenate([inner, far], axis=1)
        # log(Phi(high) - Phi(low)), on the side where both are small.
        is_upper = low + high > 0
        small, large = jnp.where(is_upper, -high, low), jnp.where(is_upper, -low, high)
        width = log_ndtr(small) - log_ndtr(large)
        logits = log_ndtr(large) + jnp.log(jnp.maximum(-jnp.expm1(width), LEAST_PROBABILITY))
        return jax.nn.log_softmax(logits, axis=1)


def fit_regression(rows: jax.Array, ranks: jax.Array, log_prior: jax.Array, weights: jax.Array) -> Regression:
    """Fits the ridge regression of a target, using only its ranks.

    The penalty has the smallest generalized cross-validation error (Golub et al., 1979).

    Args:
        rows: Rows ``[n, d]``.
        ranks: Rank of each row's target ``[n]``, from 0 to 1.
        log_prior: Log-prior of the bins ``[B]``, in nats.
        weights: Weight of each row ``[n]``, zero for rows to leave out.

    Returns:
        A `Regression`.
    """
    scores, root = ndtri(ranks), jnp.sqrt(weights)
    center, middle = average(rows, weights), average(scores, weights)
    centered, deviations = (rows - center[None]) * root[:, None], (scores - middle) * root
    # The smaller of the two Gram matrices has the same eigenvalues.
    is_wide = rows.shape[1] > rows.shape[0]
    gram = product(centered, centered.T) if is_wide else product(centered.T, centered)
    vectors = eigenvectors(gram)
    values = jnp.maximum((vectors * product(gram, vectors)).sum(0), 0)
    largest = jnp.maximum(values.max(), LEAST_SPREAD)
    penalties = jnp.asarray(PENALTIES)[:, None] * largest
    inverses = 1 / (values[None] + penalties)
    along = vectors.T @ (deviations if is_wide else centered.T @ deviations)
    # Squared errors: what no direction explains, and of each direction what its penalty takes away.
    is_known = values > ROUND_OFF * largest
    explained = along**2 if is_wide else jnp.where(is_known, along**2 / jnp.where(is_known, values, 1), 0)
    unexplained = 0.0 if is_wide else jnp.maximum((deviations**2).sum() - explained.sum(), 0)
    errors = unexplained + ((penalties * inverses) ** 2 * explained[None]).sum(1)
    left = 1 - (1 + (values[None] * inverses).sum(1)) / effective_size(weights, len(weights))
    best = jnp.argmin(jnp.where(left > LEAST_FREEDOM, errors / left**2, jnp.inf))
    kernel = vectors @ (along * inverses[best])
    kernel = centered.T @ kernel if is_wide else kernel
    spread = jnp.sqrt(errors[best] / (weights.sum() * jnp.maximum(left[best], LEAST_FREEDOM)))
    edges = ndtri(jnp.cumsum(jnp.exp(log_prior))[:-1])
    return Regression(kernel, middle - center @ kernel, jnp.maximum(spread, LEAST_SPREAD), edges)
