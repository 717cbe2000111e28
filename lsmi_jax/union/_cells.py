"""Potentials of the cells of a codebook, and bounds on the union information of the cells."""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from lsmi_jax.union._codebook import nearest_cell
from lsmi_jax.union._solver import LAST_EPSILON, TINY, combined, fixed_point_step, largest_log_sums, log_sums

__all__ = ["bounds_of_cells", "cell_statistics", "only_occupied", "partners", "slopes_of_cells", "sweeps"]

# Chosen on exact posteriors of the synthetic tasks; docs/choosing.md lists the alternatives that lost.
NUM_SWEEPS = 250  # over the cells, with a regularization that falls from the first epsilon to the last
FIRST_EPSILON = 0.2
NUM_NEIGHBORS = 8  # of a cell, for the slope of the potentials there
EMPTY = -50.0  # log-mass below which a cell has no rows
MAX_PARTNERS = 1024  # tuples of the other modalities that a row's potential is solved for
NO_CELL = -1e4  # potential of a cell that no tuple is formed with, in nats


def cell_statistics(
    centers: jax.Array, roots: jax.Array, prior: jax.Array, weights: jax.Array | None
) -> tuple[jax.Array, jax.Array]:
    """Log-mass and log-posterior of each cell of one modality, which average to the prior.

    Args:
        centers: Square roots of posteriors ``[C, K]``.
        roots: Square roots of the posteriors of the rows ``[n, K]``.
        prior: Probabilities of the classes ``[K]``.
        weights: Weight of each row ``[n]``; None for equal weights.

    Returns:
        Log-masses ``[C]`` and log-posteriors ``[C, K]``, in nats.
    """
    num_cells = len(centers)
    cell = nearest_cell(centers, roots)
    shares = jnp.ones(len(roots)) if weights is None else weights
    counts = jax.ops.segment_sum(shares, cell, num_cells)
    sums = jax.ops.segment_sum(shares[:, None] * roots**2, cell, num_cells)
    masses = counts / shares.sum()
    # A cell without rows of this modality has no mass; its posterior is that of its center.
    means = jnp.where(counts[:, None] > 0, sums, centers**2)
    posteriors = means / means.sum(1, keepdims=True)

    def reweigh(factors: jax.Array, _: None) -> tuple[jax.Array, None]:
        scaled = posteriors * factors[None]
        frequencies = masses @ (scaled / scaled.sum(1, keepdims=True))
        return factors * prior / jnp.maximum(frequencies, TINY), None

    # All modalities need the same class frequencies: otherwise the dual has no maximum.
    factors, _ = jax.lax.scan(reweigh, jnp.ones_like(prior), None, length=30)
    scaled = posteriors * factors[None]
    log_posteriors = jnp.log(scaled + TINY) - jnp.log(scaled.sum(1, keepdims=True) + TINY)
    return jnp.log(masses + TINY), log_posteriors


