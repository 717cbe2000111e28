"""p(y|x): an ensemble of probes, trained together and weighed by their held-out loss."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.scipy.special import logsumexp

from lsmi_jax.folds import stratified_folds
from lsmi_jax.information import label_log_prior
from lsmi_jax.probe import Probe
from lsmi_jax.training import Loss, Schedule, fit, schedule

__all__ = ["Discriminator", "fit_discriminator"]

# Chosen on benchmarks/accuracy.py; see CHANGELOG.md for what lost.
NUM_SPLITS = 5  # of the training rows; each member is stopped early on one part
NUM_MEMBER_SPLITS = 3  # of them are used
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
INPUT_NOISES = (0.0, 0.5)
LEARNING_RATE = 1e-2
WEIGHT_DECAY = 1e-4
TIE = 3.0  # mean losses on h held-out rows are told apart from about TIE / h on
CHUNK = 8192  # rows scored at a time


class Discriminator(NamedTuple):
    """An average of probes and of the bare prior, each weighed by its loss on held-out rows.

    Attributes:
        probes: The probes, stacked: every array has a leading axis of m members.
        log_weights: Log-weight of each member, and last of the prior, ``[m + 1]``.
        log_prior: Log-prior of the classes ``[K]``, in nats.
        held_out_loss: Mean cross-entropy of a weighed member on rows held out from it, in nats.
        train_loss: The same on rows it was trained on.
    """

    probes: Probe
    log_weights: jax.Array
    log_prior: jax.Array
    held_out_loss: jax.Array
    train_loss: jax.Array

    def log_posterior(self, features: jax.Array) -> jax.Array:
        """Log-posterior of each class, which also serves as logits.

        Args:
            features: Rows ``[n, d]``.

        Returns:
            Log p(y|x) ``[n, K]`` in nats, float32.
        """
        log_weights = self.log_weights[:, None]

        def one_row(row: jax.Array) -> jax.Array:
            members = jax.vmap(lambda probe: jax.nn.log_softmax(probe(row[None])[0]))(self.probes)
            everyone = jnp.concatenate([members, self.log_prior[None]])
            return logsumexp(everyone + log_weights, axis=0)

        return jax.lax.map(one_row, features, batch_size=CHUNK)


def fit_discriminator(
    key: jax.Array, features: jax.Array, labels: jax.Array, rows: jax.Array, *, num_classes: int
) -> Discriminator:
    """Fits p(y|x), a pure function to be compiled or mapped over folds.

    Linear probes over a grid of penalties come first; from the best, networks are trained with
    several strengths of input noise, on several splits of the rows, and stopped early. Strengths are
    weighed by their loss on the held-out parts, beside the bare prior, so that features that say
    nothing give (nearly) the prior.

    Args:
        key: Random key.
        features: Rows ``[n, d]``.
        labels: Class labels ``[n]``.
        rows: Indices of the rows to fit on, ``[t]``.
        num_classes: Number of classes K.

    Returns:
        A `Discriminator`.
    """
    split_key, probe_key, fit_key = jax.random.split(key, 3)
    folds = stratified_folds(split_key, labels[rows], NUM_SPLITS)
    train, held_out = (rows[part[:NUM_MEMBER_SPLITS]] for part in folds)
    plan = schedule(train.shape[1])
    linear = _fit_linear(probe_key, features, labels, train, held_out, num_classes)

    def member(key: jax.Array, start: nnx.Module, train: jax.Array, held_out: jax.Array, strength: jax.Array) -> tuple:
        probe = Probe(key, features[train], num_classes=num_classes)
        probe.linear = start
        graphdef, params, statistics = nnx.split(probe, nnx.Param, ...)
        loss = _noisy_cross_entropy(graphdef, statistics, features, labels, strength)
        done = fit(
            fit_key,  # the same for all members: batches and noise are drawn once
            params,
            loss,
            train,
            held_out,
            optimizer=_optimizer(plan),
            **plan._asdict(),
        )
        return nnx.merge(graphdef, done.params, statistics), done.held_out_loss, done.train_loss

    num_strengths, num_members = len(INPUT_NOISES), len(INPUT_NOISES) * NUM_MEMBER_SPLITS
    per_split = [jax.tree.map(lambda leaf: jnp.repeat(leaf, num_strengths, axis=0), t) for t in (linear, train, held_out)]
    strengths = jnp.tile(jnp.array(INPUT_NOISES), NUM_MEMBER_SPLITS)
    probes, held_out_losses, train_losses = jax.vmap(member)(
        jax.random.split(probe_key, num_members), *per_split, strengths
    )
    log_prior = label_log_prior(labels[rows], num_classes)
    prior_loss = -log_prior[labels[held_out]].mean()
    strength_losses = held_out_losses.reshape(NUM_MEMBER_SPLITS, num_strengths).mean(0)
    losses = jnp.concatenate([strength_losses, prior_loss[None]])
    log_weights = jax.nn.log_softmax(-losses * held_out.shape[1] / TIE)
    member_log_weights = jnp.tile(log_weights[:-1] - jnp.log(NUM_MEMBER_SPLITS), NUM_MEMBER_SPLITS)
    log_weights = jnp.concatenate([member_log_weights, log_weights[-1:]])
    weights = jnp.exp(log_weights)
    return Discriminator(
        probes,
        log_weights,
        log_prior,
        (weights * jnp.append(held_out_losses, prior_loss)).sum(),
        (weights * jnp.append(train_losses, prior_loss)).sum(),
    )


def _fit_linear(
    key: jax.Array, features: jax.Array, labels: jax.Array, train: jax.Array, held_out: jax.Array, num_classes: int
) -> nnx.Linear:
    """Linear part for each split, stacked, with the penalty that does best over all splits."""

    def one(train: jax.Array, held_out: jax.Array, penalty: jax.Array) -> tuple[nnx.Linear, jax.Array]:
        probe = Probe(key, features[train], num_classes=num_classes)
        probe.fit_linear(features[train], labels[train], penalty=penalty)
        logits = probe.linear(probe.standardize(features[held_out]))
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels[held_out]).mean()
        return probe.linear, loss

    num_penalties = len(PENALTIES)
    penalties = jnp.tile(jnp.array(PENALTIES), NUM_MEMBER_SPLITS)
    train, held_out = (jnp.repeat(rows, num_penalties, axis=0) for rows in (train, held_out))
    linear, losses = jax.vmap(one)(train, held_out, penalties)
    best = jnp.nanargmin(losses.reshape(NUM_MEMBER_SPLITS, num_penalties).mean(0))
    return jax.tree.map(lambda leaf: leaf.reshape(NUM_MEMBER_SPLITS, num_penalties, *leaf.shape[1:])[:, best], linear)


def _noisy_cross_entropy(
    graphdef: nnx.GraphDef, statistics: nnx.State, features: jax.Array, labels: jax.Array, strength: jax.Array
) -> Loss:
    def loss(params: nnx.State, rows: jax.Array, key: jax.Array | None) -> jax.Array:
        batch = features[rows]
        noise = None if key is None else strength * jax.random.normal(key, batch.shape)
        logits = nnx.merge(graphdef, params, statistics)(batch, noise=noise)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels[rows])

    return loss


def _optimizer(plan: Schedule) -> optax.GradientTransformation:
    num_steps = plan.num_steps
    schedule = optax.warmup_cosine_decay_schedule(0.0, LEARNING_RATE, num_steps // 20, num_steps)
    return optax.adamw(schedule, weight_decay=WEIGHT_DECAY)
