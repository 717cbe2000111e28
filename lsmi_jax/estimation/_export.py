"""Exports a fitted estimator as a program that needs only JAX."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.export  # jax does not import it
import jax.numpy as jnp

from lsmi_jax.decomposition import (
    GAIN,
    INFORMATION,
    KIND,
    PARTS,
    SURPRISALS,
    UNION,
    Redundancy,
    gain,
    kind,
)
from lsmi_jax.estimation._assembly import decompose_scores
from lsmi_jax.estimation._estimator import Estimator
from lsmi_jax.estimation._fit_and_score import redundancy_of
from lsmi_jax.estimation._scoring import score_rows
from lsmi_jax.inputs import in_units

__all__ = ["export_score"]


def export_score(
    estimator: Estimator, *, redundancy: Redundancy | None = None, platforms: Sequence[str] | None = None
) -> jax.export.Exported:
    """Exports `lsmi_jax.score` for any number of rows.

    Write the result with ``.serialize()`` (extra ``[export]``), read it with ``jax.export.deserialize`` in a process
    without this package, and run it with ``.call(features, labels)``, or ``.call(features, labels, logits)`` if the
    estimator was fitted with your own logits: tuples of float32 arrays, and int32 labels. It returns a dictionary
    of ``[n]`` arrays in nats, named as the columns of `Estimate.to_pandas`, without the shifted ones; ``kind`` holds
    the codes of `lsmi_jax.kind`. A label out of range gives NaN. All rows are scored at once; pass fewer rows to
    limit memory.

    Args:
        estimator: From `lsmi_jax.fit_estimator`.
        redundancy: As in `lsmi_jax.score`.
        platforms: Platforms to compile for, such as ``("cpu", "cuda", "tpu")``; None for the current one.

    Returns:
        The exported function, with a symbolic number of rows.

    Raises:
        TypeError: As `lsmi_jax.score`, or if ``platforms`` is a single string.
        ValueError: If the redundancy needs densities that were not fitted, the target is continuous, or there are more
            than two modalities.
    """
    chosen = redundancy_of(estimator, redundancy, only_two=True)
    if estimator.knots is not None:
        raise ValueError("estimator: expected one of classes, got one of a continuous target, which score handles")
    if isinstance(platforms, str):
        raise TypeError(f"platforms: expected a tuple of names, got {platforms!r}; pass ({platforms!r},)")
    (num_rows,) = jax.export.symbolic_shape("n")

    def score_of(features: tuple, labels: jax.Array, logits: tuple | None = None) -> dict[str, jax.Array]:
        rows = tuple(map(in_units, features, estimator.units))
        scores = score_rows(estimator, rows, logits)
        parts, (i1, i2, i12, *union) = decompose_scores(scores, labels, estimator.log_prior, chosen)
        values = {
            **dict(zip(PARTS, parts, strict=True)),
            **dict(zip(INFORMATION, (i1, i2, i12), strict=True)),
            **dict(zip((UNION,), union, strict=False)),
            **dict(zip(SURPRISALS, scores.surprisals or (), strict=False)),
            GAIN: gain(i1, i2, i12),
        }
        return {quantity.column: value for quantity, value in values.items()} | {KIND: kind(i1, i2, i12)}

    def rows(*shape: int, dtype: Any = jnp.float32) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((num_rows, *shape), dtype)

    inputs: tuple = (tuple(rows(d) for d in estimator.num_features), rows(dtype=jnp.int32))
    if estimator.discriminators is None:
        inputs += ((rows(estimator.num_classes),) * 3,)
    return jax.export.export(jax.jit(score_of), platforms=platforms)(*inputs)
