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

Make = Callable[[jax.Array, Any, jax.Array], nnx.Module]
"""A new member from a key, what it starts from, and its training rows."""

Loss = Callable[[Any, jax.Array, jax.Array | None], jax.Array]
"""Per-row losses of a member, from row indices and a key (None on held-out rows)."""


class Members(NamedTuple):
    """Trained members, one a split.

    Attributes:
        modules: The members, stacked: every array has a leading axis of members.
        held_out_losses: Mean loss of each on the rows held out from it ``[NUM_SPLITS]``.
        train_losses: Mean loss of each on its training rows ``[NUM_SPLITS]``.
    """

    modules: Any
    held_out_losses: jax.Array
    train_losses: jax.Array


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
    make: Make,
    loss: Loss,
    splits: Folds,
    starts: Any,
    *,
    scaling: optax.GradientTransformation,
    learning_rate: float,
    weight_decay: float = 0.0,
) -> Members:
    """Trains one member for each split, all in one program.

    Args:
        key: Random key.
        make: Makes a member.
        loss: Its per-row losses.
        splits: Training and held-out rows of each split.
        starts: What the member of each split starts from, a pytree with a leading axis of splits.
        scaling: How gradients are scaled, such as ``optax.scale_by_adam()``.
        learning_rate: Peak learning rate; it warms up and decays by a cosine.
        weight_decay: Decoupled weight decay.

    Returns:
        `Members`.
    """
    make_key, fit_key = jax.random.split(key)
    plan = schedule(splits.train.shape[1])
    rates = optax.warmup_cosine_decay_schedule(0.0, learning_rate, plan.num_steps // 20, plan.num_steps)
    decay = optax.add_decayed_weights(weight_decay)
    optimizer = optax.chain(scaling, decay, optax.scale_by_learning_rate(rates))

    def member(key: jax.Array, start: Any, train: jax.Array, held_out: jax.Array) -> tuple:
        graphdef, params, statistics = nnx.split(make(key, start, train), nnx.Param, ...)  # type: ignore[misc]

        def rows_loss(params: nnx.State, rows: jax.Array, key: jax.Array | None) -> jax.Array:
            own = jax.tree.map(lambda leaf: leaf, params)  # variables of this trace, which a loss may set
            return loss(nnx.merge(graphdef, own, statistics), rows, key)

        # The same key for all members: batches and noise are then drawn once.
        done = fit(fit_key, params, rows_loss, train, held_out, optimizer=optimizer, **plan._asdict())
        return nnx.merge(graphdef, done.params, statistics), done.held_out_loss, done.train_loss

    return Members(*jax.vmap(member)(jax.random.split(make_key, NUM_SPLITS), starts, *splits))
