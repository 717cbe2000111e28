"""p(y|x): a mixture of linear, kernel and network classifiers, and the class prior."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lsmi_jax.decomposition import average, effective_size, label_log_prior
from lsmi_jax.inputs import MANY_COLUMNS, Folds, weights_of
from lsmi_jax.models._chunking import in_chunks
from lsmi_jax.models._discriminant_analysis import LEAST_LOG_PRIOR, fit_discriminant
from lsmi_jax.models._early_stopping import EarlyStopped, fit_early_stopped, training_weights
from lsmi_jax.models._kernel_features import KernelFeatures, kernel_features
from lsmi_jax.models._logistic_regression import LinearWeights, fit_ridge, linear_logits
from lsmi_jax.models._probe import Probe
from lsmi_jax.models._projection import leading_directions
from lsmi_jax.models._stacking import fit_powers, mixture, mixture_log_weights
from lsmi_jax.models._vector_adam import scale_by_vector_adam
from lsmi_jax.models._whitening import Standardize

__all__ = ["Discriminator", "fit_discriminator"]

# Chosen on benchmarks/accuracy.py; CHANGELOG.md lists the alternatives that lost.
PENALTIES = (1.0, 1e-1, 1e-2, 1e-3, 3e-4, 1e-4, 1e-5)
KERNEL_PENALTIES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
INPUT_NOISE = 0.5  # standard deviations, for few rows
FEW_ROWS = 1600  # above this many rows, noise shrinks at Scott's rate n^(-1/(d+4))
LEARNING_RATE = 4e-2
WEIGHT_DECAY = 1e-4
SIGNIFICANT_GAIN = 2.0  # standard errors by which networks must beat the linear probes they started from
NUM_MIXED = 4  # rows that are combined to one row of noise
CHUNK = 8192  # rows scored at a time

Rows = tuple[jax.Array, jax.Array]
"""Rows ``[..., n, d]`` and their labels ``[..., n]``."""


class Discriminator(NamedTuple):
    """A mixture of classifiers and the class prior, weighted by their held-out losses.

    Attributes:
        standardize: Standardizing of the columns.
        directions: Leading directions of many columns ``[d, m]``, which the networks see; None for few.
        networks: The networks, stacked: every array has a leading axis of S members, each with its own whitening.
        linear: Kernels ``[2, d, K]`` and biases ``[2, K]`` of ridge regression and discriminant analysis.
        features: Features of the rows for the kernel member.
        kernel: Kernel ``[m, K]`` and bias ``[K]`` on these features.
        powers: Inverse temperature of each member, ``[S + 3]``: networks, ridge regression, discriminant analysis,
            kernel.
        log_weights: Log-weight of each member, then of the prior, ``[S + 4]``.
        log_prior: Log-prior of the classes ``[K]``, in nats.
        held_out_loss: Mean cross-entropy of the mixture on held-out rows, in nats.
        train_loss: Mean cross-entropy on training rows, in nats, as the networks overfit.
        smoother: Matrix ``[K, K]`` that smooths logits over ordered classes, whose smoothed members follow the others;
            None for classes without order.
    """

    standardize: Standardize
    directions: jax.Array | None
    networks: Probe
    linear: LinearWeights
    features: KernelFeatures
    kernel: LinearWeights
    powers: jax.Array
    log_weights: jax.Array
    log_prior: jax.Array
    held_out_loss: jax.Array
    train_loss: jax.Array
    smoother: jax.Array | None = None

    def log_posterior(self, features: jax.Array) -> jax.Array:
        """Log-posterior of each class; also usable as logits.

        Args:
            features: Rows ``[n, d]``.

        Returns:
            Log p(y|x) ``[n, K]`` in nats, float32.
        """
        return in_chunks(self._mixture, features, CHUNK)

    def _mixture(self, rows: jax.Array) -> jax.Array:
        """Log-posteriors of a chunk of rows."""
        standardized = self.standardize(rows)
        projected = _project(self.directions, standardized)
        networks = jax.vmap(lambda probe: probe(projected))(self.networks)
        linear = jax.vmap(linear_logits, in_axes=(0, None))(self.linear, standardized)
        kernel = linear_logits(self.kernel, self.features(standardized))
        logits = _with_smoothed(self.smoother, jnp.concatenate([networks, linear, kernel[None]]))
        return _mixed(_tempered(self.powers, logits), self.log_weights, self.log_prior)


def fit_discriminator(
    key: jax.Array,
    features: jax.Array,
    labels: jax.Array,
    splits: Folds,
    weights: jax.Array | None = None,
    smoother: jax.Array | None = None,
    *,
    num_classes: int,
) -> tuple[Discriminator, jax.Array]:
    """Fits p(y|x), a pure function to be compiled or mapped over folds.

    The members are convex or closed-form but for one: ridge-penalized logistic regression; linear discriminant
    analysis with a shrunk covariance, for few rows; logistic regression on features of a Gaussian kernel; and
    networks that start from linear probes and are trained under input noise with early stopping. Networks replace
    their linear probes only if they beat them by two standard errors on the held-out rows (after the
    one-standard-error rule of Breiman et al., 1984). Every member gets a temperature and a weight, by convex fits to
    rows that it was not fitted on. The class prior is a member, so that uninformative features give (nearly) the
    prior. What is convex is then fitted again to all rows. Of many columns, networks see the leading directions only.

    Args:
        key: Random key.
        features: Rows ``[n, d]``.
        labels: Class labels ``[n]``.
        splits: Training rows and held-out rows of each split, from `inner_splits`.
        weights: Weight of each row ``[n]``; None for equal weights.
        smoother: Matrix ``[K, K]`` that smooths logits over ordered classes; None for classes without order.
        num_classes: Number of classes K.

    Returns:
        A `Discriminator`, and the log-posteriors ``[S, h, K]`` in nats of the held-out rows of each split, under
        members that were not fitted on them.
    """
    standardize = Standardize(features, weights)
    rows = standardize(features)
    left_out, left_out_weights = splits.left_out, weights_of(splits.left_out, splits.left_out_weights, weights)
    ridge_of = partial(fit_ridge, num_classes=num_classes)
    weighted = labels, left_out, weights, left_out_weights
    ridge = ridge_of(rows, *weighted, penalties=jnp.array(PENALTIES))
    analysis, analysis_logits = _fit_analysis(rows, labels, left_out, weights, num_classes)
    expansion = kernel_features(rows, weights)
    expanded = expansion(rows)
    kernel = ridge_of(expanded, *weighted, penalties=jnp.array(KERNEL_PENALTIES), num_more=0)
    projection_key, network_key = jax.random.split(key)
    directions, start = None, ridge.members
    if features.shape[1] > MANY_COLUMNS:
        directions = leading_directions(projection_key, rows, weights)
        start = directions.T @ start[0], start[1]
    networks, network_logits = _fit_networks(network_key, _project(directions, rows), labels, splits, weights, start)

    kinds = [network_logits, ridge.held_out(rows, left_out), analysis_logits, kernel.held_out(expanded, left_out)]
    logits = _with_smoothed(smoother, jnp.stack(kinds))
    targets, log_prior = labels[left_out], label_log_prior(labels, num_classes, weights)
    counted = None if left_out_weights is None else left_out_weights.reshape(-1)
    powers, log_weights = _weigh(logits.reshape(len(logits), -1, num_classes), targets.reshape(-1), log_prior, counted)
    held_out = jax.vmap(lambda own: _mixed(_tempered(powers, own), log_weights, log_prior))(logits.swapaxes(0, 1))
    loss = -average(jnp.take_along_axis(held_out, targets[..., None], axis=2).reshape(-1), counted)
    gap = networks.train_losses.mean() - networks.held_out_losses.mean()

    # The networks share the weight of their kind.
    num_splits = len(left_out)
    each = np.array([num_splits, *[1] * (len(kinds) - 1)] * (len(logits) // len(kinds)))
    of_members = jnp.repeat(log_weights[:-1] - jnp.log(each.astype(np.float32)), each, total_repeat_length=each.sum())
    fitted = Discriminator(
        standardize,
        directions,
        networks.modules,
        jax.tree.map(lambda *leaves: jnp.stack(leaves), ridge.weights, analysis),
        expansion,
        kernel.weights,
        jnp.repeat(powers, each, total_repeat_length=each.sum()),
        jnp.concatenate([of_members, log_weights[-1:]]),
        log_prior,
        loss,
        loss + gap,
        smoother,
    )
    return fitted, held_out


def _fit_networks(
    key: jax.Array,
    features: jax.Array,
    labels: jax.Array,
    splits: Folds,
    weights: jax.Array | None,
    start: LinearWeights,
) -> tuple[EarlyStopped, jax.Array]:
    """Networks trained from linear classifiers of each split, or these where training gains little; held-out logits."""
    num_classes = start[1].shape[-1]
    member_key, *start_keys = jax.random.split(key, 1 + len(splits.train))

    train_weights = weights_of(splits.train, splits.train_weights, weights)
    left_out_weights = weights_of(splits.left_out, splits.left_out_weights, weights)

    def probe_of(key: jax.Array, train: jax.Array, counted: Any, kernel: jax.Array, bias: jax.Array) -> Probe:
        probe = Probe(key, features[train], counted, num_classes=num_classes)
        probe.kernel[...], probe.bias[...] = probe.whiten.of_whitened(kernel, bias)
        return probe

    probes = jax.vmap(probe_of)(jnp.stack(start_keys), splits.train, train_weights, *start)
    whiten = jax.vmap(lambda probe, part: (probe.whiten(features[part]), labels[part]))
    train, held_out = whiten(probes, splits.train), whiten(probes, splits.left_out)
    # Input noise is a kernel of bandwidth n^(-1/(d+4)), Scott's rule, which is wide for few rows.
    num_columns = probes.whiten.varies().sum(1).mean()
    sizes = train[1].shape[1] if train_weights is None else jax.vmap(partial(effective_size, num_rows=1))(train_weights)
    noise = INPUT_NOISE * jnp.minimum(1.0, FEW_ROWS / jnp.mean(sizes)) ** (1 / (num_columns + 4))
    networks = fit_early_stopped(
        member_key,
        probes,
        partial(_loss, noise),
        train,
        held_out,
        train_weights,
        left_out_weights,
        scaling=scale_by_vector_adam(),
        learning_rate=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
    )
    kept = _keep_what_gains(networks, probes, train, train_weights, left_out_weights)
    return kept, jax.vmap(lambda probe, rows: probe.logits(rows))(kept.modules, held_out[0])


def _fit_analysis(
    rows: jax.Array, labels: jax.Array, left_out: jax.Array, weights: jax.Array | None, num_classes: int
) -> tuple[LinearWeights, jax.Array]:
    """Discriminant analysis of all rows, and logits of the held-out rows of each split ``[S, h, K]``."""
    all_rows = jnp.ones(len(labels)) if weights is None else weights

    def held_out_logits(inputs: tuple[jax.Array, jax.Array]) -> jax.Array:
        part, own = inputs
        fitted = fit_discriminant(rows, labels, num_classes=num_classes, weights=own)
        return linear_logits(fitted, rows[part])

    parts = left_out, training_weights(left_out, all_rows)
    analysis = fit_discriminant(rows, labels, num_classes=num_classes, weights=all_rows)
    return analysis, jax.lax.map(held_out_logits, parts)


def _with_smoothed(smoother: jax.Array | None, logits: jax.Array) -> jax.Array:
    """Logits ``[m, ..., K]`` of members, followed by those smoothed over ordered classes."""
    return logits if smoother is None else jnp.concatenate([logits, logits @ smoother])


def _weigh(
    logits: jax.Array, labels: jax.Array, log_prior: jax.Array, weights: jax.Array | None
) -> tuple[jax.Array, jax.Array]:
    """Powers ``[m]`` and log-weights ``[m + 1]`` of members and prior, from held-out logits ``[m, n, K]``."""
    posteriors = jax.nn.log_softmax(logits)
    flat = jnp.zeros(len(log_prior))
    powers = jax.vmap(lambda own: fit_powers(own[None], labels, flat, weights)[0])(posteriors)
    picked = jnp.take_along_axis(_tempered(powers, posteriors), labels[None, :, None], axis=2)[..., 0]
    # A class that only left-out rows have is impossible under the prior, but those rows have weight zero.
    prior = jnp.maximum(log_prior, LEAST_LOG_PRIOR)[labels]
    return powers, mixture_log_weights(jnp.concatenate([picked, prior[None]]), weights)


def _tempered(powers: jax.Array, logits: jax.Array) -> jax.Array:
    """Log-posteriors of members with their temperatures, ``[m, n, K]``."""
    # XLA fuses a product with the difference from its rounded maximum, which is then not zero: the maximum goes first.
    return jax.nn.log_softmax(powers[:, None, None] * (logits - logits.max(-1, keepdims=True)))


def _mixed(log_posteriors: jax.Array, log_weights: jax.Array, log_prior: jax.Array) -> jax.Array:
    """Log of the mixture of members and, as the last of them, the prior ``[n, K]``."""
    prior = jnp.broadcast_to(log_prior, log_posteriors.shape[1:])
    return mixture(jnp.concatenate([log_posteriors, prior[None]]), log_weights)


def _loss(noise: jax.Array | float, probe: Probe, rows: Rows, key: jax.Array | None) -> jax.Array:
    """Cross-entropy of whitened rows; with input noise in training."""
    whitened, labels = rows
    if key is not None:
        whitened = whitened + noise * _data_noise(key, whitened)
    return optax.softmax_cross_entropy_with_integer_labels(probe.logits(whitened), labels)


def _keep_what_gains(
    networks: EarlyStopped, linear: Probe, train: Rows, train_weights: jax.Array | None, weights: jax.Array | None
) -> EarlyStopped:
    """The networks if they beat the linear probes significantly, otherwise the linear probes."""
    gains = networks.gains
    losses = jax.vmap(partial(_loss, 0.0, key=None))(linear, train)
    held_out_losses = networks.held_out_losses + jax.vmap(average)(gains, weights)
    start = EarlyStopped(linear, held_out_losses, jax.vmap(average)(losses, train_weights), jnp.zeros_like(gains))
    # One-sided test of a positive mean gain over all held-out rows.
    flat, counted = gains.reshape(-1), None if weights is None else weights.reshape(-1)
    mean = average(flat, counted)
    variance = average((flat - mean) ** 2, counted) / effective_size(counted, gains.size)
    is_better = mean > SIGNIFICANT_GAIN * jnp.sqrt(variance)
    return jax.tree.map(lambda new, old: jnp.where(is_better, new, old), networks, start)


def _project(directions: jax.Array | None, rows: jax.Array) -> jax.Array:
    """Coordinates of rows along directions, or all columns."""
    return rows if directions is None else rows @ directions


def _data_noise(key: jax.Array, rows: jax.Array) -> jax.Array:
    """Noise with the covariance of the rows: random combinations of other rows."""
    # Sums of a few rows with Gaussian weights of total variance one.
    weights = jax.random.normal(key, (NUM_MIXED, len(rows), 1)) / jnp.sqrt(NUM_MIXED)
    noise = jnp.zeros_like(rows)
    for shift, weight in enumerate(weights, start=1):  # a stacked sum takes XLA ten times as long to compile
        noise += weight * jnp.roll(rows, shift, axis=0)
    return noise
