"""Potentials whose sum is the score of the best predictor that only adds the evidence of two modalities.

The union information of Kolchinsky (2022) for the order of Bertschinger et al. (2014) is the least information about
the label among all joints with the observed margins p(x1, y) and p(x2, y). Its dual maximizes
``H(Y) + E[a_y(x1) + b_y(x2)]`` under ``sum_y exp(a_y(x1) + b_y(x2)) <= 1`` for all pairs, seen together or not.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jax.typing import ArrayLike

from lsmi_jax.decomposition import average, log_posterior
from lsmi_jax.inputs import evenly_spaced
from lsmi_jax.models import in_chunks
from lsmi_jax.union._codebook import fit_codebook, nearest_cell
from lsmi_jax.union._solver import TINY, fixed_point_step, largest_log_sums, log_sums

__all__ = ["Potentials", "fit_potentials", "log_union_scores", "potentials_of_rows"]

# Chosen on exact posteriors of the synthetic tasks; docs/choosing.md lists the alternatives that lost.
NUM_SWEEPS = 250  # over the cells, with a regularization that falls from the first to the second of these
FIRST_EPSILON, LAST_EPSILON = 0.2, 0.01
NUM_STEPS = 10  # of each row's own potential against the cells of the other modality
NUM_REFERENCES = 2048  # rows of the other modality that the constraint is enforced against
FLOOR = 1e-7  # share of the uniform distribution in every posterior, so that all logarithms are finite
MAX_ENTRIES = 2**22  # rows times classes that the codebook is fitted to
NUM_NEIGHBORS = 8  # of a cell, for the slope of the potentials there
EMPTY = -50.0  # log-mass below which a cell has no rows
CHUNK = 1024  # rows scored at a time


class Potentials(NamedTuple):
    """Fitted potentials of two modalities, and what the potentials of new rows are computed from.

    Attributes:
        centers: Square roots of the posteriors at the centers of the cells, which both modalities share ``[M, K]``.
        log_masses: Log of the share of rows in each cell, of each modality ``[M]``.
        log_posteriors: Log p(y|cell) of each modality ``[M, K]``, in nats.
        cells: Potentials of the cells, a and b ``[M, K]``, in nats.
        slopes: Change of a potential per change of the log-posterior around each cell, of each modality ``[M]``.
        references: Potentials of reference rows ``[R, K]``, before the constraint is enforced.
        lower: Lower bound on the union information of the cells, in nats: the value of feasible potentials.
        upper: Upper bound on it, in nats: the information of a coupling with the margins of the cells.
    """

    centers: jax.Array
    log_masses: tuple[jax.Array, jax.Array]
    log_posteriors: tuple[jax.Array, jax.Array]
    cells: tuple[jax.Array, jax.Array]
    slopes: tuple[jax.Array, jax.Array]
    references: tuple[jax.Array, jax.Array]
    lower: jax.Array
    upper: jax.Array


def fit_potentials(
    key: jax.Array,
    first: ArrayLike,
    second: ArrayLike,
    log_prior: ArrayLike,
    weights: tuple[jax.Array, jax.Array] | None = None,
    *,
    num_cells: int = 192,
) -> Potentials:
    """Fits potentials to the posteriors of two modalities; labels do not enter.

    An entropic fixed point on cells of a common codebook, under a regularization that falls from .2 to .01 nats.

    Args:
        key: Random key.
        first: Logits of the first modality ``[n, K]``, of rows that the discriminator was not fitted on.
        second: Logits of the second modality ``[n, K]``, of the same rows.
        log_prior: Log-prior of the classes ``[K]``, in nats.
        weights: Weights of the rows of each modality ``[n]``, zero where it is missing; None for equal weights.
        num_cells: Number of cells M, even.

    Returns:
        `Potentials`.
    """
    prior = jnp.exp(_floored(jnp.asarray(log_prior, jnp.float32)[None])[0])
    given = tuple(_floored(_spread(logits, jnp.shape(first))) for logits in (first, second))
    some_weights = weights and (_spread(weights[0], jnp.shape(first)), _spread(weights[1], jnp.shape(first)))
    # Computed in an order that does not depend on which modality is called the first, so that results swap exactly.
    entropies = map(_mean_entropy, given, some_weights or (None, None))
    swapped = jnp.greater(*entropies)
    logs = _swap_if(swapped, given)
    of_rows = some_weights and _swap_if(swapped, some_weights)
    root1, root2 = (jnp.exp(log / 2) for log in logs)
    centers = fit_codebook(key, root1, root2, num_cells, of_rows)
    weight1, weight2 = of_rows or (None, None)
    mass1, posterior1 = _cell_statistics(centers, root1, prior, weight1)
    mass2, posterior2 = _cell_statistics(centers, root2, prior, weight2)
    cells = _sweeps(mass1, posterior1, mass2, posterior2)
    lower, upper = _bounds(cells, (mass1, mass2), (posterior1, posterior2), prior)
    slopes = _slopes(mass1, posterior1, cells[0]), _slopes(mass2, posterior2, cells[1])
    fitted = Potentials(centers, (mass1, mass2), (posterior1, posterior2), cells, slopes, cells, lower, upper)
    chosen = (evenly_spaced(len(root1), NUM_REFERENCES, own) for own in (weight1, weight2))
    some = tuple(log[rows] for log, rows in zip(logs, chosen, strict=True))
    fitted = fitted._replace(references=(_own(fitted, 0, some[0]), _own(fitted, 1, some[1])))
    return jax.tree.map(partial(_swap_if, swapped), fitted, is_leaf=lambda leaf: type(leaf) is tuple)


def potentials_of_rows(potentials: Potentials, first: ArrayLike, second: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Potentials a_y(x1) and b_y(x2) of rows; differentiable in the logits, with the fitted cells held constant.

    Each row solves for its own potential against the cells of the other modality. Half of its largest violation of
    the constraint against reference rows is then subtracted, and half of what its own pair still violates.

    Args:
        potentials: From `fit_potentials`.
        first: Logits of the first modality ``[n, K]``.
        second: Logits of the second modality ``[n, K]``.

    Returns:
        Two arrays ``[n, K]`` in nats.
    """

    def of_chunk(rows: tuple[jax.Array, jax.Array]) -> jax.Array:
        a, b = (_own(potentials, m, _floored(row)) for m, row in enumerate(rows))
        a, b = (
            own - 0.5 * largest_log_sums(own, other)[:, None]
            for own, other in zip((a, b), reversed(potentials.references), strict=True)
        )
        excess = 0.5 * jnp.maximum(logsumexp(a + b, axis=1, keepdims=True), 0)
        return jnp.stack([a - excess, b - excess], axis=1)

    both = in_chunks(of_chunk, (jnp.asarray(first), jnp.asarray(second)), CHUNK)
    return both[:, 0], both[:, 1]


