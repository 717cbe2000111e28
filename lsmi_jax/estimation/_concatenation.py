"""Joins results of consecutive parts of the rows under one estimator."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lsmi_jax.decomposition import Interactions, adjust
from lsmi_jax.estimation._pairs import Pairs
from lsmi_jax.estimation._predictions import Predictions
from lsmi_jax.estimation._result import Estimate
from lsmi_jax.estimation._together import Together

__all__ = ["concatenate"]


def concatenate(results: Sequence[Any]) -> Estimate | Pairs:
    """Joins the results of consecutive parts of the rows.

    Args:
        results: One or more `Estimate` or `Pairs` of one estimator, in the order of the rows.

    Returns:
        The joined result, for all rows.
    """
    first = results[0]
    if isinstance(first, Estimate):
        return _joined(results)
    of_pairs = zip(*(part.estimates for part in results), strict=True)
    return Pairs(tuple(map(_joined, of_pairs)), first.names, _all_together([part.together for part in results]))


def _joined(estimates: Sequence[Estimate]) -> Estimate:
    """Joins estimates of two modalities."""
    rows = [(part.interactions, part.information, part.surprisal, part.i_union, part.predictions) for part in estimates]
    joined: tuple[Interactions, tuple, tuple | None, jax.Array | None, Predictions | None]
    joined = jax.tree.map(lambda *parts: jnp.concatenate(parts), *rows)
    interactions, information, surprisal, union, predictions = joined
    diagnostics = _averaged(estimates, [part.diagnostics for part in estimates])
    violations = [part.diagnostics.union_violation for part in estimates]
    largest = jax.tree.map(lambda *values: jnp.stack(values).max(), *violations)  # None without union information
    diagnostics = diagnostics._replace(union_violation=largest)
    adjusted = interactions if union is not None else adjust(interactions)
    key = estimates[0].key
    given = interactions, adjusted, information, surprisal, None, diagnostics, key
    return Estimate(*given, i_union=union, predictions=predictions)


def _all_together(results: Sequence[Together]) -> Together:
    """Joins the results of all modalities together."""
    parts = jax.tree.map(lambda *values: jnp.concatenate(values), *(part.parts for part in results))
    losses, gap = _averaged(results, [(part.cross_entropy, part.union_gap) for part in results])
    return Together(parts, None, losses, gap, None, None, results[0].names)


def _averaged(results: Sequence[Estimate] | Sequence[Together], values: Sequence[Any]) -> Any:
    """Mean of pytrees that are means over rows, or do not depend on the rows."""
    sizes = jnp.asarray([part.num_samples for part in results], jnp.float32)
    weights = sizes / sizes.sum()
    return jax.tree.map(lambda *parts: jnp.tensordot(weights, jnp.stack(parts), 1), *values)
