"""p(y|x): an ensemble of probes and the class prior."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.scipy.special import logsumexp

from lsmi_jax.decomposition import label_log_prior
from lsmi_jax.inputs import Folds
from lsmi_jax.models._chunking import in_chunks
from lsmi_jax.models._early_stopping import NUM_SPLITS, EarlyStopped, fit_early_stopped
from lsmi_jax.models._logistic_regression import fit_linear, linear_losses
from lsmi_jax.models._probe import Probe
from lsmi_jax.models._stacking import fit_powers, mixture_log_weights
from lsmi_jax.models._vector_adam import scale_by_vector_adam

__all__ = ["Discriminator", "fit_discriminator"]

# Chosen on benchmarks/accuracy.py; CHANGELOG.md lists the alternatives that lost.
PENALTIES = (1.0, 1e-1, 1e-2, 1e-3, 3e-4, 1e-4, 1e-5)
INPUT_NOISE = 0.5  # standard deviations, for few rows
FEW_ROWS = 1600  # above this many rows, noise shrinks at Scott's rate n^(-1/(d+4))
TIED = 0.5  # differences between penalties below this many standard errors count as ties
LEARNING_RATE = 4e-2
WEIGHT_DECAY = 1e-4
SIGNIFICANT_GAIN = 2.0  # standard errors by which networks must beat the linear probes they started from
NUM_MIXED = 4  # rows that are combined to one row of noise
CHUNK = 8192  # rows scored at a time


class Discriminator(NamedTuple):
    """A mixture of probes and the class prior, weighted by their held-out losses.

    Attributes:
        probes: The probes, stacked: every array has a leading axis of m members.
        power: Inverse temperature of the probes, a scalar.
        log_weights: Log-weight of each member, then of the prior, ``[m + 1]``.
        log_prior: Log-prior of the classes ``[K]``, in nats.
        held_out_loss: Weighted mean cross-entropy of the members on their held-out rows, in nats.
        train_loss: Weighted mean cross-entropy of the members on their training rows, in nats.
    """

    probes: Probe
    power: jax.Array
    log_weights: jax.Array
    log_prior: jax.Array
    held_out_loss: jax.Array
    train_loss: jax.Array

    def log_posterior(self, features: jax.Array) -> jax.Array:
        """Log-posterior of each class; also usable as logits.

        Args:
            features: Rows ``[n, d]``.

        Returns:
            Log p(y|x) ``[n, K]`` in nats, float32.
        """
        # log sum_m w_m p_m(y|x), with the prior as the last member.
        log_weights = self.log_weights[:, None, None]

        def mixture(rows: jax.Array) -> jax.Array:
            members = jax.vmap(lambda probe: jax.nn.log_softmax(self.power * probe(rows)))(self.probes)
            prior = jnp.broadcast_to(self.log_prior, members.shape[1:])
            return logsumexp(jnp.concatenate([members, prior[None]]) + log_weights, axis=0)

        return in_chunks(mixture, features, CHUNK)

    def held_out_log_posterior(self, features: jax.Array, held_out: jax.Array) -> jax.Array:
        """Log-posteriors of the rows that members were not fitted on, each under the member that held it out.

        Args:
            features: Rows ``[n, d]``.
            held_out: Indices of the held-out rows of each member ``[m, h]``.

        Returns:
            Log p(y|x) ``[m h, K]`` in nats, float32.
        """
        log_weight, log_prior_weight = logsumexp(self.log_weights[:-1]), self.log_weights[-1]

        def of_member(member: tuple[Probe, jax.Array]) -> jax.Array:
            probe, rows = member
            log_posterior = jax.nn.log_softmax(self.power * probe(features[rows]))
            return jnp.logaddexp(log_weight + log_posterior, (log_prior_weight + self.log_prior)[None])

        posteriors = jax.vmap(of_member)((self.probes, held_out))
        return posteriors.reshape(-1, posteriors.shape[-1])


def fit_discriminator(
    key: jax.Array, features: jax.Array, labels: jax.Array, splits: Folds, *, num_classes: int
) -> Discriminator:
    """Fits p(y|x), a pure function to be compiled or mapped over folds.

    Linear probes are fitted first, over a grid of penalties and several splits of the rows. Networks are then
    trained from the best of them, under input noise and with early stopping. The networks replace the linear
    probes only if they beat them by two standard errors on the held-out rows (after the one-standard-error rule
    of Breiman et al., 1984). Their temperature is fitted to held-out rows. The class prior is a member, so that
    uninformative features give (nearly) the prior.

    Args:
        key: Random key.
        features: Rows ``[n, d]``.
        labels: Class labels ``[n]``.
        splits: Training rows and held-out rows of each member, from `inner_splits`.
        num_classes: Number of classes K.

    Returns:
        A `Discriminator`.
    """
    member_key, *start_keys = jax.random.split(key, 1 + NUM_SPLITS)

    def start(key: jax.Array, train: jax.Array, held_out: jax.Array) -> tuple:
        probe = Probe(key, features[train], num_classes=num_classes)
        return probe, *((probe.whiten(features[part]), labels[part]) for part in (train, held_out))

    probes, train, held_out = jax.vmap(start)(jnp.stack(start_keys), *splits)
    linear = _fit_linear_probes(probes, train, held_out)
    # Input noise is a kernel of bandwidth n^(-1/(d+4)), Scott's rule, which is wide for few rows.
    num_columns = probes.whiten.varies().sum(1).mean()
    noise = INPUT_NOISE * min(1.0, FEW_ROWS / splits.train.shape[1]) ** (1 / (num_columns + 4))
    networks = fit_early_stopped(
        member_key,
        linear.modules,
        partial(_loss, noise),
        train,
        held_out,
        scaling=scale_by_vector_adam(),
        learning_rate=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
    )
    members = _keep_what_gains(networks, linear)
    log_prior = label_log_prior(labels[jnp.concatenate([splits.train[0], splits.left_out[0]])], num_classes)
    # Temperature and the weight of the prior are convex fits to the rows that each member held out.
    logits = jax.vmap(lambda probe, rows: probe.logits(rows[0]))(members.modules, held_out)
    posteriors, targets = jax.nn.log_softmax(logits.reshape(-1, num_classes)), labels[splits.left_out.reshape(-1)]
    (power,) = fit_powers(posteriors[None], targets, jnp.zeros(num_classes))
    probabilities = jax.nn.log_softmax(power * posteriors)
    likelihoods = jnp.stack([jnp.take_along_axis(probabilities, targets[:, None], axis=1)[:, 0], log_prior[targets]])
    log_weight, log_prior_weight = mixture_log_weights(likelihoods)
    loss = -jnp.logaddexp(log_weight + likelihoods[0], log_prior_weight + likelihoods[1]).mean()
    log_weights = jnp.append(jnp.full(NUM_SPLITS, log_weight - jnp.log(float(NUM_SPLITS))), log_prior_weight)
    gap = members.train_losses.mean() - members.held_out_losses.mean()
    return Discriminator(members.modules, power, log_weights, log_prior, loss, loss + gap)


def _fit_linear_probes(probes: Probe, train: tuple, held_out: tuple) -> EarlyStopped:
    """Linear probes, one per split, with the smallest penalty that is tied with the best over all splits."""
    num_classes = probes.bias.shape[-1]

    def fit(train: tuple, held_out: tuple) -> tuple:
        weights = fit_linear(*train, num_classes=num_classes, penalties=jnp.array(PENALTIES))
        return weights, *(jax.vmap(linear_losses, in_axes=(0, None, None))(weights, *p) for p in (train, held_out))

    weights, train_losses, losses = jax.vmap(fit)(train, held_out)
    best = _least_penalty(losses.swapaxes(0, 1).reshape(len(PENALTIES), -1))
    kernel, bias = (leaf[:, best] for leaf in weights)
    probes.kernel[...] = kernel
    probes.bias[...] = bias
    return EarlyStopped(probes, losses[:, best].mean(1), train_losses[:, best].mean(1), jnp.zeros_like(losses[:, best]))


def _loss(noise: jax.Array, probe: Probe, rows: tuple[jax.Array, jax.Array], key: jax.Array | None) -> jax.Array:
    """Cross-entropy of whitened rows; with input noise in training."""
    whitened, labels = rows
    if key is not None:
        whitened = whitened + noise * _data_noise(key, whitened)
    return optax.softmax_cross_entropy_with_integer_labels(probe.logits(whitened), labels)


def _least_penalty(losses: jax.Array) -> jax.Array:
    """Index of the smallest penalty whose losses ``[P, h]`` are tied with the best; penalties decrease."""
    # A penalty is tied if its mean excess over the best is small relative to the standard error of that excess.
    excess = losses - losses[jnp.nanargmin(losses.mean(1))][None]
    tied = excess.mean(1) <= TIED * excess.std(1) / jnp.sqrt(losses.shape[1])
    return len(PENALTIES) - 1 - jnp.argmax(tied[::-1])


def _keep_what_gains(networks: EarlyStopped, linear: EarlyStopped) -> EarlyStopped:
    """The networks if they beat the linear probes significantly, otherwise the linear probes."""
    # One-sided test of a positive mean gain over all held-out rows.
    gains = networks.gains
    is_better = gains.mean() > SIGNIFICANT_GAIN * gains.std() / jnp.sqrt(gains.size)
    return jax.tree.map(lambda new, old: jnp.where(is_better, new, old), networks, linear)


def _data_noise(key: jax.Array, rows: jax.Array) -> jax.Array:
    """Noise with the covariance of the rows: random combinations of other rows."""
    # Sums of a few rows with Gaussian weights of total variance one.
    weights = jax.random.normal(key, (NUM_MIXED, len(rows), 1)) / jnp.sqrt(NUM_MIXED)
    noise = jnp.zeros_like(rows)
    for shift, weight in enumerate(weights, start=1):  # a stacked sum takes XLA ten times as long to compile
        noise += weight * jnp.roll(rows, shift, axis=0)
    return noise
