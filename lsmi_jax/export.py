"""A fitted estimator as a program that needs JAX alone."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.export  # not imported by jax itself
import jax.numpy as jnp

from lsmi_jax.decomposition import Redundancy, decompose, specificity_ambiguity
from lsmi_jax.estimator import Estimator, score_rows
from lsmi_jax.information import pointwise_information
from lsmi_jax.rowfile import COLUMNS

__all__ = ["export_score"]


def export_score(
    estimator: Estimator, *, redundancy: Redundancy = specificity_ambiguity, platforms: Sequence[str] | None = None
) -> jax.export.Exported:
    """Exports what `lsmi_jax.score` computes of rows, for any number of them.

    The result can be written by ``.serialize()`` (extra ``[export]``), read by ``jax.export.deserialize`` in a process
    that knows nothing of this package, and run by ``.call(features, labels)``, or ``.call(features, labels, logits)``
    if the estimator was fitted with the user's logits: tuples of float32 arrays, and int32 labels. It returns a
    dictionary of ``[n]`` arrays in nats, named as the columns of `lsmi_jax.score_to_file`. A label out of range gives
    NaN. All rows are scored at once, so that it is for the caller to bound memory.

    Args:
        estimator: From `lsmi_jax.fit_estimator`.
        redundancy: Pointwise redundancy, as in `lsmi_jax.decompose`.
        platforms: To compile for, such as ``("cpu", "cuda", "tpu")``; None for the one at hand.

    Returns:
        The exported function, with the number of rows as a symbol.
    """
    (num_rows,) = jax.export.symbolic_shape("n")
    num_classes = estimator.log_prior.shape[0]

    def score_of(features: tuple, labels: jax.Array, logits: tuple | None = None) -> dict[str, jax.Array]:
        posteriors, surprisals = score_rows(estimator, features, logits)
        information = tuple(pointwise_information(one, labels, estimator.log_prior) for one in posteriors)
        parts = decompose(*information, *surprisals, redundancy=redundancy)
        return dict(zip(COLUMNS, (*parts, *information, *surprisals), strict=True))

    def rows(*shape: int, dtype: Any = jnp.float32) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((num_rows, *shape), dtype)

    inputs: tuple = (tuple(rows(d) for d in estimator.num_features), rows(dtype=jnp.int32))
    if estimator.discriminators is None:
        inputs += ((rows(num_classes),) * 3,)
    return jax.export.export(jax.jit(score_of), platforms=platforms)(*inputs)
