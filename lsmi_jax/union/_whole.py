"""Union information of all modalities, and of each set that leaves one out."""

import itertools
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.inputs import evenly_spaced, pairs_of
from lsmi_jax.union._potentials import (
    NUM_REFERENCES,
    Potentials,
    fit_potentials,
    floored,
    log_union_scores,
    potentials_of_rows,
)

__all__ = ["WholeUnion", "fit_whole_union", "whole_union_scores"]

LEAST_ERROR = 1e-3  # of a difference of two bounds, in nats


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
    more. Their codebooks have more cells, and a modality alone needs none: its log-posterior is its potential. Averages
    of feasible potentials are feasible, too. For all modalities, and for each set that leaves one out, this averages
    the potentials of the sets within it. A set has weight exp(-z) if its bound is z standard errors below the largest,
    so that chance does not prefer one of several modalities that are alike.

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
    num_rows = jnp.shape(logits[0])[0]
    rows = evenly_spaced(num_rows, min(num_rows, NUM_REFERENCES))
    some, shares = jax.tree.map(lambda own: own[rows], (tuple(map(jnp.asarray, logits)), weights))

    def fit_sets(keys: jax.Array, sets: np.ndarray) -> tuple[Potentials, jax.Array]:
        """Potentials of sets of as many modalities ``[S, m]``, one after the other, and their values ``[S, R]``."""

        def fit_set(inputs: tuple) -> tuple[Potentials, jax.Array]:
            own_key, own, own_weights, own_some, own_shares = inputs
            fitted = fit(own_key, tuple(own), weights=None if own_weights is None else tuple(own_weights))
            return fitted, _dual_values(fitted, own_some, own_shares)

        return jax.lax.map(fit_set, (keys, *(_of_sets(arrays, sets) for arrays in (logits, weights, some, shares))))

    pair_keys = jax.random.split(jax.random.fold_in(key, 1), len(pairs_of(count)))
    # Of three modalities, all but one are a pair: there is one size, and no use for the second keys.
    of_sizes = zip((jnp.stack(rest_keys), pair_keys), _smaller_sets(count), strict=False)
    smaller, of_smaller = zip(*(fit_sets(*of_size) for of_size in of_sizes), strict=True)
    each = _floored(some)
    values = jnp.concatenate([_dual_values(whole, some, shares)[None], *of_smaller, _expected(each, each, shares)])
    return WholeUnion(whole, smaller, jax.vmap(_shares, (None, 0))(values, jnp.asarray(_is_within(count))))


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
    of_sets = jnp.concatenate([log_union_scores(fitted.whole, logits)[None], *smaller, _floored(logits)])
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


def _floored(logits: Sequence[ArrayLike]) -> jax.Array:
    """Log-posteriors of each modality alone ``[M, n, K]``, in nats: feasible potentials, with zeros for the others."""
    return jnp.stack([floored(jnp.asarray(own)) for own in logits])


def _of_sets(arrays: Sequence[ArrayLike] | None, sets: np.ndarray) -> jax.Array | None:
    """Arrays of the modalities of each set ``[S, m, ...]``."""
    return None if arrays is None else jnp.stack(list(map(jnp.asarray, arrays)))[sets]


def _shares(values: jax.Array, allowed: jax.Array) -> jax.Array:
    """Weights of the sets in the average ``[S]``, from their values ``[S, R]``; zero for sets not allowed ``[S]``."""
    best = jnp.where(allowed, values.mean(1), -jnp.inf).argmax()
    gaps = values[best][None] - values
    # Paired by row: most of what varies from row to row is common to all sets.
    errors = jnp.maximum(gaps.std(1) / np.sqrt(values.shape[1]), LEAST_ERROR)
    return jax.nn.softmax(jnp.where(allowed, -gaps.mean(1) / errors, -jnp.inf))


def _dual_values(fitted: Potentials, logits: Sequence[jax.Array], weights: Sequence[jax.Array] | None) -> jax.Array:
    """Expected score of each row under the posteriors of its modalities ``[R]``, in nats.

    Their mean is the value of the potentials in the dual, up to the entropy of the label.
    """
    potentials = jnp.stack(potentials_of_rows(fitted, list(logits)))
    return _expected(_floored(logits), potentials, weights).sum(0)


def _expected(log_posteriors: jax.Array, potentials: jax.Array, weights: Sequence[jax.Array] | None) -> jax.Array:
    """Expected potential of each modality and row ``[M, R]``, in nats; scaled so that means are the weighted means."""
    values = (jnp.exp(log_posteriors) * potentials).sum(2)
    if weights is None:
        return values
    own = jnp.stack(list(weights))
    return jnp.where(own > 0, own * values, 0) / own.mean(1, keepdims=True)
