"""p(y|x): an ensemble of probes and of the bare prior."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.scipy.special import logsumexp

from lsmi_jax.adam import scale_by_rotating_adam
from lsmi_jax.chunks import in_chunks
from lsmi_jax.ensemble import NUM_SPLITS, Members, fit_members, member_splits
from lsmi_jax.information import label_log_prior
from lsmi_jax.probe import Probe, fit_linear, linear_losses

__all__ = ["Discriminator", "fit_discriminator"]

# Chosen on benchmarks/accuracy.py; CHANGELOG.md says what lost.
PENALTIES = (1.0, 1e-1, 1e-2, 1e-3, 3e-4, 1e-4, 1e-5)
INPUT_NOISE = 0.5  # standard deviations, on few rows
FEW_ROWS = 1600  # beyond so many, noise falls as the width of a kernel does by Scott's rule: it blurs
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
        log_weights = self.log_weights[:, None, None]

        def mixture(rows: jax.Array) -> jax.Array:
            members = jax.vmap(lambda probe: jax.nn.log_softmax(probe(rows)))(self.probes)
            prior = jnp.broadcast_to(self.log_prior, members.shape[1:])
            return logsumexp(jnp.concatenate([members, prior[None]]) + log_weights, axis=0)

        return in_chunks(mixture, features, CHUNK)


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
    split_key, member_key, *start_keys = jax.random.split(key, 2 + NUM_SPLITS)
    splits = member_splits(split_key, labels, rows)

    def start(key: jax.Array, train: jax.Array, held_out: jax.Array) -> tuple:
        probe = Probe(key, features[train], num_classes=num_classes)
        return probe, *((probe.whiten(features[part]), labels[part]) for part in (train, held_out))

    probes, train, held_out = jax.vmap(start)(jnp.stack(start_keys), *splits)
    linear = _fit_linear_probes(probes, train, held_out)
    num_columns = probes.whiten.varies().sum(1).mean()
    noise = INPUT_NOISE * min(1.0, FEW_ROWS / splits.train.shape[1]) ** (1 / (num_columns + 4))
    networks = fit_members(
        member_key,
        linear.modules,
        partial(_loss, noise),
        train,
        held_out,
        scaling=scale_by_rotating_adam(),
        learning_rate=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
    )
    members = _keep_what_gains(networks, linear)
    held_out_loss, train_loss = members.held_out_losses.mean(), members.train_losses.mean()
    log_prior = label_log_prior(labels[rows], num_classes)
    prior_loss = -log_prior[labels[splits.left_out]].mean()
    advantage = (prior_loss - held_out_loss) * splits.left_out.shape[1] / TIE
    log_weights = jax.nn.log_sigmoid(jnp.stack([advantage, -advantage]))
    weight = jnp.exp(log_weights[0])
    return Discriminator(
        members.modules,
        jnp.append(jnp.tile(log_weights[0] - jnp.log(NUM_SPLITS), NUM_SPLITS), log_weights[1]),
        log_prior,
        weight * held_out_loss + (1 - weight) * prior_loss,
        weight * train_loss + (1 - weight) * prior_loss,
    )


def _fit_linear_probes(probes: Probe, train: tuple, held_out: tuple) -> Members:
    """A linear probe for each split, with the least penalty that is as good as the best over all splits."""
    num_classes = probes.bias.shape[-1]

    def one(train: tuple, held_out: tuple) -> tuple:
        weights = fit_linear(*train, num_classes=num_classes, penalties=jnp.array(PENALTIES))
        return weights, *(jax.vmap(linear_losses, in_axes=(0, None, None))(weights, *p) for p in (train, held_out))

    weights, train_losses, losses = jax.vmap(one)(train, held_out)
    best = _least_penalty(losses.swapaxes(0, 1).reshape(len(PENALTIES), -1))
    kernel, bias = (leaf[:, best] for leaf in weights)
    probes.kernel.set_value(kernel)
    probes.bias.set_value(bias)
    return Members(probes, losses[:, best].mean(1), train_losses[:, best].mean(1), jnp.zeros_like(losses[:, best]))


def _loss(noise: jax.Array, probe: Probe, rows: tuple[jax.Array, jax.Array], key: jax.Array | None) -> jax.Array:
    """Cross-entropy of whitened rows, under input noise in training."""
    whitened, labels = rows
    if key is not None:
        whitened = whitened + noise * _data_noise(key, whitened)
    return optax.softmax_cross_entropy_with_integer_labels(probe.logits(whitened), labels)


def _least_penalty(losses: jax.Array) -> jax.Array:
    """Index of the least penalty, the last, whose losses ``[P, h]`` are tied with the best."""
    excess = losses - losses[jnp.nanargmin(losses.mean(1))][None]
    tied = excess.mean(1) <= TIED * excess.std(1) / jnp.sqrt(losses.shape[1])
    return len(PENALTIES) - 1 - jnp.argmax(tied[::-1])


def _keep_what_gains(networks: Members, linear: Members) -> Members:
    """The networks if they beat the linear probes they started from by enough, else these."""
    gains = networks.gains
    is_better = gains.mean() > SIGNIFICANT_GAIN * gains.std() / jnp.sqrt(gains.size)
    return jax.tree.map(lambda new, old: jnp.where(is_better, new, old), networks, linear)


def _data_noise(key: jax.Array, rows: jax.Array) -> jax.Array:
    """Noise with the covariance of the rows: each a random combination of others."""
    weights = jax.random.normal(key, (NUM_MIXED, len(rows), 1)) / jnp.sqrt(NUM_MIXED)
    noise = jnp.zeros_like(rows)
    for shift, weight in enumerate(weights, start=1):  # stacked and summed, they take XLA ten times as long
        noise += weight * jnp.roll(rows, shift, axis=0)
    return noise
