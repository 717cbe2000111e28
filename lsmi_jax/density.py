"""p(x): a few KNIFE mixtures, trained together and weighed by their held-out loss."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.scipy.special import logsumexp

from lsmi_jax.folds import stratified_folds
from lsmi_jax.knife import Knife
from lsmi_jax.training import Loss, Schedule, fit, schedule

__all__ = ["Density", "fit_density"]

NUM_SPLITS = 5  # of the training rows; each member is stopped early on one part
NUM_MEMBER_SPLITS = 3  # of them are used
LEARNING_RATE = 2e-2
TIE = 3.0  # mean losses on h held-out rows are told apart from about TIE / h on
CHUNK = 2048  # rows scored at a time


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

        return jax.lax.map(one_row, features, batch_size=CHUNK)


def fit_density(
    key: jax.Array,
    features: jax.Array,
    rows: jax.Array,
    *,
    num_components: int,
    covariance: str | int,
    min_scale: float = 0.0,
) -> Density:
    """Fits p(x), a pure function to be compiled or mapped over folds.

    One mixture for each of several splits of the rows, stopped early on the held-out part. With full
    covariance, each is also trained without correlations, and the two are weighed by held-out loss.

    Args:
        key: Random key.
        features: Rows ``[n, d]``.
        rows: Indices of the rows to fit on, ``[t]``.
        num_components: Number of Gaussians of a member.
        covariance: Covariance of a `Knife`.
        min_scale: Smallest scale of a column, as for a `Knife`.

    Returns:
        A `Density`.
    """
    split_key, knife_key, fit_key = jax.random.split(key, 3)
    folds = stratified_folds(split_key, jnp.zeros(rows.shape, jnp.int32), NUM_SPLITS)
    train, held_out = (rows[part[:NUM_MEMBER_SPLITS]] for part in folds)
    plan = schedule(train.shape[1])

    def member(key: jax.Array, train: jax.Array, held_out: jax.Array, correlated: jax.Array) -> tuple:
        knife = Knife(
            key, features[train], num_components=num_components, covariance=covariance, min_scale=min_scale
        )
        graphdef, params, statistics = nnx.split(knife, nnx.Param, ...)
        done = fit(
            fit_key,  # the same for all members: batches are drawn once
            params,
            _mean_surprisal(graphdef, statistics, features, correlated),
            train,
            held_out,
            optimizer=_optimizer(plan),
            **plan._asdict(),
        )
        return nnx.merge(graphdef, done.params, statistics), done.held_out_loss, done.train_loss

    kinds = jnp.array([0.0, 1.0] if covariance == "full" and features.shape[1] > 1 else [1.0])
    repeated = [jnp.repeat(part, kinds.size, axis=0) for part in (train, held_out)]
    keys = jax.random.split(knife_key, NUM_MEMBER_SPLITS * kinds.size)
    knives, held_out_losses, train_losses = jax.vmap(member)(keys, *repeated, jnp.tile(kinds, NUM_MEMBER_SPLITS))
    kind_losses = held_out_losses.reshape(NUM_MEMBER_SPLITS, kinds.size).mean(0)
    log_weights = jax.nn.log_softmax(-kind_losses * held_out.shape[1] / TIE) - jnp.log(NUM_MEMBER_SPLITS)
    log_weights = jnp.tile(log_weights, NUM_MEMBER_SPLITS)
    weights = jnp.exp(log_weights)
    return Density(knives, log_weights, (weights * held_out_losses).sum(), (weights * train_losses).sum())


def _mean_surprisal(graphdef: nnx.GraphDef, statistics: nnx.State, features: jax.Array, correlated: jax.Array) -> Loss:
    def loss(params: nnx.State, rows: jax.Array, key: jax.Array | None) -> jax.Array:
        knife = nnx.merge(graphdef, params, statistics)
        if "factors" in params:  # they start at zero, and without a gradient they stay there
            knife.factors.set_value(knife.factors[...] * correlated)
        return knife.surprisal(features[rows])

    return loss


def _optimizer(plan: Schedule) -> optax.GradientTransformation:
    num_steps = plan.num_steps
    return optax.adam(optax.warmup_cosine_decay_schedule(0.0, LEARNING_RATE, num_steps // 20, num_steps))
