"""p(y|x): an ensemble of probes and of the bare prior."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.scipy.special import logsumexp

from lsmi_jax.adam import scale_by_rotating_adam
from lsmi_jax.ensemble import NUM_SPLITS, fit_members, member_splits
from lsmi_jax.folds import Folds
from lsmi_jax.information import label_log_prior
from lsmi_jax.probe import Probe

__all__ = ["Discriminator", "fit_discriminator"]

# Chosen on benchmarks/accuracy.py; CHANGELOG.md says what lost.
PENALTIES = (1e-5, 1e-4, 3e-4, 1e-3, 1e-2, 1e-1, 1.0)
INPUT_NOISE = 0.5
TIED = 0.5  # standard errors below which the losses of two penalties are not told apart
TIE = 3.0  # losses of probes and prior on h held-out rows are told apart from about TIE / h on
LEARNING_RATE = 4e-2
WEIGHT_DECAY = 1e-4
SIGNIFICANT_GAIN = 2.0  # standard errors by which a network must beat the linear probe it started from
NUM_MIXED = 4  # rows whose combination is a row of noise
CHUNK = 8192  # rows scored at a time


class Discriminator(NamedTuple):
    """An average of probes and of the bare prior, weighed by their loss on held-out rows.

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

    Linear probes over a grid of penalties come first, on several splits of the rows; from the best,
    networks are trained under input noise and stopped early. They replace the linear probes only if they
    beat them by two standard errors on the held-out rows (after the one-standard-error rule of Breiman
    et al., 1984). The bare prior takes part, so that features that say nothing give (nearly) the prior.

    Args:
        key: Random key.
        features: Rows ``[n, d]``.
        labels: Class labels ``[n]``.
        rows: Indices of the rows to fit on, ``[t]``.
        num_classes: Number of classes K.

    Returns:
        A `Discriminator`.
    """
    split_key, linear_key, member_key = jax.random.split(key, 3)
    splits = member_splits(split_key, labels, rows)
    linear = _fit_linear(linear_key, features, labels, splits, num_classes)

    def make(key: jax.Array, start: nnx.Linear, train: jax.Array) -> Probe:
        probe = Probe(key, features[train], num_classes=num_classes)
        probe.linear = start
        return probe

    def loss(probe: Probe, rows: jax.Array, key: jax.Array | None) -> jax.Array:
        whitened = probe.whiten(features[rows])
        if key is not None:
            whitened = whitened + INPUT_NOISE * _data_noise(key, whitened)
        return _cross_entropy(probe.logits(whitened), labels[rows])

    members = fit_members(
        member_key,
        make,
        loss,
        splits,
        linear,
        scaling=scale_by_rotating_adam(),
        learning_rate=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
    )
    probes, held_out_loss, train_loss = _keep_what_gains(members.modules, linear, features, labels, splits)
    log_prior = label_log_prior(labels[rows], num_classes)
    prior_loss = -log_prior[labels[splits.left_out]].mean()
    advantage = (prior_loss - held_out_loss) * splits.left_out.shape[1] / TIE
    log_weights = jax.nn.log_sigmoid(jnp.stack([advantage, -advantage]))
    weight = jnp.exp(log_weights[0])
    return Discriminator(
        probes,
        jnp.append(jnp.tile(log_weights[0] - jnp.log(NUM_SPLITS), NUM_SPLITS), log_weights[1]),
        log_prior,
        weight * held_out_loss + (1 - weight) * prior_loss,
        weight * train_loss + (1 - weight) * prior_loss,
    )


def _fit_linear(key: jax.Array, features: jax.Array, labels: jax.Array, splits: Folds, num_classes: int) -> nnx.Linear:
    """Linear part of each split, stacked, with the least penalty that is as good as the best over all splits."""

    def one(train: jax.Array, held_out: jax.Array, penalty: jax.Array) -> tuple[nnx.Linear, jax.Array]:
        probe = Probe(key, features[train], num_classes=num_classes)
        probe.fit_linear(features[train], labels[train], penalty=penalty)
        return probe.linear, _cross_entropy(probe(features[held_out]), labels[held_out])

    over_penalties = jax.vmap(one, in_axes=(None, None, 0))
    linear, losses = jax.vmap(over_penalties, in_axes=(0, 0, None))(*splits, jnp.array(PENALTIES))
    losses = losses.swapaxes(0, 1).reshape(len(PENALTIES), -1)
    excess = losses - losses[jnp.nanargmin(losses.mean(1))][None]
    best = jnp.argmax(excess.mean(1) <= TIED * excess.std(1) / jnp.sqrt(losses.shape[1]))
    return jax.tree.map(lambda leaf: leaf[:, best], linear)


def _keep_what_gains(
    networks: Probe, linear: nnx.Linear, features: jax.Array, labels: jax.Array, splits: Folds
) -> tuple[Probe, jax.Array, jax.Array]:
    """The networks if they beat the linear probes, else these; with mean held-out and training losses."""

    def losses(probe: Probe, start: nnx.Linear, rows: jax.Array) -> jax.Array:
        def one_row(row: jax.Array) -> jax.Array:
            whitened = probe.whiten(features[row][None])
            logits = jnp.stack([start(whitened)[0], probe.logits(whitened)[0]])
            return _cross_entropy(logits, jnp.stack([labels[row]] * 2))

        return jax.lax.map(one_row, rows, batch_size=CHUNK)

    held_out = jax.vmap(losses)(networks, linear, splits.left_out)
    train = jax.vmap(losses)(networks, linear, splits.train).mean((0, 1))
    gain = (held_out[..., 0] - held_out[..., 1]).reshape(-1)
    is_better = gain.mean() > SIGNIFICANT_GAIN * gain.std() / jnp.sqrt(gain.size)
    choice = is_better.astype(jnp.int32)
    networks.linear = jax.tree.map(lambda new, old: jnp.where(is_better, new, old), networks.linear, linear)
    networks.output = jax.tree.map(lambda new: jnp.where(is_better, new, 0), networks.output)
    return networks, held_out.mean((0, 1))[choice], train[choice]


def _data_noise(key: jax.Array, rows: jax.Array) -> jax.Array:
    """Noise with the covariance of the rows: each a random combination of others."""
    weights = jax.random.normal(key, (NUM_MIXED, len(rows), 1)) / jnp.sqrt(NUM_MIXED)
    others = jnp.stack([jnp.roll(rows, shift, axis=0) for shift in range(1, NUM_MIXED + 1)])
    return (weights * others).sum(0)


def _cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels)
