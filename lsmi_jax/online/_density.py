"""A density that is fitted while batches come in: running units, and one optimizer step for each batch."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from lsmi_jax.models import Knife, descend

__all__ = ["OnlineDensity", "follow", "improve", "init_density"]

LEARNING_RATE = 1e-2


class OnlineDensity(NamedTuple):
    """A KNIFE mixture fitted online.

    Attributes:
        knife: The mixture.
        optimizer: State of its optimizer.
        moments: Exponentially weighted sums of one, of the rows, and of their squares; ``[1 + 2 d]``.
    """

    knife: Knife
    optimizer: Any
    moments: jax.Array


def init_density(key: jax.Array, num_columns: int, num_components: int) -> OnlineDensity:
    """Random means, in units of the spreads that the data will have."""
    rows = jax.random.normal(key, (4 * num_components, num_columns))
    knife = Knife(key, rows, num_components=num_components, decorrelate=False)
    params = nnx.state(knife, nnx.Param)
    return OnlineDensity(knife, optax.adam(LEARNING_RATE).init(params), jnp.zeros(1 + 2 * num_columns))


def follow(density: OnlineDensity, rows: jax.Array, weights: jax.Array, decay: jax.Array) -> OnlineDensity:
    """Updates the running means and spreads, which are the units of the density, with these rows."""
    # Running mean and variance from exponentially weighted moments.
    sums = [weights.sum()[None], weights @ rows, weights @ rows**2]
    moments = decay * density.moments + jnp.concatenate(sums)
    mean, square = jnp.split(moments[1:] / moments[0], 2)
    variance = square - mean**2
    known = variance > 1e-6 * square  # otherwise round-off: the column is constant and left out
    knife = nnx.clone(density.knife)  # do not modify the caller's module
    knife.whiten.standardize.mean[...] = mean
    knife.whiten.standardize.scale[...] = jnp.where(known, jnp.sqrt(jnp.where(known, variance, 1)), 0)
    return density._replace(knife=knife, moments=moments)


def improve(density: OnlineDensity, rows: jax.Array, weights: jax.Array) -> OnlineDensity:
    """One optimizer step of maximum likelihood."""
    graphdef, params, statistics = nnx.split(density.knife, nnx.Param, ...)  # type: ignore[misc]

    def loss(params: nnx.State) -> jax.Array:
        surprisal = nnx.merge(graphdef, params, statistics).surprisal(rows)
        return weights @ surprisal / jnp.maximum(weights.sum(), 1)

    grads = jax.grad(loss)(params)
    params, optimizer = descend(optax.adam(LEARNING_RATE), grads, params, density.optimizer)
    return density._replace(knife=nnx.merge(graphdef, params, statistics), optimizer=optimizer)
