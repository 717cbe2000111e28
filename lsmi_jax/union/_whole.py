"""Union information of all modalities, and of each set that leaves one out."""

import itertools
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import average
from lsmi_jax.inputs import evenly_spaced, pairs_of
from lsmi_jax.union._potentials import (
    NUM_REFERENCES,
    Potentials,
    fit_potentials,
    floored,
    log_union_scores,
    mean_entropies,
    potentials_of_rows,
)

__all__ = ["WholeUnion", "fit_whole_union", "whole_union_scores"]

NEARLY = 1e-3  # nats by which a bound may be smaller than the largest and still count


class WholeUnion(NamedTuple):
    """Potentials of M modalities, and of smaller sets of these.

    Attributes:
        whole: Potentials of all modalities.
        smaller: Potentials of all modalities except the first, except the second, and so on, stacked along a leading
            axis; with more than three modalities, then those of each pair.
        shares: Shares of the potentials of each set in those of all modalities, of all except the first, and so on
            ``[M + 1, S]``. The S sets are those above, in this order, and each modality alone.
    """

    whole: Potentials
    smaller: tuple[Potentials, ...]
    shares: jax.Array


def fit_whole_union(
    key: jax.Array,
    logits: Sequence[ArrayLike],
    log_prior: ArrayLike,
    weights: Sequence[jax.Array] | None = None,
    *,
    num_cells: int = 192,
) -> WholeUnion:
    """Fits potentials of three or more modalities; labels do not enter.

    Any feasible potentials are a lower bound on the union information, and those of fewer modalities stay feasible with
    more. Their codebooks have more cells, and a modality alone needs none: its log-posterior is its potential. So are
    averages of feasible potentials. For all modalities, and for each set that leaves one out, this takes an average of
    those with the largest bounds, up to `NEARLY` nats, so that it prefers none of several modalities that are alike.

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
    whole_key, *rest_keys = jax.random.split(key, count + 1)
    fit = partial(fit_potentials, log_prior=log_prior, num_cells=num_cells)
    whole = fit(whole_key, logits, weights=weights)
    rows = evenly_spaced(jnp.shape(logits[0])[0], NUM_REFERENCES)
    some, shares = jax.tree.map(lambda own: own[rows], (tuple(map(jnp.asarray, logits)), weights))

    def fit_sets(keys: jax.Array, sets: np.ndarray) -> tuple[Potentials, jax.Array]:
        """Potentials of sets of as many modalities ``[S, m]``, one after the other, and their bounds ``[S]``."""

        def fit_set(inputs: tuple) -> tuple[Potentials, jax.Array]:
            own_key, own, own_weights, own_some, own_shares = inputs
            fitted = fit(own_key, tuple(own), weights=None if own_weights is None else tuple(own_weights))
            return fitted, _dual_value(fitted, own_some, own_shares)

        return jax.lax.map(fit_set, (keys, *(_of_sets(arrays, sets) for arrays in (logits, weights, some, shares))))

    pair_keys = jax.random.split(jax.random.fold_in(key, 1), len(pairs_of(count)))
    # Of three modalities, all but one are a pair: there is one size, and no use for the second keys.
    of_sizes = zip((jnp.stack(rest_keys), pair_keys), _smaller_sets(count), strict=False)
    smaller, of_smaller = zip(*(fit_sets(*of_size) for of_size in of_sizes), strict=True)
    of_each = -mean_entropies(_log_posteriors(some), None if shares is None else jnp.stack(shares))
    bounds = jnp.concatenate([_dual_value(whole, some, shares)[None], *of_smaller, of_each])
    allowed = jnp.where(_is_within(count), bounds[None], -jnp.inf)
    return WholeUnion(whole, smaller, jax.nn.softmax(allowed / NEARLY, axis=1))


def whole_union_scores(fitted: WholeUnion, logits: Sequence[ArrayLike]) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """Log-scores of every class under the union information of all modalities, and of each set that leaves one out.

    Args:
        fitted: From `fit_whole_union`.
        logits: Logits of each modality ``[n, K]``.

    Returns:
        Log-scores ``[n, K]`` of all modalities, and of all except the first, except the second, and so on, in nats.
    """

    def scores(inputs: tuple[Potentials, jax.Array]) -> jax.Array:
        return log_union_scores(inputs[0], tuple(inputs[1]))

    sets = zip(fitted.smaller, _smaller_sets(len(logits)), strict=True)
    smaller = [jax.lax.map(scores, (potentials, _of_sets(logits, own))) for potentials, own in sets]
    of_sets = jnp.concatenate([log_union_scores(fitted.whole, logits)[None], *smaller, _log_posteriors(logits)])
    averages = jnp.tensordot(fitted.shares, of_sets, 1, precision="highest")
    return averages[0], tuple(averages[1:])


def _smaller_sets(count: int) -> list[np.ndarray]:
    """The modalities without the first, without the second, and so on ``[M, M - 1]``, and the pairs if others."""
    rest = np.array([[m for m in range(count) if m != left_out] for left_out in range(count)])
    return [rest, np.array(pairs_of(count))] if rest.shape[1] > 2 else [rest]


def _is_within(count: int) -> np.ndarray:
    """Whether all modalities, and all but each, contain each set that has potentials, in the order of `WholeUnion`."""
    smaller = _smaller_sets(count)
    sets = [set(own) for own in (range(count), *itertools.chain(*smaller), *((m,) for m in range(count)))]
    wholes = [set(range(count)), *map(set, smaller[0])]
    return np.array([[own <= whole for own in sets] for whole in wholes])


def _log_posteriors(logits: Sequence[ArrayLike]) -> jax.Array:
    """Log-posteriors of each modality alone ``[M, n, K]``, in nats: feasible potentials, with zeros for the others."""
    return jnp.stack([floored(jnp.asarray(own)) for own in logits])


def _of_sets(arrays: Sequence[ArrayLike] | None, sets: np.ndarray) -> jax.Array | None:
    """Arrays of the modalities of each set ``[S, m, ...]``."""
    return None if arrays is None else jnp.stack(list(map(jnp.asarray, arrays)))[sets]


def _dual_value(fitted: Potentials, logits: Sequence[jax.Array], weights: Sequence[jax.Array] | None) -> jax.Array:
    """Expected score under the posteriors of each modality, up to the entropy of the label, in nats."""
    count = len(fitted.cells)
    posteriors = [jnp.exp(floored(logits[m])) for m in range(count)]
    potentials = potentials_of_rows(fitted, [logits[m] for m in range(count)])
    shares = [None if weights is None else weights[m] for m in range(count)]
    means = [average((p * own).sum(1), share) for p, own, share in zip(posteriors, potentials, shares, strict=True)]
    return jnp.stack(means).sum()
