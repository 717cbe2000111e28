"""p(x): an ensemble of KNIFE mixtures."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp

from lsmi_jax.ensemble import NUM_SPLITS, fit_members, mean_loss, member_splits, per_setting, weigh
from lsmi_jax.knife import Knife

__all__ = ["Density", "fit_density"]

LEARNING_RATE = 2e-2
MAX_CHUNK = 4096  # rows scored at a time,
CHUNK_SIZE = 2**24  # or fewer, so that their distances to all means fit in so many numbers


class Density(NamedTuple):
    """A mixture of KNIFE mixtures.

    Attributes:
        knives: The members, stacked: every array has a leading axis of m members.
        log_weights: Log-weight of each member ``[m]``.
        held_out_loss: Mean surprisal of a weighed member on rows held out from it, in nats.
        train_loss: The same on rows it was trained on.
    """

    knives: Knife
    log_weights: jax.Array
    held_out_loss: jax.Array
    train_loss: jax.Array

    def surprisal(self, features: jax.Array) -> jax.Array:
        """Surprisal of each row, the ``i+`` of Eq. 4.

        Args:
            features: Rows ``[n, d]``.

        Returns:
            Surprisal ``[n]`` in nats, float32.
        """

        def one_row(row: jax.Array) -> jax.Array:
            log_probs = jax.vmap(lambda knife: knife.log_prob(row))(self.knives)
            return -logsumexp(log_probs + self.log_weights)

        chunk = min(MAX_CHUNK, max(1, CHUNK_SIZE // self.knives.means.size))
        return jax.lax.map(one_row, features, batch_size=chunk)


def fit_density(key: jax.Array, features: jax.Array, *, num_components: int, covariance: str | int) -> Density:
    """Fits p(x) by Eq. 7, a pure function to be compiled or mapped over folds.

    One mixture for each of several splits of the rows, stopped early on the held-out part. With full
    covariance, each is also trained without correlations, and the two are weighed by held-out loss.

    Args:
        key: Random key.
        features: Rows ``[n, d]``.
        num_components: Number of Gaussians of a member.
        covariance: Covariance of a `Knife`.

    Returns:
        A `Density`.
    """
    split_key, member_key = jax.random.split(key)
    no_labels = jnp.zeros(len(features), jnp.int32)
    splits = member_splits(split_key, no_labels, jnp.arange(len(features)))

    def make(key: jax.Array, start: None, train: jax.Array) -> Knife:
        return Knife(key, features[train], num_components=num_components, covariance=covariance)

    def loss(knife: Knife, correlated: jax.Array, rows: jax.Array, key: jax.Array | None) -> jax.Array:
        if covariance == "full":  # factors start at zero, and without a gradient they stay there
            knife.factors.set_value(knife.factors[...] * correlated)
        return knife.surprisal(features[rows])

    settings = jnp.array([0.0, 1.0] if covariance == "full" and features.shape[1] > 1 else [1.0])
    members = fit_members(member_key, make, loss, splits, None, settings, learning_rate=LEARNING_RATE)
    log_weights = weigh(per_setting(members.held_out_losses), splits.left_out.shape[1])
    log_weights = jnp.tile(log_weights - jnp.log(NUM_SPLITS), NUM_SPLITS)
    return Density(
        members.modules,
        log_weights,
        mean_loss(log_weights, members.held_out_losses),
        mean_loss(log_weights, members.train_losses),
    )