def log_union_scores(potentials: Potentials, first: ArrayLike, second: ArrayLike) -> jax.Array:
    """Log-score of every class under the best predictor that adds the evidence of the two modalities.

    Args:
        potentials: From `fit_potentials`.
        first: Logits of the first modality ``[n, K]``.
        second: Logits of the second modality ``[n, K]``.

    Returns:
        ``a_y(x1) + b_y(x2)`` ``[n, K]`` in nats, whose exponentials sum to at most one over the classes. Minus
        log p(y), they are the pointwise union information of each class.
    """
    a, b = potentials_of_rows(potentials, first, second)
    return a + b


def _floored(logits: jax.Array) -> jax.Array:
    """Log-posteriors ``[n, K]`` in float32, mixed with a little of the uniform distribution."""
    log = log_posterior(logits).astype(jnp.float32)
    return jnp.logaddexp(log + np.float32(np.log1p(-FLOOR)), np.float32(np.log(FLOOR / log.shape[1])))


def _mean_entropy(log_posteriors: jax.Array, weights: jax.Array | None) -> jax.Array:
    """Mean entropy of posteriors ``[n, K]``, in nats."""
    return average(-(jnp.exp(log_posteriors) * log_posteriors).sum(1), weights)


def _swap_if(swapped: jax.Array, pair: Any) -> Any:
    """Exchanges the two parts of a pair where asked; anything else stays."""
    if not isinstance(pair, tuple):
        return pair
    return jnp.where(swapped, pair[1], pair[0]), jnp.where(swapped, pair[0], pair[1])


