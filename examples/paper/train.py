"""Training a model of models.py so that each row is predicted by one that never saw it."""

from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from towers import cross_entropies

import lsmi_jax
from lsmi_jax.folds import in_input_order, stratified_folds
from lsmi_jax.probe import fit_linear, linear_losses
from lsmi_jax.whiten import Whiten

PENALTIES = (1.0, 1e-1, 1e-2, 1e-3, 1e-4)

Make = Callable[..., Any]
"""Makes a model from a key, the feature blocks of its training rows, by which it may standardise, and settings."""


def train(
    key: jax.Array,
    make: Make,
    rows: tuple,
    held_out: tuple,
    *,
    settings: tuple = (),
    learning_rate: float = 1e-3,
    weight_decay: float = 1e-4,
    num_rounds: int = 20,
    steps_per_round: int = 25,
    batch_size: int = 128,
) -> Any:
    """Trains one model, keeping the weights whose joint prediction costs least on held-out rows; to be jitted.

    Args:
        key: Random key.
        make: Makes the model.
        rows: Features and labels to train on, ``((x1, x2), labels)``.
        held_out: The same to stop early on.
        settings: Arrays that the model is made from, besides.
        learning_rate: Peak of a rate that warms up and falls as a cosine.
        weight_decay: Decoupled weight decay.
        num_rounds: Number of held-out evaluations.
        steps_per_round: Optimiser steps between them.
        batch_size: Rows of a batch.

    Returns:
        The trained model.
    """
    make_key, key = jax.random.split(key)
    graphdef, params, rest = nnx.split(make(make_key, rows[0], *settings), nnx.Param, ...)  # type: ignore[misc]

    def loss(params: nnx.State, batch: tuple, key: jax.Array | None) -> jax.Array:
        model = nnx.merge(graphdef, params, rest)
        if key is None:
            return cross_entropies(model(None, batch[0]).logits[2:], batch[1])[0]
        return model.loss(key, *batch)

    num_steps = num_rounds * steps_per_round
    rates = optax.warmup_cosine_decay_schedule(0.0, learning_rate, num_steps // 20, num_steps)
    done = lsmi_jax.fit(
        key,
        params,
        loss,
        rows,
        held_out,
        optimizer=optax.adamw(rates, weight_decay=weight_decay),
        num_rounds=num_rounds,
        steps_per_round=steps_per_round,
        batch_size=batch_size,
    )
    return nnx.merge(graphdef, done.params, rest)


def read(model: Any, rows: tuple, held_out: tuple, features: tuple) -> tuple[tuple, tuple]:
    """Logits of rows, as the model gives them, and as linear probes of what it has learned do.

    Probed are the representation of each modality and the model's own joint logits. Heads trained alongside fall short
    of what a representation holds, by as much as it keeps changing, and logits may be too sure: probes mend both.

    Args:
        model: A trained model.
        rows: What it was trained on, ``((x1, x2), labels)``.
        held_out: What it was stopped by, which the probes' penalties are chosen by.
        features: Feature blocks of the rows to predict.

    Returns:
        Logits of the first modality, the second, and both, ``[h, K]``: the model's, and the probes'.
    """
    outputs = [model(None, blocks) for blocks in (rows[0], held_out[0], features)]
    views = zip(*((*output.hidden, output.logits[2]) for output in outputs), strict=True)
    num_classes = outputs[2].logits[2].shape[1]
    probed = tuple(probe(*view, rows[1], held_out[1], num_classes) for view in views)  # type: ignore[call-arg]
    return outputs[2].logits, probed


def probe(
    rows: jax.Array, stop: jax.Array, wanted: jax.Array, labels: jax.Array, stop_labels: jax.Array, num_classes: int
) -> jax.Array:
    """Logits of wanted rows by a logistic regression, its ridge penalty that of least loss on the stop rows."""
    whiten = Whiten(rows)
    weights = fit_linear(whiten(rows), labels, num_classes=num_classes, penalties=jnp.asarray(PENALTIES))
    best = jax.vmap(linear_losses, (0, None, None))(weights, whiten(stop), stop_labels).mean(1).argmin()
    kernel, bias = jax.tree.map(itemgetter(best), weights)
    return whiten(wanted) @ kernel + bias[None]


def cross_fit(
    keys: jax.Array,
    make: Make,
    features: tuple,
    labels: jax.Array | np.ndarray,
    *,
    settings: tuple = (),
    num_folds: int = 5,
    read: Callable[[Any, tuple, tuple, tuple], Any] = read,
    **options: Any,
) -> Any:
    """Predicts each row by a model trained and stopped without it; all seeds and folds in one program.

    Args:
        keys: A random key for each seed ``[m]``.
        make: Makes a model.
        features: The two feature blocks.
        labels: Class labels ``[n]``.
        settings: Arrays that a model is made from, besides; others need no new compilation.
        num_folds: Number of folds; of the rows that are not left out, one in eight serves to stop early.
        read: What is wanted of a model, given its rows and features left out, a pytree of arrays ``[h, ...]``.
        options: Of `train`.

    Returns:
        That pytree for all rows, ``[m, n, ...]``.
    """
    data = tuple(map(jnp.asarray, features)), jnp.asarray(labels)
    split_keys, train_keys = jnp.split(jax.vmap(jax.random.split)(keys), 2, axis=1)
    parts = _splits(split_keys[:, 0], data[1], num_folds)
    return _train_and_read(train_keys[:, 0], *parts, data, settings, make, read, tuple(sorted(options.items())))


@partial(jax.jit, static_argnums=2)
def _splits(keys: jax.Array, labels: jax.Array, num_folds: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Rows to train on, to stop by, and left out, of each seed and fold ``[m, F, ...]``."""

    def one_fold(key: jax.Array, rows: jax.Array) -> tuple[jax.Array, jax.Array]:
        eighths = stratified_folds(key, labels[rows], 8)
        return rows[eighths.train[0]], rows[eighths.left_out[0]]

    def one_seed(key: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        fold_key, key = jax.random.split(key)
        folds = stratified_folds(fold_key, labels, num_folds)
        return *jax.vmap(one_fold)(jax.random.split(key, num_folds), folds.train), folds.left_out

    return jax.vmap(one_seed)(keys)


@partial(jax.jit, static_argnums=(6, 7, 8))
def _train_and_read(keys, rows, stop, left_out, data, settings, make, read, options) -> Any:
    def one(key: jax.Array, *parts: jax.Array) -> Any:
        rows, stop, left_out = (jax.tree.map(itemgetter(part), data) for part in parts)
        return read(train(key, make, rows, stop, settings=settings, **dict(options)), rows, stop, left_out[0])

    def in_order(values: jax.Array) -> jax.Array:
        by_seed = values.reshape(*left_out.shape[:2], *values.shape[1:])
        return jax.vmap(lambda some, rows: in_input_order(some, rows, len(data[1])))(by_seed, left_out)

    keys = jax.vmap(lambda key: jax.random.split(key, left_out.shape[1]))(keys)
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), (keys, rows, stop, left_out))
    return jax.tree.map(in_order, jax.vmap(one)(*flat))
