"""Members of an ensemble, trained together, each on its own split of the rows."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import optax
from flax import nnx

from lsmi_jax.folds import Folds, stratified_folds
from lsmi_jax.training import fit, schedule

__all__ = ["Members", "fit_members", "member_splits"]

NUM_PARTS = 5  # the rows are cut into so many parts
NUM_SPLITS = 3  # and so many of them serve to stop a member early

Loss = Callable[[Any, Any, jax.Array | None], jax.Array]
"""Per-row losses of a member, from rows and a key (None on held-out rows)."""


class Members(NamedTuple):
    """Trained members, one a split.

    Attributes:
        modules: The members, stacked: every array has a leading axis of members.
        held_out_losses: Mean loss of each on the rows held out from it ``[NUM_SPLITS]``.
        train_losses: Mean loss of each on its training rows ``[NUM_SPLITS]``.
        gains: By how much training lessened the loss of each held-out row ``[NUM_SPLITS, h]``.
    """

    modules: Any
    held_out_losses: jax.Array
    train_losses: jax.Array
    gains: jax.Array


def member_splits(key: jax.Array, labels: jax.Array, rows: jax.Array) -> Folds:
    """Splits of some rows into training and held-out ones, stratified by label.

    Args:
        key: Random key.
        labels: Class labels ``[n]`` of all rows.
        rows: Row indices to split ``[t]``.

    Returns:
        `Folds` of row indices, ``[NUM_SPLITS, ...]``.
    """
    folds = stratified_folds(key, labels[rows], NUM_PARTS)
    return Folds(rows[folds.train[:NUM_SPLITS]], rows[folds.left_out[:NUM_SPLITS]])


def fit_members(
    key: jax.Array,
    starts: Any,
    loss: Loss,
    train: Any,
    held_out: Any,
    *,
    scaling: optax.GradientTransformation,
    learning_rate: float,
    weight_decay: float = 0.0,
) -> Members:
    """Trains one member for each split, all in one program.

    Args:
        key: Random key, the same for all members: batches and noise are then drawn once.
        starts: Modules to start from, one a split, stacked.
        loss: Per-row losses of a member.
        train: Pytree of the training rows of each split, ``[NUM_SPLITS, t, ...]``.
        held_out: The same of the rows held out, ``[NUM_SPLITS, h, ...]``.
        scaling: How gradients are scaled, such as ``optax.scale_by_adam()``.
        learning_rate: Peak learning rate; it warms up and decays by a cosine.
        weight_decay: Decoupled weight decay.

    Returns:
        `Members`.
    """
    plan = schedule(jax.tree.leaves(train)[0].shape[1])
    rates = optax.warmup_cosine_decay_schedule(0.0, learning_rate, plan.num_steps // 20, plan.num_steps)
    decay = optax.add_decayed_weights(weight_decay)
    optimizer = optax.chain(scaling, decay, optax.scale_by_learning_rate(rates))

    def member(start: Any, train: Any, held_out: Any) -> tuple:
        graphdef, params, statistics = nnx.split(start, nnx.Param, ...)  # type: ignore[misc]

        def rows_loss(params: nnx.State, rows: Any, key: jax.Array | None) -> jax.Array:
            own = jax.tree.map(lambda leaf: leaf, params)  # variables of this trace, which a loss may set
            return loss(nnx.merge(graphdef, own, statistics), rows, key)

        done = fit(key, params, rows_loss, train, held_out, optimizer=optimizer, **plan._asdict())
        return nnx.merge(graphdef, done.params, statistics), done.held_out_loss, done.train_loss, done.gains

    return Members(*jax.vmap(member)(starts, train, held_out))
