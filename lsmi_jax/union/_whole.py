"""Union information of all modalities, and of each set that leaves one out."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.decomposition import average, log_posterior
from lsmi_jax.inputs import evenly_spaced
from lsmi_jax.union._potentials import NUM_REFERENCES, Potentials, fit_potentials, log_union_scores, potentials_of_rows

__all__ = ["WholeUnion", "fit_whole_union", "whole_union_scores"]


class WholeUnion(NamedTuple):
    """Potentials of M modalities, and of each set that leaves one out.

    Attributes:
        whole: Potentials of all modalities.
        rest: Potentials of all modalities except the first, except the second, and so on, stacked along a leading axis.
        choice: Which feasible potentials of all modalities are the best, a scalar: 0 for those of all, m + 1 for those
            of all but m, with zeros for m itself.
    """

    whole: Potentials
    rest: Potentials
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

    Any feasible potentials are a lower bound on the union information, and those of fewer modalities stay feasible with
    more. Their codebooks have more cells, so they can be better. The largest bound is chosen.

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
    whole_key, *rest_keys = jax.random.split(key, len(logits) + 1)
    fit = partial(fit_potentials, log_prior=log_prior, num_cells=num_cells)
    whole = fit(whole_key, logits, weights=weights)

    def fit_rest(inputs: tuple) -> Potentials:
        own_key, own, shares = inputs
        return fit(own_key, tuple(own), weights=None if shares is None else tuple(shares))

    rest_logits, rest_weights = _but_one(logits), None if weights is None else _but_one(weights)
    rest = jax.lax.map(fit_rest, (jnp.stack(rest_keys), rest_logits, rest_weights))
    rows = evenly_spaced(jnp.shape(logits[0])[0], NUM_REFERENCES)
    some, shares = jax.tree.map(lambda own: own[rows], (tuple(map(jnp.asarray, logits)), weights))
    some_rest, shares_rest = jax.tree.map(lambda own: own[:, :, rows], (rest_logits, rest_weights))
    of_rest = jax.lax.map(lambda inputs: _dual_value(*inputs), (rest, some_rest, shares_rest))
    values = jnp.append(_dual_value(whole, some, shares), of_rest)
    return WholeUnion(whole, rest, values.argmax())


def whole_union_scores(fitted: WholeUnion, logits: Sequence[ArrayLike]) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """Log-scores of every class under the union information of all modalities, and of each set that leaves one out.

    Args:
        fitted: From `fit_whole_union`.
        logits: Logits of each modality ``[n, K]``.

    Returns:
        Log-scores ``[n, K]`` of all modalities, and of all except the first, except the second, and so on, in nats.
    """
    own = log_union_scores(fitted.whole, logits)
    rest = jax.lax.map(lambda inputs: log_union_scores(inputs[0], tuple(inputs[1])), (fitted.rest, _but_one(logits)))
    return jnp.concatenate([own[None], rest])[fitted.choice], tuple(rest)


def _but_one(arrays: Sequence[ArrayLike]) -> jax.Array:
    """Arrays of all modalities except the first, except the second, and so on ``[M, M - 1, ...]``."""
    count = len(arrays)
    stacked = jnp.stack(list(map(jnp.asarray, arrays)))
    return stacked[jnp.array([[m for m in range(count) if m != left_out] for left_out in range(count)])]


def _dual_value(fitted: Potentials, logits: Sequence[jax.Array], weights: Sequence[jax.Array] | None) -> jax.Array:
    """Expected score under the posteriors of each modality, up to the entropy of the label, in nats."""
    count = len(fitted.cells)
    posteriors = [jnp.exp(log_posterior(logits[m])) for m in range(count)]
    potentials = potentials_of_rows(fitted, [logits[m] for m in range(count)])
    shares = [None if weights is None else weights[m] for m in range(count)]
    means = [average((p * own).sum(1), share) for p, own, share in zip(posteriors, potentials, shares, strict=True)]
    return jnp.stack(means).sum()
