"""Potentials whose sum is the score of the best predictor that only adds the evidence of the modalities.

The union information of Kolchinsky (2022) for the order of Bertschinger et al. (2014) is the least information about
the label among all joints with the observed margins p(x1, y), p(x2, y), ... Its dual maximizes
``H(Y) + E[a_y(x1) + b_y(x2) + ...]`` under ``sum_y exp(a_y(x1) + b_y(x2) + ...) <= 1`` for all tuples of values,
observed together or not.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jax.typing import ArrayLike

from lsmi_jax.decomposition import average, log_posterior
from lsmi_jax.inputs import evenly_spaced
from lsmi_jax.models import in_chunks
from lsmi_jax.union._cells import bounds_of_cells, cell_statistics, only_occupied, partners, slopes_of_cells, sweeps
from lsmi_jax.union._codebook import fit_codebook, nearest_cell
from lsmi_jax.union._solver import LAST_EPSILON, combined, fixed_point_step, largest_log_sums, log_sums

__all__ = [
    "MOST_MODALITIES",
    "NUM_REFERENCES",
    "Potentials",
    "fit_potentials",
    "floored",
    "log_union_scores",
    "potentials_of_rows",
]

MOST_MODALITIES = 5  # beyond which a codebook would have too few cells
NUM_STEPS = 10  # of each row's own potential against the cells of the other modalities
NUM_REFERENCES = 2048  # rows of each modality that the constraint is enforced against
NUM_ROUNDS = 2  # of the search for the tuple of rows that violates the constraint most
FLOOR = 1e-7  # share of the uniform distribution in every posterior, so that all logarithms are finite
MAX_ENTRIES = 2**22  # rows times classes that the codebook is fitted to
MAX_TUPLES = 2**19  # of cells, of all modalities
CHUNK = 1024  # rows scored at a time


class Potentials(NamedTuple):
    """Fitted potentials of M modalities, and what the potentials of new rows are computed from.

    Attributes:
        centers: Square roots of the posteriors at the centers of the cells, which all modalities share ``[C, K]``.
        log_masses: Log of the share of rows in each cell, of each modality ``[C]``.
        log_posteriors: Log p(y|cell) of each modality ``[C, K]``, in nats.
        cells: Potentials of the cells, of each modality ``[C, K]``, in nats.
        slopes: Change of a potential per change of the log-posterior around each cell, of each modality ``[C]``.
        references: Potentials, not yet enforced, that the constraint is enforced against, of each modality ``[R, K]``.
        lower: Lower bound on the union information of the cells, in nats: the value of feasible potentials.
        upper: Upper bound on it, in nats: the information of a coupling with the margins of the cells.
    """

    centers: jax.Array
    log_masses: tuple[jax.Array, ...]
    log_posteriors: tuple[jax.Array, ...]
    cells: tuple[jax.Array, ...]
    slopes: tuple[jax.Array, ...]
    references: tuple[jax.Array, ...]
    lower: jax.Array
    upper: jax.Array


def fit_potentials(
    key: jax.Array,
    logits: Sequence[ArrayLike],
    log_prior: ArrayLike,
    weights: Sequence[jax.Array] | None = None,
    *,
    num_cells: int = 192,
) -> Potentials:
    """Fits potentials to the posteriors of two or more modalities; labels do not enter.

    An entropic fixed point on cells of a common codebook, under a regularization that falls from 0.2 to 0.01 nats.

    Args:
        key: Random key.
        logits: Logits of each modality ``[n, K]``, of the same rows, which the discriminators were not fitted on.
        log_prior: Log-prior of the classes ``[K]``, in nats.
        weights: Weights of the rows of each modality ``[n]``, zero where it is missing; None for equal weights.
        num_cells: Number of cells C of two modalities, even. More modalities have fewer cells, so that there are at
            most `MAX_TUPLES` tuples of them.

    Returns:
        `Potentials`.

    Raises:
        ValueError: If there are fewer than two modalities, or more than `MOST_MODALITIES`.
    """
    count = len(logits)
    if not 2 <= count <= MOST_MODALITIES:
        raise ValueError(f"logits: expected 2 to {MOST_MODALITIES} modalities for the union information, got {count}")
    shape = jnp.shape(logits[0])
    prior = jnp.exp(floored(jnp.asarray(log_prior, jnp.float32)[None])[0])
    given = jnp.stack([floored(_spread(own, shape)) for own in logits])
    shares = None if weights is None else jnp.stack([_spread(own, shape) for own in weights])
    # Computed in an order that does not depend on which modality is called the first, so that results swap exactly.
    order = jnp.argsort(mean_entropies(given, shares))
    logs = tuple(given[order])
    of_rows: tuple[jax.Array | None, ...] = (None,) * count if shares is None else tuple(shares[order])
    roots = tuple(jnp.exp(log / 2) for log in logs)
    size = _cells_of_each(num_cells, count) * count
    centers = fit_codebook(key, roots, size, None if shares is None else tuple(shares[order]))
    statistics = [cell_statistics(centers, root, prior, own) for root, own in zip(roots, of_rows, strict=True)]
    masses, posteriors = (tuple(parts) for parts in zip(*statistics, strict=True))
    cells = sweeps(masses, posteriors)
    lower, upper = bounds_of_cells(cells, masses, posteriors, prior)
    slopes = tuple(map(slopes_of_cells, masses, posteriors, cells))
    fitted = Potentials(centers, masses, posteriors, cells, slopes, cells, lower, upper)
    fitted = fitted._replace(references=_references(fitted, logs, of_rows))
    back = jnp.argsort(order)
    return jax.tree.map(
        lambda leaf: tuple(jnp.stack(leaf)[back]) if type(leaf) is tuple else leaf,
        fitted,
        is_leaf=lambda leaf: type(leaf) is tuple,
    )


def potentials_of_rows(potentials: Potentials, logits: Sequence[ArrayLike]) -> tuple[jax.Array, ...]:
    """Potentials a_y(x1), b_y(x2), ... of rows; differentiable in the logits, with the fitted cells held constant.

    Each row solves for its own potentials against the cells of the other modalities. Of M modalities, each then
    subtracts 1/M of its largest violation of the constraint against references, and of what the row's own tuple still
    violates.

    Args:
        potentials: From `fit_potentials`.
        logits: Logits of each modality ``[n, K]``.

    Returns:
        An array ``[n, K]`` for each modality, in nats.
    """
    count = len(potentials.cells)
    others = [partners(potentials.cells, potentials.log_masses, of=m) for m in range(count)]

    def of_chunk(rows: tuple[jax.Array, ...]) -> jax.Array:
        free = [_own(potentials, m, others[m], floored(row)) for m, row in enumerate(rows)]
        largest = (_largest_violation(potentials, m, own) for m, own in enumerate(free))
        feasible = [own - (1 / count) * excess[:, None] for own, excess in zip(free, largest, strict=True)]
        excess = (1 / count) * jnp.maximum(logsumexp(sum(feasible), axis=1, keepdims=True), 0)
        return jnp.stack([own - excess for own in feasible], axis=1)

    together = in_chunks(of_chunk, tuple(map(jnp.asarray, logits)), CHUNK)
    return tuple(together[:, m] for m in range(count))


def log_union_scores(potentials: Potentials, logits: Sequence[ArrayLike]) -> jax.Array:
    """Log-score of every class under the best predictor that adds the evidence of the modalities.

    Args:
        potentials: From `fit_potentials`.
        logits: Logits of each modality ``[n, K]``.

    Returns:
        ``a_y(x1) + b_y(x2) + ...`` ``[n, K]`` in nats, whose exponentials sum to at most one over the classes. Minus
        log p(y), they are the pointwise union information of each class.
    """
    first, *rest = potentials_of_rows(potentials, logits)
    return sum(rest, start=first)


def _cells_of_each(num_cells: int, count: int) -> int:
    """Number of cells that each of several modalities contributes to the codebook."""
    most = num_cells if count == 2 else min(num_cells, int(MAX_TUPLES ** (1 / count)))
    return most // count


def floored(logits: jax.Array) -> jax.Array:
    """Log-posteriors ``[n, K]`` in float32, mixed with a little of the uniform distribution."""
    log = log_posterior(logits).astype(jnp.float32)
    return jnp.logaddexp(log + np.float32(np.log1p(-FLOOR)), np.float32(np.log(FLOOR / log.shape[1])))


def mean_entropies(log_posteriors: jax.Array, weights: jax.Array | None) -> jax.Array:
    """Mean entropies of posteriors ``[M, n, K]``, in nats."""
    entropies = -(jnp.exp(log_posteriors) * log_posteriors).sum(2)
    return jax.vmap(average)(entropies, weights)


def _spread(rows: ArrayLike, shape: tuple[int, ...]) -> jax.Array:
    """Rows spread over all, as many as posteriors of a shape ``[n, K]`` have at most `MAX_ENTRIES`."""
    count = min(shape[0], max(MAX_ENTRIES // shape[1], NUM_REFERENCES))
    return jnp.asarray(rows)[evenly_spaced(shape[0], count)]


def _references(
    fitted: Potentials, logs: tuple[jax.Array, ...], weights: tuple[jax.Array | None, ...]
) -> tuple[jax.Array, ...]:
    """Potentials of evenly spaced rows of each modality ``[R, K]``, without enforcement."""
    chosen = [log[evenly_spaced(len(log), NUM_REFERENCES, own)] for log, own in zip(logs, weights, strict=True)]
    others = [partners(fitted.cells, fitted.log_masses, of=m) for m in range(len(logs))]
    return tuple(_own(fitted, m, others[m], rows) for m, rows in enumerate(chosen))


def _largest_violation(potentials: Potentials, which: int, own: jax.Array) -> jax.Array:
    """Largest log-sum of rows ``[n, K]`` of one modality with tuples of reference rows of the others ``[n]``."""
    references = [rows for m, rows in enumerate(potentials.references) if m != which]
    if len(references) == 1:
        return largest_log_sums(own, references[0])
    # There are too many tuples of rows: ascend from the worst tuple of cells to the worst row, one modality at a time.
    occupied = only_occupied(potentials.cells, potentials.log_masses)
    worst = log_sums(own, combined(occupied, but=which)[0]).argmax(1)
    cells = [cells for m, cells in enumerate(occupied) if m != which]
    chosen = [own[index] for own, index in zip(cells, jnp.unravel_index(worst, [len(c) for c in cells]), strict=True)]
    for m in list(range(len(cells))) * NUM_ROUNDS:
        rest = own + sum(other for k, other in enumerate(chosen) if k != m)
        chosen[m] = references[m][log_sums(rest, references[m]).argmax(1)]
    return logsumexp(own + sum(chosen), axis=1)


def _own(
    potentials: Potentials, which: int, others: tuple[jax.Array, jax.Array], log_posteriors: jax.Array
) -> jax.Array:
    """Potentials ``[n, K]`` of rows of one modality, from those of tuples of the others, without enforcement."""
    cell = nearest_cell(potentials.centers, jnp.exp(log_posteriors / 2))
    # Start from the row's cell, and move along the difference of the log-posteriors by the slope there.
    change = log_posteriors - potentials.log_posteriors[which][cell]
    start = potentials.cells[which][cell] + potentials.slopes[which][cell][:, None] * change
    step = partial(fixed_point_step, epsilon=jnp.float32(LAST_EPSILON), relaxation=2.0)

    def improve(own: jax.Array, _: None) -> tuple[jax.Array, None]:
        return step(own, log_posteriors, *others), None

    return jax.lax.scan(improve, start, None, length=NUM_STEPS)[0]
