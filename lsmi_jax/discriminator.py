"""p(y|x): an ensemble of probes and of the bare prior."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.scipy.special import logsumexp

from lsmi_jax.ensemble import NUM_SPLITS, fit_members, mean_loss, member_splits, per_setting, weigh
from lsmi_jax.folds import Folds
from lsmi_jax.information import label_log_prior
from lsmi_jax.probe import Probe

__all__ = ["Discriminator", "fit_discriminator"]

# Chosen on benchmarks/accuracy.py; CHANGELOG.md says what lost.
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
INPUT_NOISES = (0.0, 0.5)
LEARNING_RATE = 1e-2
WEIGHT_DECAY = 1e-4
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

    Linear probes over a grid of penalties come first; from the best, networks are trained with and
    without input noise, on several splits of the rows, and stopped early. The two strengths of noise are
    weighed by their loss on the held-out parts, beside the bare prior, so that features that say nothing
    give (nearly) the prior.

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

    def make(key: jax.Array, start: nnx.Linear, train: jax.Array) -> Probe:
        probe = Probe(key, features[train], num_classes=num_classes)
        probe.linear = start
        return probe

    def loss(probe: Probe, strength: jax.Array, rows: jax.Array, key: jax.Array | None) -> jax.Array:
        batch = features[rows]
        noise = None if key is None else strength * jax.random.normal(key, batch.shape)
        return optax.softmax_cross_entropy_with_integer_labels(probe(batch, noise=noise), labels[rows])

    members = fit_members(
        member_key,
        make,
        loss,
        splits,
        _fit_linear(linear_key, features, labels, splits, num_classes),
        jnp.array(INPUT_NOISES),
        learning_rate=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
    )
    log_prior = label_log_prior(labels[rows], num_classes)
    prior_loss = -log_prior[labels[splits.left_out]].mean().reshape(1)
    losses = jnp.concatenate([per_setting(members.held_out_losses), prior_loss])
    log_weights = weigh(losses, splits.left_out.shape[1])
    log_weights = jnp.append(jnp.tile(log_weights[:-1] - jnp.log(NUM_SPLITS), NUM_SPLITS), log_weights[-1])
    return Discriminator(
        members.modules,
        log_weights,
        log_prior,
        mean_loss(log_weights, jnp.append(members.held_out_losses, prior_loss)),
        mean_loss(log_weights, jnp.append(members.train_losses, prior_loss)),
    )


def _fit_linear(key: jax.Array, features: jax.Array, labels: jax.Array, splits: Folds, num_classes: int) -> nnx.Linear:
    """Linear part of each split, stacked, with the penalty that does best over all splits."""

    def one(train: jax.Array, held_out: jax.Array, penalty: jax.Array) -> tuple[nnx.Linear, jax.Array]:
        probe = Probe(key, features[train], num_classes=num_classes)
        probe.fit_linear(features[train], labels[train], penalty=penalty)
        logits = probe.linear(probe.standardize(features[held_out]))
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels[held_out]).mean()
        return probe.linear, loss

    over_penalties = jax.vmap(one, in_axes=(None, None, 0))
    linear, losses = jax.vmap(over_penalties, in_axes=(0, 0, None))(*splits, jnp.array(PENALTIES))
    best = jnp.nanargmin(losses.mean(0))
    return jax.tree.map(lambda leaf: leaf[:, best], linear)
