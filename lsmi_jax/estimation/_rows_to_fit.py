"""Rows that the models of each fold are fitted on: all of the other folds, or a random part of them."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from lsmi_jax.inputs import Dataset, Folds, check_counts, to_host

__all__ = ["RowsToFit", "rows_to_fit", "taken"]

# Fields of a data set that have one entry per row.
OF_ROWS = ("features", "labels", "logits", "groups", "weights", "present", "positions", "labeled")


class RowsToFit(NamedTuple):
    """What is fitted on.

    Attributes:
        data: The data set, or the drawn rows of it, which every device holds.
        rows: Row indices of it of each seed and fold ``[m, F, t]``.
        fill: Zero for padding rows, one for others ``[m, F, t]``; None if there is no padding.
    """

    data: Dataset
    rows: jax.Array
    fill: jax.Array | None


def rows_to_fit(key: jax.Array, data: Dataset, folds: Folds, max_rows: int | None) -> RowsToFit:
    """Draws the rows to fit on, if they are fewer than the training rows of a fold.

    The same number of rows is drawn from each fold, and the models of a fold are fitted on what is drawn from the
    others. So the drawn rows of all folds are little more than those of one.

    Args:
        key: Random key of the folds.
        data: The data set.
        folds: Its folds ``[m, F, ...]``.
        max_rows: Largest number of rows to fit on; None for all.

    Returns:
        `RowsToFit`.

    Raises:
        ValueError: If a class has too few rows among those drawn.
    """
    if max_rows is None or max_rows >= folds.train.shape[-1]:
        return RowsToFit(data, folds.train, folds.train_weights)
    num_seeds, num_folds = folds.left_out.shape[:2]
    drawn, counted = _drawn(key, data, folds, max(max_rows // (num_folds - 1), 1))
    counts = data._replace(features=tuple(block[:, :0] for block in data.features), logits=None)
    for of_seed in drawn:
        reason = f"num_folds={num_folds} and max_rows={max_rows}"
        check_counts(taken(counts, of_seed.reshape(-1), None), minimum=num_folds, reason=reason)
    # For each fold, the positions of what is drawn from the others among all drawn rows.
    others = np.array([[other for other in range(num_folds) if other != fold] for fold in range(num_folds)])
    positions = np.arange(drawn.size, dtype=np.int32).reshape(drawn.shape)
    rows, fill = (values[:, others].reshape(num_seeds, num_folds, -1) for values in (positions, counted))
    part = taken(data, drawn.reshape(-1), data.mesh)
    return RowsToFit(part, jnp.asarray(rows), None if fill.all() else jnp.asarray(fill, jnp.float32))


def _drawn(key: jax.Array, data: Dataset, folds: Folds, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows drawn from each fold ``[m, F, count]``, and which of them are not padding.

    One row of each of ``count`` equal stretches of the rows sorted by class, which keeps the shares of the classes.
    """
    left_out, strata = to_host(folds.left_out), to_host(data.strata)
    random = np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())
    drawn = np.empty((*left_out.shape[:2], count), np.int32)
    counted = np.ones(drawn.shape, bool)
    for fold in np.ndindex(left_out.shape[:2]):
        own = np.unique(left_out[fold])  # without padding
        own = own[np.argsort(strata[own], kind="stable")]
        if len(own) <= count:
            drawn[fold], counted[fold] = np.resize(own, count), np.arange(count) < len(own)
            continue
        starts = np.arange(count + 1) * len(own) // count
        drawn[fold] = own[random.integers(starts[:-1], starts[1:])]
    return drawn, counted


@partial(jax.jit, static_argnums=2)
def taken(data: Dataset, rows: jax.Array, mesh: Mesh | None) -> Dataset:
    """Some rows of a data set, in their order; with a mesh, on every device."""
    part = jax.tree.map(lambda leaf: leaf[rows], {name: getattr(data, name) for name in OF_ROWS})
    if mesh is not None:
        part = jax.lax.with_sharding_constraint(part, NamedSharding(mesh, PartitionSpec()))
    return data._replace(**part)
