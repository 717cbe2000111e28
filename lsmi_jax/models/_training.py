"""Training as a pure function of pytrees: one compiled scan over optax steps, with early stopping."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lsmi_jax.decomposition import average
from lsmi_jax.inputs import check_key, rows_at
from lsmi_jax.models._chunking import in_chunks

__all__ = ["Fit", "Schedule", "descend", "fit", "schedule"]

CHUNK = 1024  # rows evaluated at a time, to bound memory
NUM_AVERAGED = 2  # rounds over which parameters are averaged

Params = Any
Loss = Callable[[Params, Any, jax.Array | None], jax.Array]
"""Per-row losses ``[b]`` from parameters, rows and a random key (None on held-out rows)."""


class Fit(NamedTuple):
    """Outcome of a training.

    Attributes:
        params: Averaged parameters of the round with the smallest held-out loss.
        held_out_loss: That loss, a scalar.
        train_loss: Loss of these parameters on training rows, a scalar.
        held_out_losses: Held-out loss before training and after each round, ``[num_rounds + 1]``.
        gains: Reduction in each held-out row's loss by training, ``[h]``.
    """

    params: Params
    held_out_loss: jax.Array
    train_loss: jax.Array
    held_out_losses: jax.Array
    gains: jax.Array


class Schedule(NamedTuple):
    """Length of training; `fit` takes its fields as keyword arguments.

    Attributes:
        num_rounds: Number of held-out evaluations.
        steps_per_round: Optimizer steps between them.
        batch_size: Rows per batch.
    """

    num_rounds: int
    steps_per_round: int
    batch_size: int

    @property
    def num_steps(self) -> int:
        """Total number of optimizer steps."""
        return self.num_rounds * self.steps_per_round


def schedule(num_rows: int) -> Schedule:
    """Length of training for a number of rows: about 40 passes, but between 500 and 2000 steps.

    Args:
        num_rows: Number of training rows.

    Returns:
        A `Schedule`.
    """
    num_rounds, batch_size, passes = 20, 256, 40
    steps = round(passes * num_rows / (batch_size * num_rounds))
    return Schedule(num_rounds, min(max(steps, 25), 100), min(batch_size, num_rows))


def descend(optimizer: optax.GradientTransformation, grads: Params, params: Params, state: Any) -> tuple[Params, Any]:
    """One step of an optimizer; also works under strict dtype promotion.

    Args:
        optimizer: An optax transformation.
        grads: Gradients, a pytree like the parameters.
        params: Pytree of parameters.
        state: State of the optimizer.

    Returns:
        The new parameters and state.
    """
    with jax.numpy_dtype_promotion("standard"):  # optax's Adam raises a float to an integer power
        updates, state = optimizer.update(grads, state, params)
    return optax.apply_updates(params, updates), state


def fit(
    key: jax.Array,
    params: Params,
    loss: Loss,
    train: Any,
    held_out: Any,
    *,
    train_weights: jax.Array | None = None,
    held_out_weights: jax.Array | None = None,
    optimizer: optax.GradientTransformation,
    num_rounds: int,
    steps_per_round: int,
    batch_size: int,
) -> Fit:
    """Minimizes a loss on random batches and keeps the averaged parameters with the smallest held-out loss.

    The candidates are moving averages over the steps of two rounds (after Polyak and Juditsky, 1992), because single
    steps scatter around the minimum as long as the learning rate is large. The initial parameters are a candidate,
    too: they are returned if training never improves the held-out loss. A single ``lax.scan``, which compiles once and
    runs under ``jit`` and ``vmap``.

    Args:
        key: Random key.
        params: Pytree of initial parameters.
        loss: Per-row losses ``[b]`` of ``(params, rows, key)``; the key is None on held-out rows.
        train: Pytree of arrays ``[t, ...]``; batches are drawn from its rows with replacement.
        held_out: Pytree of arrays ``[h, ...]``.
        train_weights: Weight of each training row ``[t]``, by which batches are drawn; None for equal weights.
        held_out_weights: Weight of each held-out row ``[h]``; None for equal weights.
        optimizer: An optax transformation.
        num_rounds: Number of held-out evaluations.
        steps_per_round: Optimizer steps between them.
        batch_size: Rows per batch.

    Returns:
        A `Fit`.
    """
    key, num_train = check_key(key), jax.tree.leaves(train)[0].shape[0]

    def step(carry: tuple, drawn: tuple) -> tuple:
        averaged, params, state = carry
        index, loss_key, share = drawn
        batch = jax.tree.map(lambda leaf: leaf[index], train)
        grads = jax.grad(lambda p: loss(p, batch, loss_key).mean())(params)
        params, state = descend(optimizer, grads, params, state)
        return (optax.incremental_update(params, averaged, share), params, state), None

    def evaluate(params: Params, data: Any) -> jax.Array:
        return in_chunks(lambda rows: loss(params, rows, None), data, CHUNK)

    def held_out_mean(losses: jax.Array) -> jax.Array:
        return average(losses, held_out_weights)

    def one_round(carry: tuple, drawn: tuple) -> tuple[tuple, jax.Array]:
        current, *best = carry
        current, _ = jax.lax.scan(step, current, drawn)
        # Keep the parameters of the best round so far.
        losses = evaluate(current[0], held_out)
        improved = held_out_mean(losses) < held_out_mean(best[1])  # false for NaN
        best = jax.tree.map(lambda new, old: jnp.where(improved, new, old), [current[0], losses], best)
        return (current, *best), held_out_mean(losses)

    # Drawn before the loop and by a remainder: each random generator in a program is slow to compile.
    row_key, loss_key = jax.random.split(key)
    steps = (num_rounds, steps_per_round)
    indices = _drawn_rows(jax.random.bits(row_key, (*steps, batch_size)), num_train, train_weights)
    # Share of each step in the average: the mean of all steps at first, an exponential moving average later.
    counts = np.arange(1, num_rounds * steps_per_round + 1, dtype=np.float32).reshape(steps)
    shares = jnp.asarray(1 / np.minimum(counts, np.float32(NUM_AVERAGED * steps_per_round)))
    start = evaluate(params, held_out)
    carry = ((params, params, optimizer.init(params)), params, start)
    (_, best, losses), means = jax.lax.scan(one_round, carry, (indices, jax.random.split(loss_key, steps), shares))
    all_means = jnp.concatenate([held_out_mean(start)[None], means])
    train_loss = average(evaluate(best, train), train_weights)
    return Fit(best, held_out_mean(losses), train_loss, all_means, start - losses)


def _drawn_rows(bits: jax.Array, num_rows: int, weights: jax.Array | None) -> jax.Array:
    """Row indices from random bits, each row as often as its weight."""
    if weights is None:
        return bits % np.uint32(num_rows)
    return rows_at(weights, (bits >> np.uint32(8)).astype(jnp.float32) * np.float32(2**-24))
