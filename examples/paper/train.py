"""Training a model of models.py so that each row is predicted by one that never saw it."""

from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from towers import cross_entropies

import lsmi_jax
from lsmi_jax.folds import in_input_order, stratified_folds

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
    """Trains one model, keeping the weights with the least cross-entropy on held-out rows; to be jitted or mapped.

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
            return cross_entropies(model(None, batch[0]).logits, batch[1]).sum(0)
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


def predict(model: Any, features: tuple) -> tuple[tuple, tuple]:
    """Logits and representations of rows, without dropout or noise."""
    output = model(None, features)
    return output.logits, output.hidden


def cross_fit(
    keys: jax.Array,
    make: Make,
    features: tuple,
    labels: jax.Array,
    *,
    settings: tuple = (),
    num_folds: int = 5,
    predict: Callable[[Any, tuple], Any] = predict,
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
        predict: What is wanted of a model and the rows left out, a pytree of arrays ``[h, ...]``.
        options: Of `train`.

    Returns:
        That pytree for all rows, ``[m, n, ...]``.
        Logits of all folds can be compared, representations cannot.
    """
    data = tuple(map(jnp.asarray, features)), jnp.asarray(labels)
    split_keys, train_keys = jnp.split(jax.vmap(jax.random.split)(keys), 2, axis=1)
    parts = _splits(split_keys[:, 0], data[1], num_folds)
    train_keys = jax.vmap(lambda key: jax.random.split(key, num_folds))(train_keys[:, 0])
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), (train_keys, *parts))
    predicted = _train_and_predict(*flat, data, settings, make, predict, tuple(sorted(options.items())))
    return jax.tree.map(lambda leaf: _in_input_order(leaf, parts[2], len(labels)), predicted)


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
def _train_and_predict(keys, rows, stop, left_out, data, settings, make, predict, options) -> Any:
    def one(key: jax.Array, *parts: jax.Array) -> Any:
        rows, stop, left_out = (jax.tree.map(itemgetter(part), data) for part in parts)
        return predict(train(key, make, rows, stop, settings=settings, **dict(options)), left_out[0])

    return jax.vmap(one)(keys, rows, stop, left_out)


def _in_input_order(values: jax.Array, left_out: jax.Array, size: int) -> jax.Array:
    by_seed = values.reshape(*left_out.shape[:2], *values.shape[1:])
    return jax.vmap(lambda one, rows: in_input_order(one, rows, size))(by_seed, left_out)
