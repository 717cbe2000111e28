"""Projection of many columns on the space of their leading directions."""

import jax
import jax.numpy as jnp

from lsmi_jax.models._linear_algebra import inverse_cholesky, product

__all__ = ["NUM_DIRECTIONS", "leading_directions"]

NUM_DIRECTIONS = 128
NUM_PASSES = 3
RIDGE = 1e-6  # of the trace; keeps directions finite where there are fewer than asked


def leading_directions(key: jax.Array, rows: jax.Array, weights: jax.Array | None = None) -> jax.Array:
    """Orthonormal directions that approximately span the leading principal components of rows, in no order.

    Subspace iteration from random directions (Halko, Martinsson and Tropp, 2011).

    Args:
        key: Random key.
        rows: Rows ``[n, d]``, centered.
        weights: Weight of each row ``[n]``; None for equal weights.

    Returns:
        Directions ``[d, m]``, with m at most `NUM_DIRECTIONS`.
    """
    start_key, turn_key = jax.random.split(key)
    count = min(NUM_DIRECTIONS, *rows.shape)
    directions = jax.random.normal(start_key, (rows.shape[1], count))
    weighted = rows if weights is None else weights[:, None] * rows
    for _ in range(NUM_PASSES):
        directions = _orthonormal(product(weighted.T, product(rows, directions)))
    # A random rotation makes the variances of the coordinates alike, so that standardizing them changes little.
    return product(directions, _orthonormal(jax.random.normal(turn_key, (count, count))))


def _orthonormal(directions: jax.Array) -> jax.Array:
    """Orthonormal basis of the space of columns, by Cholesky factorization, done twice to reduce round-off."""
    for _ in range(2):
        gram = product(directions.T, directions)
        ridge = RIDGE * jnp.maximum(jnp.trace(gram), jnp.finfo(jnp.float32).tiny)
        directions = product(directions, inverse_cholesky(gram + ridge * jnp.eye(len(gram))).T)
    return directions