def _spread(rows: ArrayLike, shape: tuple[int, ...]) -> jax.Array:
    """Rows spread over all, as many as posteriors of a shape ``[n, K]`` have at most `MAX_ENTRIES`."""
    count = min(shape[0], max(MAX_ENTRIES // shape[1], NUM_REFERENCES))
    return jnp.asarray(rows)[evenly_spaced(shape[0], count)]


def _cell_statistics(
    centers: jax.Array, roots: jax.Array, prior: jax.Array, weights: jax.Array | None
) -> tuple[jax.Array, jax.Array]:
    """Log-mass ``[M]`` and log-posterior ``[M, K]`` of each cell, which average to the prior."""
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

    # Both modalities need the same class frequencies: otherwise the dual has no maximum.
    factors, _ = jax.lax.scan(reweigh, jnp.ones_like(prior), None, length=30)
    scaled = posteriors * factors[None]
    log_posteriors = jnp.log(scaled + TINY) - jnp.log(scaled.sum(1, keepdims=True) + TINY)
    return jnp.log(masses + TINY), log_posteriors


def _sweeps(mass1, posterior1, mass2, posterior2) -> tuple[jax.Array, jax.Array]:
    """Potentials of the cells: half log-posteriors, improved under a falling regularization."""

    def sweep(potentials: tuple, epsilon: jax.Array) -> tuple[tuple, None]:
        a, b = potentials
        # Both at the same time: steps in turn would treat the modalities differently.
        step = partial(fixed_point_step, epsilon=epsilon, relaxation=1.0)
        return (step(a, posterior1, b, mass2), step(b, posterior2, a, mass1)), None

    start = (posterior1 / 2, posterior2 / 2)
    epsilons = jnp.asarray(np.geomspace(FIRST_EPSILON, LAST_EPSILON, NUM_SWEEPS), jnp.float32)
    return jax.lax.scan(sweep, start, epsilons)[0]


def _slopes(log_masses: jax.Array, log_posteriors: jax.Array, cells: jax.Array) -> jax.Array:
    """Least-squares slope ``[M]`` of the potentials against the log-posteriors, over the neighbors of each cell.

    It is 1 where the other modality adds nothing and 1/2 where both modalities are alike.
    """
    roots, weights = jnp.exp(log_posteriors / 2), jnp.exp(log_posteriors)[:, None]
    distances = 2 - 2 * jnp.matmul(roots, roots.T, precision="highest")
    allowed = (log_masses > EMPTY)[None] & ~jnp.eye(len(roots), dtype=bool)
    _, neighbors = jax.lax.top_k(-jnp.where(allowed, distances, jnp.inf), NUM_NEIGHBORS)

    def differences(values: jax.Array) -> jax.Array:
        """Differences of the neighbors to each cell ``[M, J, K]``, centered: constants belong to the constraint."""
        change = values[neighbors] - values[:, None]
        return change - (weights * change).sum(-1, keepdims=True)

    moved, change = differences(cells), differences(log_posteriors)
    shares = weights * jnp.exp(log_masses)[neighbors][..., None]
    slopes = (shares * moved * change).sum((1, 2)) / jnp.maximum((shares * change**2).sum((1, 2)), TINY)
    return jnp.clip(slopes, 0, 1)


def _own(potentials: Potentials, which: int, log_posteriors: jax.Array) -> jax.Array:
    """Potentials ``[n, K]`` of rows of one modality, from those of the cells of the other, without enforcement."""
    cell = nearest_cell(potentials.centers, jnp.exp(log_posteriors / 2))
    # Start from the row's cell, and move along the difference of the log-posteriors by the slope there.
    change = log_posteriors - potentials.log_posteriors[which][cell]
    start = potentials.cells[which][cell] + potentials.slopes[which][cell][:, None] * change
    other, masses = potentials.cells[1 - which], potentials.log_masses[1 - which]
    step = partial(fixed_point_step, epsilon=jnp.float32(LAST_EPSILON), relaxation=2.0)

    def improve(own: jax.Array, _: None) -> tuple[jax.Array, None]:
        return step(own, log_posteriors, other, masses), None

    return jax.lax.scan(improve, start, None, length=NUM_STEPS)[0]


def _bounds(cells: tuple, log_masses: tuple, log_posteriors: tuple, prior: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Lower and upper bound on the union information of the cells, in nats."""
    (a, b), (mass1, mass2) = cells, log_masses
    entropy = -(prior * jnp.log(prior)).sum()
    sums = log_sums(a, b)
    # Dual: half of the largest violation is subtracted on either side, which makes every pair feasible.
    present = jnp.where((mass1 > EMPTY)[:, None] & (mass2 > EMPTY)[None], sums, -jnp.inf)
    values = (
        (jnp.exp(mass) * ((jnp.exp(p) * own).sum(1) - jnp.where(mass > EMPTY, present.max(axis), 0) / 2)).sum()
        for mass, p, own, axis in zip(log_masses, log_posteriors, cells, (1, 0), strict=True)
    )
    lower = entropy + sum(values)
    # Primal: the information that the coupling of the entropic solution has about the label.
    coupling = jax.nn.softmax((sums / LAST_EPSILON + mass1[:, None] + mass2[None]).reshape(-1)).reshape(sums.shape)
    top1, top2 = a.max(1, keepdims=True), b.max(1, keepdims=True)
    weight1, weight2 = jnp.exp(a - top1), jnp.exp(b - top2)
    products = jnp.matmul(weight1 * a, weight2.T, precision="highest") + jnp.matmul(
        weight1, (weight2 * b).T, precision="highest"
    )
    log_likelihood = products / jnp.maximum(jnp.exp(sums - top1 - top2.T), TINY) - sums
    return lower, entropy + (coupling * log_likelihood).sum()
