"""Pools: how to combine calibrated predictors, by convex fits to the rows that none of them was fitted on."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

from lsmi_jax.decomposition import effective_size
from lsmi_jax.models._discriminant_analysis import LEAST_LOG_PRIOR
from lsmi_jax.models._linear_algebra import product, solve
from lsmi_jax.models._powers import fit_power, shares_of, tempered

__all__ = ["Pool", "fit_pool", "mixture_log_weights"]

NUM_MIXTURE_STEPS = 40  # about twenty of them lower the barrier
BARRIER = 0.1  # of the first step, in nats; halved with each
PSEUDO_ROWS = 0.01  # rows that each member of a mixture explains beforehand, of up to 2000
LEAST_BARRIER = 5e-6  # below it, sums over rows in float32 hide which of two members is better
LARGEST_FALL = 0.9  # of a weight in one step


class Pool(NamedTuple):
    """A mixture of calibrated classifiers to a power, and the class prior.

    A mixture is less sure than its members are right if each of them is calibrated (Ranjan and Gneiting, 2010). The
    power mends that. The prior is mixed in afterwards, so that no class is less likely than its weight allows.

    Attributes:
        log_weights: Log-weights of the members, then of the prior ``[m + 1]``.
        power: Inverse temperature of the mixture without the prior, a scalar.
    """

    log_weights: jax.Array
    power: jax.Array

    def log_posterior(self, members: jax.Array, log_prior: jax.Array) -> jax.Array:
        """Log-posterior of the pool.

        Args:
            members: Log-posteriors of the members ``[m, n, K]``, in nats.
            log_prior: Log-prior of the classes ``[K]``, in nats.

        Returns:
            Log-posteriors ``[n, K]``, in nats.
        """
        weight = logsumexp(self.log_weights[:-1])
        sure = tempered(self.power, mixture(members, self.log_weights[:-1]))
        return jnp.logaddexp(sure + weight, log_prior[None] + self.log_weights[-1])


def fit_pool(members: jax.Array, labels: jax.Array, log_prior: jax.Array, weights: jax.Array | None = None) -> Pool:
    """Fits a pool to rows that the members were not fitted on.

    Args:
        members: Log-posteriors of the members ``[m, n, K]``, in nats.
        labels: Class labels ``[n]``.
        log_prior: Log-prior of the classes ``[K]``, in nats.
        weights: Weight of each row ``[n]``; None for equal weights.

    Returns:
        A `Pool`.
    """
    # A class that only left-out rows have is impossible under the prior, but those rows have weight zero.
    prior = jnp.maximum(log_prior, LEAST_LOG_PRIOR)[labels]
    picked = jnp.take_along_axis(members, labels[None, :, None], axis=2)[..., 0]
    log_weights = mixture_log_weights(jnp.concatenate([picked, prior[None]]), weights)
    return Pool(log_weights, fit_power(mixture(members, log_weights[:-1]), labels, weights))


def mixture(log_posteriors: jax.Array, log_weights: jax.Array) -> jax.Array:
    """Log of the mixture ``sum_m w_m p_m(y|x)``, ``[n, K]`` of ``[m, n, K]``."""
    return logsumexp(log_posteriors + log_weights[:, None, None], axis=0)


def mixture_log_weights(log_likelihoods: jax.Array, weights: jax.Array | None = None) -> jax.Array:
    """Weights of a mixture with the largest likelihood of held-out rows, by Newton's method under a barrier.

    The barrier ends as a prior of a fraction of a row for each member, so that equally good members have equal weights,
    which round-off does not move. Expectation maximization, the usual choice, takes thousands of steps there.

    Args:
        log_likelihoods: Log-probability of each row's label under each member ``[m, n]``, in nats.
        weights: Weight of each row ``[n]``; None for equal weights.

    Returns:
        Log-weights ``[m]``; the last, of the prior, is at least that of one row in n.
    """
    num_members, num_rows = log_likelihoods.shape
    shares, size = shares_of(weights, num_rows), effective_size(weights, num_rows)
    likelihoods = jnp.exp(log_likelihoods - log_likelihoods.max(0, keepdims=True))

    def step(current: jax.Array, barrier: jax.Array) -> tuple[jax.Array, None]:
        # With responsibilities r, the gradient of the log-weights is E[r] - w, and the curvature E[r r^T].
        scaled = current[:, None] * likelihoods
        responsibilities = scaled / scaled.sum(0, keepdims=True)
        weighted = shares[None] * responsibilities
        curvature = product(weighted, responsibilities.T) + barrier * jnp.eye(num_members)
        change = solve(curvature, weighted.sum(1) - current + barrier)
        # No weight falls by more than nine tenths.
        return current * (1 + change * jnp.minimum(1, LARGEST_FALL / jnp.maximum(-change.min(), LARGEST_FALL))), None

    falling = (BARRIER * 0.5 ** np.arange(NUM_MIXTURE_STEPS)).astype(np.float32)
    start = jnp.full(num_members, 1 / num_members, jnp.float32)
    barriers = jnp.maximum(falling, jnp.maximum(jnp.asarray(PSEUDO_ROWS / size, jnp.float32), LEAST_BARRIER))
    log_weights = jax.nn.log_softmax(jnp.log(jax.lax.scan(step, start, barriers)[0]))
    # The prior gets at least the weight of one row: n rows cannot support a more confident posterior.
    return jax.nn.log_softmax(log_weights.at[-1].set(jnp.maximum(log_weights[-1], -jnp.log(1.0 * size))))