def sweeps(log_masses: tuple[jax.Array, ...], log_posteriors: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    """Potentials of the cells: equal shares of the log-posteriors, improved under a falling regularization.

    Args:
        log_masses: Of the cells of each of M modalities ``[C]``.
        log_posteriors: Of the cells of each modality ``[C, K]``, in nats.

    Returns:
        Potentials of each modality ``[C, K]``, in nats.
    """
    count = len(log_masses)

    def sweep(potentials: tuple[jax.Array, ...], epsilon: jax.Array) -> tuple[tuple, None]:
        # All at the same time, with shorter steps: steps in turn would treat the modalities differently.
        step = partial(fixed_point_step, epsilon=epsilon, relaxation=2 / count)
        others = [combined(potentials, log_masses, but=m) for m in range(count)]
        moved = (step(own, p, *rest) for own, p, rest in zip(potentials, log_posteriors, others, strict=True))
        return tuple(moved), None

    start = tuple(own / count for own in log_posteriors)
    epsilons = jnp.asarray(np.geomspace(FIRST_EPSILON, LAST_EPSILON, NUM_SWEEPS), jnp.float32)
    return jax.lax.scan(sweep, start, epsilons)[0]


def slopes_of_cells(log_masses: jax.Array, log_posteriors: jax.Array, cells: jax.Array) -> jax.Array:
    """Least-squares slope of the potentials against the log-posteriors, over the neighbors of each cell.

    It is 1 where the other modalities add nothing and 1/M where all M modalities are alike.

    Args:
        log_masses: Of the cells ``[C]``.
        log_posteriors: Of the cells ``[C, K]``, in nats.
        cells: Potentials of the cells ``[C, K]``, in nats.

    Returns:
        ``[C]``, from 0 to 1.
    """
    roots, weights = jnp.exp(log_posteriors / 2), jnp.exp(log_posteriors)[:, None]
    distances = 2 - 2 * jnp.matmul(roots, roots.T, precision="highest")
    allowed = (log_masses > EMPTY)[None] & ~jnp.eye(len(roots), dtype=bool)
    _, neighbors = jax.lax.top_k(-jnp.where(allowed, distances, jnp.inf), min(NUM_NEIGHBORS, len(roots) - 1))

    def differences(values: jax.Array) -> jax.Array:
        """Differences of the neighbors to each cell ``[C, J, K]``, centered: constants belong to the constraint."""
        change = values[neighbors] - values[:, None]
        return change - (weights * change).sum(-1, keepdims=True)

    moved, change = differences(cells), differences(log_posteriors)
    shares = weights * jnp.exp(log_masses)[neighbors][..., None]
    slopes = (shares * moved * change).sum((1, 2)) / jnp.maximum((shares * change**2).sum((1, 2)), TINY)
    return jnp.clip(slopes, 0, 1)


def bounds_of_cells(
    cells: tuple[jax.Array, ...],
    log_masses: tuple[jax.Array, ...],
    log_posteriors: tuple[jax.Array, ...],
    prior: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Lower and upper bound on the union information of the cells, in nats.

    Args:
        cells: Potentials of the cells of each of M modalities ``[C, K]``, in nats.
        log_masses: Of the cells of each modality ``[C]``.
        log_posteriors: Of the cells of each modality ``[C, K]``, in nats.
        prior: Probabilities of the classes ``[K]``.

    Returns:
        Two scalars.
    """
    count, entropy = len(cells), -(prior * jnp.log(prior)).sum()
    # Dual: 1/M of its largest violation is subtracted from every cell, which makes every tuple feasible.
    present = only_occupied(cells, log_masses)
    largest = [largest_log_sums(own, combined(present, but=m)[0]) for m, own in enumerate(cells)]
    values = (
        (jnp.exp(mass) * ((jnp.exp(p) * own).sum(1) - jnp.where(mass > EMPTY, excess, 0) / count)).sum()
        for mass, p, own, excess in zip(log_masses, log_posteriors, cells, largest, strict=True)
    )
    lower = entropy + sum(values)
    # Primal: the information that the coupling of the entropic solution has about the label.
    a, (b, mass) = cells[0], combined(cells, log_masses, but=0)
    sums = log_sums(a, b)
    exponents = sums / LAST_EPSILON + log_masses[0][:, None] + mass[None]
    coupling = jax.nn.softmax(exponents.reshape(-1)).reshape(sums.shape)
    top1, top2 = a.max(1, keepdims=True), b.max(1, keepdims=True)
    weight1, weight2 = jnp.exp(a - top1), jnp.exp(b - top2)
    products = jnp.matmul(weight1 * a, weight2.T, precision="highest") + jnp.matmul(
        weight1, (weight2 * b).T, precision="highest"
    )
    log_likelihood = products / jnp.maximum(jnp.exp(sums - top1 - top2.T), TINY) - sums
    return lower, entropy + (coupling * log_likelihood).sum()


def only_occupied(cells: Sequence[jax.Array], log_masses: Sequence[jax.Array]) -> tuple[jax.Array, ...]:
    """Potentials of cells that have rows; others get one that no constraint binds.

    Args:
        cells: Potentials of the cells of each modality ``[C, K]``, in nats.
        log_masses: Of the cells of each modality ``[C]``.

    Returns:
        Potentials of each modality ``[C, K]``, in nats.
    """
    masses = zip(cells, log_masses, strict=True)
    return tuple(jnp.where(mass[:, None] > EMPTY, own, NO_CELL) for own, mass in masses)


def partners(cells: Sequence[jax.Array], log_masses: Sequence[jax.Array], *, of: int) -> tuple[jax.Array, jax.Array]:
    """Tuples of cells of the other modalities that the cells of one are coupled with.

    With three or more modalities, nearly all tuples have no mass in the coupling.

    Args:
        cells: Potentials of the cells of each modality ``[C, K]``, in nats.
        log_masses: Of the cells of each modality ``[C]``.
        of: The one modality.

    Returns:
        Potentials ``[V, K]`` and log-masses ``[V]``, of at most `MAX_PARTNERS` tuples.
    """
    tuples, masses = combined(cells, log_masses, but=of)
    if len(masses) <= MAX_PARTNERS or len(cells) == 2:
        return tuples, masses
    # Share of each tuple in the coupling of the cell that it matters most to.
    shares = jax.nn.log_softmax(log_sums(cells[of], tuples) / LAST_EPSILON + masses[None], axis=1)
    _, chosen = jax.lax.top_k(jnp.where(log_masses[of][:, None] > EMPTY, shares, -jnp.inf).max(0), MAX_PARTNERS)
    return tuples[chosen], masses[chosen]
