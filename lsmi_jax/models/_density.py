"""p(x): an ensemble of KNIFE mixtures."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.scipy.special import logsumexp

from lsmi_jax.inputs import Folds, weights_of
from lsmi_jax.models._early_stopping import NUM_SPLITS, fit_early_stopped, inner_splits
from lsmi_jax.models._knife import Knife

__all__ = ["Density", "fit_density"]

LEARNING_RATE = 2e-2


class Density(NamedTuple):
    """A uniform mixture of KNIFE mixtures.

    Attributes:
        knives: The members, stacked: every array has a leading axis of members.
        held_out_loss: Mean surprisal of a member on its held-out rows, in nats.
        train_loss: Mean surprisal of a member on its training rows, in nats.
    """

    knives: Knife
    held_out_loss: jax.Array
    train_loss: jax.Array

    def surprisal(self, features: jax.Array) -> jax.Array:
        """Surprisal of each row, the ``i+`` of Eq. 4.

        Args:
            features: Rows ``[n, d]``.

        Returns:
            Surprisal ``[n]`` in nats, float32.
        """
        # log of the mean density of the members
        log_probs = jax.vmap(lambda knife: knife.log_prob(features))(self.knives)
        return jnp.log(float(len(log_probs))) - logsumexp(log_probs, axis=0)


def fit_density(
    key: jax.Array,
    features: jax.Array,
    weights: jax.Array | None = None,
    splits: Folds | None = None,
    *,
    num_components: int,
    covariance: str | int,
) -> Density:
    """Fits p(x) by Eq. 7, a pure function to be compiled or mapped over folds.

    One mixture for each of several splits of the rows, with early stopping on the held-out part.

    Args:
        key: Random key.
        features: Rows ``[n, d]``.
        weights: Weight of each row ``[n]``; None for equal weights.
        splits: Training rows and held-out rows of each member; None to split at random.
        num_components: Number of Gaussians of a member.
        covariance: Covariance of a `Knife`.

    Returns:
        A `Density`.
    """
    split_key, member_key, *start_keys = jax.random.split(key, 2 + NUM_SPLITS)
    if splits is None:
        splits = inner_splits(split_key, jnp.zeros(len(features), jnp.int32))
    train_weights = weights_of(splits.train, splits.train_weights, weights)
    left_out_weights = weights_of(splits.left_out, splits.left_out_weights, weights)

    def start(key: jax.Array, train: jax.Array, held_out: jax.Array, counted: jax.Array | None) -> tuple:
        knife = Knife(key, features[train], counted, num_components=num_components, covariance=covariance)
        return knife, knife.whiten(features[train]), knife.whiten(features[held_out])

    def loss(knife: Knife, rows: jax.Array, key: jax.Array | None) -> jax.Array:
        del key
        return -knife.whitened_log_prob(rows)

    starts, *rows = jax.vmap(start)(
        jnp.stack(start_keys[: len(splits.train)]), splits.train, splits.left_out, train_weights
    )
    members = fit_early_stopped(
        member_key,
        starts,
        loss,
        rows[0],
        rows[1],
        train_weights,
        left_out_weights,
        scaling=optax.scale_by_adam(),
        learning_rate=LEARNING_RATE,
    )
    return Density(members.modules, members.held_out_losses.mean(), members.train_losses.mean())
