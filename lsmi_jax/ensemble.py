"""Members of an ensemble, trained together: splits of the rows times settings, weighed by held-out loss."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from lsmi_jax.folds import Folds, stratified_folds
from lsmi_jax.training import fit, schedule

__all__ = ["Members", "fit_members", "mean_loss", "member_splits", "per_setting", "weigh"]

NUM_PARTS = 5  # the rows are cut into so many parts
NUM_SPLITS = 3  # and so many of them serve to stop a member early
TIE = 3.0  # mean losses on h held-out rows are told apart from about TIE / h on

Make = Callable[[jax.Array, Any, jax.Array], nnx.Module]
"""A new member from a key, what it starts from, and its training rows."""

Loss = Callable[[Any, jax.Array, jax.Array, jax.Array | None], jax.Array]
"""Per-row losses of a member, from its setting, row indices and a key (None on held-out rows)."""


class Members(NamedTuple):
    """Trained members, in the order of splits, then settings.

    Attributes:
        modules: The members, stacked: every array has a leading axis of m members.
        held_out_losses: Mean loss of each on the rows held out from it ``[m]``.
        train_losses: Mean loss of each on its training rows ``[m]``.
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
    settings: jax.Array,
    *,
    learning_rate: float,
    weight_decay: float = 0.0,
) -> Members:
    """Trains one member for each split and setting, all in one program.

    Args:
        key: Random key.
        make: Makes a member.
        loss: Its per-row losses.
        splits: Training and held-out rows of each split.
        starts: What the members of each split start from, a pytree with a leading axis of splits.
        settings: The setting of each member of a split ``[s]``.
        learning_rate: Peak learning rate; it warms up and decays by a cosine.
        weight_decay: Weight decay of AdamW.

    Returns:
        `Members`, ``NUM_SPLITS * s`` of them.
    """
    make_key, fit_key = jax.random.split(key)
    plan = schedule(splits.train.shape[1])
    rates = optax.warmup_cosine_decay_schedule(0.0, learning_rate, plan.num_steps // 20, plan.num_steps)
    optimizer = optax.adamw(rates, weight_decay=weight_decay)

    def member(key: jax.Array, setting: jax.Array, start: Any, train: jax.Array, held_out: jax.Array) -> tuple:
        graphdef, params, statistics = nnx.split(make(key, start, train), nnx.Param, ...)  # type: ignore[misc]

        def rows_loss(params: nnx.State, rows: jax.Array, key: jax.Array | None) -> jax.Array:
            own = jax.tree.map(lambda leaf: leaf, params)  # variables of this trace, which a loss may set
            return loss(nnx.merge(graphdef, own, statistics), setting, rows, key)

        # The same key for all members: batches and noise are then drawn once.
        done = fit(fit_key, params, rows_loss, train, held_out, optimizer=optimizer, **plan._asdict())
        return nnx.merge(graphdef, done.params, statistics), done.held_out_loss, done.train_loss

    num_settings = len(settings)
    per_split = jax.tree.map(lambda leaf: jnp.repeat(leaf, num_settings, axis=0), (starts, *splits))
    keys = jax.random.split(make_key, NUM_SPLITS * num_settings)
    return Members(*jax.vmap(member)(keys, jnp.tile(settings, NUM_SPLITS), *per_split))


def per_setting(values: jax.Array) -> jax.Array:
    """Mean over the splits of values of members ``[NUM_SPLITS * s]``, by setting ``[s]``."""
    return values.reshape(NUM_SPLITS, -1).mean(0)


def weigh(losses: jax.Array, num_held_out: int) -> jax.Array:
    """Log-weights that sum to one, falling with the mean loss on held-out rows.

    Args:
        losses: Mean held-out losses ``[s]``.
        num_held_out: Number of held-out rows.

    Returns:
        Log-weights ``[s]``.
    """
    return jax.nn.log_softmax(-losses * num_held_out / TIE)


def mean_loss(log_weights: jax.Array, losses: jax.Array) -> jax.Array:
    """Weighted mean of losses, a scalar."""
    return (jnp.exp(log_weights) * losses).sum()
