"""Pointwise information about a continuous target, from scores of its bins."""

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jax.typing import ArrayLike

from lsmi_jax.decomposition._arrays import as_array, widen

__all__ = ["target_information"]

PER_BIN = 8  # points of the grid on which densities are normalized


def target_information(log_scores: ArrayLike, positions: ArrayLike, log_prior: ArrayLike) -> jax.Array:
    """Log-ratio of the conditional and the marginal density of a target, ``log p(y|x) - log p(y)``.

    In the rank u of the target, the marginal density is one, and the conditional density at the center of bin b is
    nearly its mean over the bin, p(b|x) / p(b). Its logarithm is interpolated between the centers, and normalized. As
    bins become narrow, this converges to the information about the target itself.

    Args:
        log_scores: Log-scores of the bins ``[n, B]``, such as log p(b|x), in nats.
        positions: Rank of each target ``[n]``, from 0 to 1.
        log_prior: Log p(b) ``[B]``, in nats, of bins in the order of the target.

    Returns:
        ``[n]`` in nats.

    Raises:
        TypeError: If an argument does not hold floats.
        ValueError: If the shapes do not match.

    Examples:
        >>> posterior = jnp.log(jnp.array([[0.75, 0.25]]))
        >>> uniform = jnp.log(jnp.array([0.5, 0.5]))
        >>> print(f"{target_information(posterior, jnp.array([0.2]), uniform)[0]:.2f}")
        0.45
    """
    scores, ranks, prior = (
        as_array(name, value)
        for name, value in (("log_scores", log_scores), ("positions", positions), ("log_prior", log_prior))
    )
    if scores.ndim != 2 or prior.shape != scores.shape[1:] or ranks.shape != scores.shape[:1]:
        got = f"{scores.shape}, {ranks.shape} and {prior.shape}"
        raise ValueError(f"log_scores: expected scores [n, B], positions [n] and a log-prior [B], got {got}")
    scores = widen(scores)
    masses = jnp.exp(prior.astype(scores.dtype))
    centers = jnp.cumsum(masses) - masses / 2
    ratios = scores - prior.astype(scores.dtype)[None]
    # The mean density over a fine grid of ranks, by one matrix product of the ratios.
    num_points = PER_BIN * len(masses)
    grid = (jnp.arange(num_points, dtype=scores.dtype) + 0.5) / num_points
    left, share = _between(centers, grid)
    to_grid = _hats(left, share, len(masses))
    fine = jnp.matmul(ratios, to_grid.T, precision="highest")
    log_mean = logsumexp(fine, axis=1) - jnp.log(jnp.asarray(num_points, scores.dtype))
    left, share = _between(centers, ranks.astype(scores.dtype))
    below, above = (jnp.take_along_axis(ratios, (left + k)[:, None], axis=1)[:, 0] for k in (0, 1))
    # Scores that sum to less than one, such as those of the union information, keep their sum.
    return (1 - share) * below + share * above - log_mean + logsumexp(scores, axis=1)


def _between(centers: jax.Array, ranks: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Index of the center below each rank, and the share of the one above; constant beyond the ends."""
    left = jnp.clip(jnp.searchsorted(centers, ranks) - 1, 0, len(centers) - 2)
    share = (ranks - centers[left]) / (centers[left + 1] - centers[left])
    return left, jnp.clip(share, 0, 1)


def _hats(left: jax.Array, share: jax.Array, num_bins: int) -> jax.Array:
    """Linear interpolation as a matrix ``[g, B]``."""
    below, above = jax.nn.one_hot(left, num_bins), jax.nn.one_hot(left + 1, num_bins)
    return ((1 - share)[:, None] * below + share[:, None] * above).astype(share.dtype)
