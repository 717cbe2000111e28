"""Ensembles of early-stopped members, trained together, each on its own split of the rows."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import optax
from flax import nnx

from lsmi_jax.inputs import Folds, stratified_folds
from lsmi_jax.models._training import fit, schedule

__all__ = ["NUM_PARTS", "NUM_SPLITS", "EarlyStopped", "fit_early_stopped", "inner_splits", "training_weights"]

NUM_PARTS = 5  # parts that the rows are cut into
NUM_SPLITS = 3  # parts that are held out, each for the early stopping of one member

Loss = Callable[[Any, Any, jax.Array | None], jax.Array]
"""Per-row losses of a member, from rows and a key (None on held-out rows)."""


class EarlyStopped(NamedTuple):
    """Trained members, one per split.

    Attributes:
        modules: The members, stacked: every array has a leading axis of members.
        held_out_losses: Mean loss of each member on its held-out rows ``[S]``.
        train_losses: Mean loss of each member on its training rows ``[S]``.
        gains: Reduction in each held-out row's loss by training ``[S, h]``.
    """

    modules: Any
    held_out_losses: jax.Array
    train_losses: jax.Array
    gains: jax.Array


def inner_splits(key: jax.Array, labels: jax.Array, num_splits: int = NUM_SPLITS) -> Folds:
    """Splits the rows of one fit into training and held-out rows, stratified by label.

    Args:
        key: Random key.
        labels: Class labels ``[n]``.
        num_splits: Number of splits, at most 5.

    Returns:
        `Folds` of row indices, ``[num_splits, ...]``.
    """
    folds = stratified_folds(key, labels, NUM_PARTS)
    return Folds(folds.train[:num_splits], folds.left_out[:num_splits])


def training_weights(left_out: jax.Array, weights: jax.Array) -> jax.Array:
    """Weights of all rows ``[n]`` in each split, where its held-out rows ``[S, h]`` have weight zero ``[S, n]``."""
    return jax.vmap(lambda part: weights.at[part].set(0))(left_out)


def fit_early_stopped(
    key: jax.Array,
    starts: Any,
    loss: Loss,
    train: Any,
    held_out: Any,
    train_weights: jax.Array | None = None,
    held_out_weights: jax.Array | None = None,
    *,
    scaling: optax.GradientTransformation,
    learning_rate: float,
    weight_decay: float = 0.0,
) -> EarlyStopped:
    """Trains one member per split, all in one program.

    Args:
        key: Random key, shared by all members, so that batches and noise are drawn once.
        starts: Initial modules, one per split, stacked.
        loss: Per-row losses of a member.
        train: Pytree of the training rows of each split, ``[S, t, ...]``.
        held_out: Pytree of the held-out rows of each split, ``[S, h, ...]``.
        train_weights: Weights of the training rows ``[S, t]``; None for equal weights.
        held_out_weights: Weights of the held-out rows ``[S, h]``; None for equal weights.
        scaling: Gradient scaling, such as ``optax.scale_by_adam()``.
        learning_rate: Peak learning rate; it warms up and decays by a cosine.
        weight_decay: Decoupled weight decay.

    Returns:
        `EarlyStopped`.
    """
    plan = schedule(jax.tree.leaves(train)[0].shape[1])
    rates = optax.warmup_cosine_decay_schedule(0.0, learning_rate, plan.num_steps // 20, plan.num_steps)
    decay = optax.add_decayed_weights(weight_decay)
    optimizer = optax.chain(scaling, decay, optax.scale_by_learning_rate(rates))

    def member(start: Any, train: Any, held_out: Any, train_weights: Any, held_out_weights: Any) -> tuple:
        graphdef, params, statistics = nnx.split(start, nnx.Param, ...)  # type: ignore[misc]

        def rows_loss(params: nnx.State, rows: Any, key: jax.Array | None) -> jax.Array:
            own = jax.tree.map(lambda leaf: leaf, params)  # new variables for this trace, which a loss may set
            return loss(nnx.merge(graphdef, own, statistics), rows, key)

        done = fit(
            key,
            params,
            rows_loss,
            train,
            held_out,
            train_weights=train_weights,
            held_out_weights=held_out_weights,
            optimizer=optimizer,
            **plan._asdict(),
        )
        return nnx.merge(graphdef, done.params, statistics), done.held_out_loss, done.train_loss, done.gains

    return EarlyStopped(*jax.vmap(member)(starts, train, held_out, train_weights, held_out_weights))
