"""One codebook for the posteriors of all modalities: k-means on their square roots."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from lsmi_jax.inputs import evenly_spaced

__all__ = ["fit_codebook", "nearest_cell"]

NUM_ITERATIONS = 15


def fit_codebook(
    key: jax.Array, roots: Sequence[jax.Array], num_cells: int, weights: Sequence[jax.Array] | None = None
) -> jax.Array:
    """Cells for the posteriors of M modalities, by Lloyd's algorithm in Hellinger distance.

    All modalities share the cells, so that nearly equal posteriors of two fall into the same cell: the constraint of
    the union information binds there. The start holds the posteriors of the same rows in all modalities, which makes
    the codebook symmetric in the modalities.

    Args:
        key: Random key.
        roots: Square roots of the posteriors of each modality ``[n, K]``.
        num_cells: Number of cells C, a multiple of M.
        weights: Weights of the rows of each modality ``[n]``; None for equal weights.

    Returns:
        Centers ``[C, K]``; a cell without rows keeps its start.
    """
    num_rows, num_each = roots[0].shape[0], num_cells // len(roots)
    order = jax.random.permutation(key, num_rows)
    points = jnp.concatenate(roots)
    shares = jnp.ones(len(points)) if weights is None else jnp.concatenate(weights)

    def start_of(rows: jax.Array, own: jax.Array | None) -> jax.Array:
        # Rows spread over a random order; with few rows, some are drawn more than once and their cells stay empty.
        return rows[order[evenly_spaced(num_rows, num_each, None if own is None else own[order])]]

    def iterate(centers: jax.Array, _: None) -> tuple[jax.Array, None]:
        # Each center moves to the mean of the points nearest to it.
        cell = nearest_cell(centers, points)
        counts = jax.ops.segment_sum(shares, cell, num_cells)[:, None]
        sums = jax.ops.segment_sum(shares[:, None] * points, cell, num_cells)
        return jnp.where(counts > 0, sums / jnp.where(counts > 0, counts, 1), centers), None

    start = jnp.concatenate(list(map(start_of, roots, weights or (None,) * len(roots))))
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
