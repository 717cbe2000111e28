"""Networks that start from linear classifiers and are trained under input noise with early stopping."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from lsmi_jax.decomposition import average, effective_size
from lsmi_jax.inputs import Folds, weights_of
from lsmi_jax.models._early_stopping import EarlyStopped, fit_early_stopped
from lsmi_jax.models._logistic_regression import LinearWeights
from lsmi_jax.models._probe import Probe
from lsmi_jax.models._vector_adam import scale_by_vector_adam

__all__ = ["fit_networks"]

# Chosen on benchmarks/accuracy.py; CHANGELOG.md lists the alternatives that lost.
INPUT_NOISE = 0.5  # standard deviations, for few rows
FEW_ROWS = 1600  # above this many rows, noise shrinks at Scott's rate n^(-1/(d+4))
LEARNING_RATE = 6e-2
WEIGHT_DECAY = 1e-4
SIGNIFICANT_GAIN = 2.0  # standard errors by which networks must beat the linear probes they started from
NUM_MIXED = 4  # rows that are combined to one row of noise

Rows = tuple[jax.Array, jax.Array]
"""Rows ``[..., n, d]`` and their labels ``[..., n]``."""


def fit_networks(
    key: jax.Array,
    features: jax.Array,
    labels: jax.Array,
    splits: Folds,
    weights: jax.Array | None,
    start: LinearWeights,
) -> tuple[EarlyStopped, jax.Array]:
    """Trains networks from linear classifiers of each split; keeps these classifiers where training gains little.

    Args:
        key: Random key.
        features: Rows ``[n, d]``.
        labels: Class labels ``[n]``.
        splits: Training rows and held-out rows of each split.
        weights: Weight of each row ``[n]``; None for equal weights.
        start: Kernels ``[S, d, K]`` and biases ``[S, K]`` of the linear classifiers.

    Returns:
        The networks, and their logits of the held-out rows ``[S, h, K]``.
    """
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


def _data_noise(key: jax.Array, rows: jax.Array) -> jax.Array:
    """Noise with the covariance of the rows: random combinations of other rows."""
    # Sums of a few rows with Gaussian weights of total variance one.
    weights = jax.random.normal(key, (NUM_MIXED, len(rows), 1)) / jnp.sqrt(NUM_MIXED)
    noise = jnp.zeros_like(rows)
    for shift, weight in enumerate(weights, start=1):  # a stacked sum takes XLA ten times as long to compile
        noise += weight * jnp.roll(rows, shift, axis=0)
    return noise
