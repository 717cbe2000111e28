"""One codebook for the posteriors of both modalities: k-means on their square roots."""

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["fit_codebook", "nearest_cell"]

NUM_ITERATIONS = 15


def fit_codebook(key: jax.Array, first: jax.Array, second: jax.Array, num_cells: int) -> jax.Array:
    """Cells for the posteriors of two modalities, by Lloyd's algorithm in Hellinger distance.

    Both modalities share the cells, so that nearly equal posteriors of the two fall into the same cell: the
    constraint of the union information binds there. The start holds both posteriors of the same rows, which makes
    the codebook symmetric in the modalities.

    Args:
        key: Random key.
        first: Square roots of the posteriors of the first modality ``[n, K]``.
        second: Square roots of the posteriors of the second modality ``[n, K]``.
        num_cells: Number of cells M, even.

    Returns:
        Centers ``[M, K]``; a cell without rows keeps its start.
    """
    num_rows = first.shape[0]
    # Rows spread over a random order; with few rows, some are drawn more than once and their cells stay empty.
    drawn = jax.random.permutation(key, num_rows)[np.arange(num_cells // 2) * num_rows // (num_cells // 2)]
    points = jnp.concatenate([first, second])

    def iterate(centers: jax.Array, _: None) -> tuple[jax.Array, None]:
        # Each center moves to the mean of the points nearest to it.
        cell = nearest_cell(centers, points)
        counts = jax.ops.segment_sum(jnp.ones(len(points)), cell, num_cells)[:, None]
        sums = jax.ops.segment_sum(points, cell, num_cells)
        return jnp.where(counts > 0, sums / jnp.maximum(counts, 1), centers), None

    start = jnp.concatenate([first[drawn], second[drawn]])
    return jax.lax.scan(iterate, start, None, length=NUM_ITERATIONS)[0]


def nearest_cell(centers: jax.Array, points: jax.Array) -> jax.Array:
    """Index of the nearest center of each point.

    Args:
        centers: ``[M, K]``.
        points: ``[n, K]``.

    Returns:
        Indices ``[n]``.
    """
    # |p - c|^2 = |p|^2 - 2 (p.c - |c|^2 / 2), and the first term is the same for all centers.
    return jnp.argmax(points @ centers.T - 0.5 * (centers**2).sum(1)[None], axis=1)
