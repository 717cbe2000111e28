"""Union information of all modalities, and of all but each one."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.decomposition import average, log_posterior
from lsmi_jax.inputs import evenly_spaced
from lsmi_jax.union._potentials import NUM_REFERENCES, Potentials, fit_potentials, log_union_scores, potentials_of_rows

__all__ = ["WholeUnion", "fit_whole_union", "whole_union_scores"]


class WholeUnion(NamedTuple):
    """Potentials of M modalities, and of all but each one.

    Attributes:
        whole: Potentials of all modalities.
        rest: Potentials of all modalities but the first, but the second, and so on.
        choice: One where the best feasible potentials of all modalities are, zero elsewhere ``[M + 1]``: those of
            all, or those of all but one, whose own are zero.
    """

    whole: Potentials
    rest: tuple[Potentials, ...]
    choice: jax.Array


def fit_whole_union(
    key: jax.Array,
    logits: Sequence[ArrayLike],
    log_prior: ArrayLike,
    weights: Sequence[jax.Array] | None = None,
    *,
    num_cells: int = 192,
) -> WholeUnion:
    """Fits potentials of three or more modalities; labels do not enter.

    Any feasible potentials are a lower bound on the union information, and those of fewer modalities stay feasible
    among more. Their codebooks have more cells, so that they can be better. The largest bound is chosen.

    Args:
        key: Random key.
        logits: As in `fit_potentials`.
        log_prior: As in `fit_potentials`.
        weights: As in `fit_potentials`.
        num_cells: As in `fit_potentials`.

    Returns:
        `WholeUnion`.

    Raises:
        ValueError: As `fit_potentials`.
    """
    count = len(logits)
    subsets = [tuple(range(count)), *_but_one(count)]
    fitted = [
        fit_potentials(
            own_key,
            [logits[m] for m in subset],
            log_prior,
            None if weights is None else [weights[m] for m in subset],
            num_cells=num_cells,
        )
        for own_key, subset in zip(jax.random.split(key, count + 1), subsets, strict=True)
    ]
    rows = evenly_spaced(jnp.shape(logits[0])[0], NUM_REFERENCES)
    some = [jnp.asarray(own)[rows] for own in logits]
    shares = [None if weights is None else weights[m][rows] for m in range(count)]
    values = jnp.stack(
        [
            _dual_value(own, [some[m] for m in subset], [shares[m] for m in subset])
            for own, subset in zip(fitted, subsets, strict=True)
        ]
    )
    whole, *rest = fitted
    return WholeUnion(whole, tuple(rest), jax.nn.one_hot(values.argmax(), count + 1))


def whole_union_scores(fitted: WholeUnion, logits: Sequence[ArrayLike]) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """Log-scores of every class under the union information of all modalities, and of all but each one.

    Args:
        fitted: From `fit_whole_union`.
        logits: Logits of each modality ``[n, K]``.

    Returns:
        Log-scores ``[n, K]`` of all modalities, and of all but the first, but the second, and so on, in nats.
    """
    own = log_union_scores(fitted.whole, logits)
    rest = tuple(
        log_union_scores(potentials, [logits[m] for m in subset])
        for potentials, subset in zip(fitted.rest, _but_one(len(logits)), strict=True)
    )
    return jnp.einsum("s,snk->nk", fitted.choice, jnp.stack([own, *rest])), rest


def _but_one(count: int) -> list[tuple[int, ...]]:
    """All modalities but the first, but the second, and so on."""
    return list(reversed(list(combinations(range(count), count - 1))))


def _dual_value(fitted: Potentials, logits: list[jax.Array], weights: list[jax.Array | None]) -> jax.Array:
    """Expected score under the posteriors of each modality, up to the entropy of the label, in nats."""
    potentials = potentials_of_rows(fitted, logits)
    means = [
        average((jnp.exp(log_posterior(own)) * potential).sum(1), shares)
        for own, potential, shares in zip(logits, potentials, weights, strict=True)
    ]
    return jnp.stack(means).sum()
