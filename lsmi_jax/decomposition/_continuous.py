"""Pointwise information about a continuous target, from scores of its bins."""

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jax.typing import ArrayLike

from lsmi_jax.decomposition._arrays import as_array, widen

__all__ = ["target_information"]

PER_BIN = 8  # points of the grid on which densities are normalized
NUM_CORRECTIONS = 4  # of the density at the centers
LARGEST_CORRECTION = 1.0  # nats, so that a density of a few noisy bins cannot run away


def target_information(log_scores: ArrayLike, positions: ArrayLike, log_prior: ArrayLike) -> jax.Array:
    """Log-ratio of the conditional and the marginal density of a target, ``log p(y|x) - log p(y)``.

    In the rank u of the target, the marginal density is one, and the mean of the conditional density over bin b is
    p(b|x) / p(b). Its logarithm is a line between the centers of bins, with values there that give every bin its
    mass. As bins become narrow, this converges to the information about the target itself.

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
        0.47
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
    ends = jnp.cumsum(masses)
    centers = ends - masses / 2
    ratios = scores - prior.astype(scores.dtype)[None]
    # Mean densities of bins are sums over a grid that has as many points in every bin.
    steps = (jnp.arange(PER_BIN, dtype=scores.dtype) + 0.5) / PER_BIN
    grid = ((ends - masses)[:, None] + masses[:, None] * steps[None]).reshape(-1)
    to_grid = _hats(*_between(centers, grid), len(masses))

    def on_grid(at_centers: jax.Array) -> jax.Array:
        """Log-densities ``[n, B, PER_BIN]``, by one matrix product."""
        return jnp.matmul(at_centers, to_grid.T, precision="highest").reshape(*ratios.shape, PER_BIN)

    at_centers = ratios
    for _ in range(NUM_CORRECTIONS):
        # The interpolated density gets the mass of each bin.
        log_means = logsumexp(on_grid(at_centers), axis=2) - math.log(PER_BIN)
        at_centers = at_centers + jnp.clip(ratios - log_means, -LARGEST_CORRECTION, LARGEST_CORRECTION)
    log_masses = on_grid(at_centers) + prior.astype(scores.dtype)[None, :, None] - math.log(PER_BIN)
    log_total = logsumexp(log_masses, axis=(1, 2))
    left, share = _between(centers, ranks.astype(scores.dtype))
    below, above = (jnp.take_along_axis(at_centers, (left + k)[:, None], axis=1)[:, 0] for k in (0, 1))
    # Scores that sum to less than one, such as those of the union information, keep their sum.
    return (1 - share) * below + share * above - log_total + logsumexp(scores, axis=1)


def _between(centers: jax.Array, ranks: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Index of the center below each rank, and the share of the one above; beyond the ends, the line goes on."""
    left = jnp.clip(jnp.searchsorted(centers, ranks) - 1, 0, len(centers) - 2)
    return left, (ranks - centers[left]) / (centers[left + 1] - centers[left])


def _hats(left: jax.Array, share: jax.Array, num_bins: int) -> jax.Array:
    """Linear interpolation as a matrix ``[g, B]``."""
    below, above = jax.nn.one_hot(left, num_bins), jax.nn.one_hot(left + 1, num_bins)
    return ((1 - share)[:, None] * below + share[:, None] * above).astype(share.dtype)
