"""Scores of all rows, each under the models of its own fold, in the order of the rows."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec

from lsmi_jax.estimation._estimator import Estimator
from lsmi_jax.estimation._over_fits import over_fits
from lsmi_jax.estimation._scoring import Scores, score_rows
from lsmi_jax.inputs import Dataset, in_input_order

__all__ = ["ordered_scores"]


def ordered_scores(estimators: Estimator, data: Dataset, rows: jax.Array, mesh: Mesh | None) -> Scores:
    """Scores the rows of each fold with its own models.

    Args:
        estimators: Estimators with leading axes of seeds and folds ``[m, F]``.
        data: The data set.
        rows: Row indices to score, of each seed and fold ``[m, F, h]``; every row in one fold of each seed.
        mesh: The mesh over which rows are sharded; None on one device.

    Returns:
        `Scores` of each seed and row ``[m, n, ...]``.
    """
    if mesh is not None:
        return _on_own_devices(estimators, data, rows, mesh)

    def score(inputs: tuple, estimator: Estimator, part: jax.Array) -> Scores:
        return score_rows(estimator, *jax.tree.map(lambda block: block[part], inputs))

    by_fold = over_fits(score, None, (data.features, data.logits), estimators, rows)
    return _in_input_order(by_fold, rows, data.num_rows)


def _on_own_devices(estimators: Estimator, data: Dataset, rows: jax.Array, mesh: Mesh) -> Scores:
    """Every device scores the rows that it holds, whatever folds they are in."""
    numbers = jnp.broadcast_to(jnp.arange(rows.shape[1])[None, :, None], rows.shape)
    fold_of = _in_input_order(numbers, rows, data.num_rows)
    num_more = -data.num_rows % mesh.size  # zero if rows are sharded; any number if every device holds all of them

    def padded(leaf: jax.Array, axis: int) -> jax.Array:
        return jnp.pad(leaf, [(0, num_more if own == axis else 0) for own in range(leaf.ndim)]) if num_more else leaf

    by_row, by_seed = PartitionSpec(mesh.axis_names), PartitionSpec(None, mesh.axis_names)
    specs = PartitionSpec(), by_row, by_seed
    spread = jax.shard_map(_under_own_folds, mesh=mesh, in_specs=specs, out_specs=by_seed, check_vma=False)
    inputs = jax.tree.map(lambda leaf: padded(leaf, 0), (data.features, data.logits))
    scores = spread(estimators, inputs, padded(fold_of, 1))
    return jax.tree.map(lambda leaf: leaf[:, : data.num_rows], scores)


def _under_own_folds(estimators: Estimator, inputs: tuple, fold_of: jax.Array) -> Scores:
    """Scores ``[m, n, ...]`` of rows, each under the models of its own fold ``[m, n]``.

    All rows are scored under all folds, one fold after another, so that no row moves.
    """

    def of_seed(own: tuple[Estimator, jax.Array]) -> Scores:
        of_folds, fold_of = own
        one = jax.tree.map(lambda leaf: leaf[0], of_folds)
        start = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(score_rows, one, *inputs))

        def add_fold(scores: Scores, fitted: tuple[Estimator, jax.Array]) -> tuple[Scores, None]:
            estimator, fold = fitted
            is_own = fold_of == fold

            def chosen(new: jax.Array, old: jax.Array) -> jax.Array:
                return jnp.where(is_own.reshape(-1, *[1] * (new.ndim - 1)), new, old)

            return jax.tree.map(chosen, score_rows(estimator, *inputs), scores), None

        num_folds = jax.tree.leaves(of_folds)[0].shape[0]
        return jax.lax.scan(add_fold, start, (of_folds, jnp.arange(num_folds)))[0]

    return jax.lax.map(of_seed, (estimators, fold_of))


def _in_input_order(values: Any, rows: jax.Array, size: int) -> Any:
    """Values of the rows of each seed and fold ``[m, F, h, ...]`` in the order of the rows ``[m, n, ...]``."""

    def of_seed(own: Any, part: jax.Array) -> Any:
        return jax.tree.map(lambda leaf: in_input_order(leaf, part, size), own)

    return jax.vmap(of_seed)(values, rows)
