"""Fits an estimator on one data set and scores another with it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import DEFAULT_REDUNDANCY, Redundancy, check_redundancy, num_cells_of
from lsmi_jax.estimation._assembly import assemble
from lsmi_jax.estimation._concatenation import concatenate
from lsmi_jax.estimation._estimator import Estimator, check_estimator, stack, unstack
from lsmi_jax.estimation._fitting import check_columns, fit_stacked, fit_stages
from lsmi_jax.estimation._pairs import one_or_pairs
from lsmi_jax.estimation._result import Estimate
from lsmi_jax.estimation._stage_names import names_of_modalities
from lsmi_jax.inputs import (
    Batches,
    DataOptions,
    Dataset,
    Missing,
    across_meshes,
    check_counts,
    check_data_options,
    check_key,
    check_no_logits,
    chunks,
    given_options,
    pack,
    sample,
)
from lsmi_jax.storage import Reports, shown

__all__ = ["CHUNK", "fit_estimator", "redundancy_of", "score"]

CHUNK = 2**16  # rows of a stream that are scored at a time
WITH_BATCHES = ("num_classes", "log_prior")  # options of the data that batches may have


@across_meshes
def fit_estimator(
    key: jax.Array,
    features: Sequence[ArrayLike] | Batches | None,
    labels: ArrayLike | None = None,
    *,
    names: Sequence[str] | None = None,
    redundancy: Redundancy = DEFAULT_REDUNDANCY,
    max_rows: int = 200_000,
    progress: Reports = "auto",
    checkpoint: str | Path | None = None,
    **data_options: Unpack[DataOptions],
) -> Estimator:
    """Fits discriminators (Eq. 2), and what the redundancy needs, on a data set, so that `score` can score other data.

    Args:
        key: Random key.
        features: Two to five feature blocks, each ``[n, d]``; or, without labels, an iterable of batches,
            ``(features, labels)`` or ``(features, labels, logits)``, which is read once; or None, as in
            `lsmi_jax.estimate`.
        labels: Class labels ``[n]`` in ``0..K-1``; None if the features are batches.
        names: As in `lsmi_jax.estimate`.
        redundancy: The redundancy with its options, as in `lsmi_jax.estimate`; `score` uses it by default.
        max_rows: Number of rows to fit on, drawn at random from all batches; the log-prior is that of all rows.
        progress: As in `lsmi_jax.estimate`.
        checkpoint: A folder that caches the result of each stage, so that a repeated call resumes there;
            None for no cache.
        **data_options: ``num_classes``, ``logits``, ``probabilities``, ``log_prior``, ``groups``, ``weights``,
            ``missing``, ``unlabeled`` and ``target`` as in `lsmi_jax.estimate`. With batches, only ``num_classes`` and
            ``log_prior``.

    Returns:
        A fitted `Estimator`.

    Raises:
        OSError: If the checkpoint cannot be written; its previous content is preserved.
        TypeError: As `lsmi_jax.estimate`, or if an option has another name.
        ValueError: If an argument has the wrong shape or values; the message names the argument.
    """
    check_data_options(data_options)
    key, redundancy = check_key(key), check_redundancy(redundancy)
    if labels is None:
        features, labels, data_options = _sampled(key, features, max_rows, data_options)
    data = pack(features, labels, only_two=False, together=None, **data_options)
    check_columns(data, redundancy)
    check_counts(data, minimum=2, reason="fitting and early stopping")
    named = names_of_modalities(names, len(data.features))
    with shown(progress) as begin:
        stage = fit_stages(begin, checkpoint, redundancy, key, data)
        together, rows = len(named) > 2, _all_rows(data)
        return unstack(fit_stacked(key, data, rows, redundancy, stage=stage, names=named, together=together))


@across_meshes
def score(
    estimator: Estimator,
    features: Sequence[ArrayLike] | Batches | None,
    labels: ArrayLike | None = None,
    *,
    logits: Sequence[ArrayLike] | None = None,
    probabilities: Sequence[ArrayLike] | None = None,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    missing: Missing = "error",
    redundancy: Redundancy | None = None,
    progress: Reports = "auto",
) -> Estimate | Any:
    """Interactions of samples under a fitted estimator: of training data, held-out data, or another distribution.

    Args:
        estimator: From `fit_estimator`.
        features: Feature blocks as in the fit, each ``[n, d]``; or, without labels, an iterable of batches,
            ``(features, labels)`` or ``(features, labels, logits)``, which is read once; or None, as in
            `lsmi_jax.estimate`.
        labels: Class labels ``[n]`` of the classes the estimator was fitted on; None if the features are batches.
        logits: Logits of your own discriminators as in the fit, each ``[n, K]``, if it was fitted with logits.
        probabilities: Their probabilities, instead of logits; None with batches.
        groups: As in `lsmi_jax.estimate`, for errors of means; None with batches.
        weights: As in `lsmi_jax.estimate`, for means; None with batches.
        missing: As in `lsmi_jax.estimate`; ``"error"`` with batches.
        redundancy: Another redundancy that needs no further fit; None for the one it was fitted for.
        progress: As in `lsmi_jax.estimate`; with batches, it is called with the number of rows done.

    Returns:
        An `Estimate` in the order of the rows, or `Pairs` if the estimator is of three or more modalities.

    Raises:
        TypeError: As `lsmi_jax.estimate`.
        ValueError: If an argument has the wrong shape or values, or the redundancy needs what was not
            fitted.
    """
    if isinstance(labels, Estimator):
        raise TypeError("labels: expected class labels, got an Estimator; score takes the estimator first")
    redundancy = redundancy_of(estimator, redundancy)
    if labels is None:
        given: DataOptions = {"logits": logits, "probabilities": probabilities, "groups": groups, "weights": weights}
        batches = _only_batches(features, given | {"missing": missing})
        if estimator.knots is not None:
            raise ValueError("features: expected arrays of all rows for a continuous target, got batches")
        return _score_batches(estimator, batches, redundancy, progress)
    data = pack(
        features,
        labels,
        num_classes=estimator.num_classes,
        logits=logits,
        probabilities=probabilities,
        log_prior=estimator.log_prior,
        groups=groups,
        weights=weights,
        missing=missing,
        target="classes" if estimator.knots is None else "continuous",
        knots=estimator.knots,
        units=estimator.units,
        only_two=False,
        together=None,
    )
    check_columns(data, redundancy)
    if (data.logits is None) != (estimator.discriminators is not None):
        expected, got = ("your logits", "none") if estimator.discriminators is None else ("no logits", "some")
        raise ValueError(f"logits: expected {expected}, as in fit_estimator, got {got}")
    with shown(progress) as begin:
        if begin is not None:
            begin("scores")
        estimates, together = assemble(stack(estimator), data, _all_rows(data), redundancy, data.mesh)
    return one_or_pairs(estimates, estimator.names, together)


def _score_batches(estimator: Estimator, batches: Batches, redundancy: Redundancy, progress: Reports) -> Any:
    """Interactions of all rows of a stream, scored chunk by chunk."""
    parts: list[Estimate] = []
    with shown(progress) as begin:
        for chunk, _ in chunks(batches, CHUNK):
            if begin is not None:
                begin(f"scores, {sum(part.num_samples for part in parts):,} rows done")
            parts.append(score(estimator, *chunk[:2], logits=chunk.logits, redundancy=redundancy, progress=None))
    return concatenate(parts)


def redundancy_of(estimator: Estimator, redundancy: Redundancy | None, *, only_two: bool = False) -> Redundancy:
    """Checks that an estimator can be scored with a redundancy.

    Args:
        estimator: The estimator.
        redundancy: The redundancy; None for the one it was fitted for.
        only_two: Whether it must be of two modalities.

    Returns:
        The redundancy.

    Raises:
        TypeError: If ``estimator`` has the wrong type.
        ValueError: If it lacks what the redundancy needs, or is of more than two modalities, and only two are allowed.
    """
    check_estimator(estimator, only_two=only_two)
    if redundancy is None:
        return estimator.redundancy
    needed, fitted = check_redundancy(redundancy).density, estimator.redundancy.density
    if needed is not None and needed != fitted:
        expected = f"one that needs {fitted or 'no density'}, as in fit_estimator"
        raise ValueError(f"redundancy: expected {expected}, got {redundancy!r}")
    if num_cells_of(redundancy) is not None and redundancy != estimator.redundancy:
        raise ValueError(
            f"redundancy: expected one that needs no more than {estimator.redundancy!r}, got {redundancy!r}"
        )
    return redundancy


def _sampled(key: jax.Array, features: Any, max_rows: int, options: DataOptions) -> tuple[Any, Any, DataOptions]:
    """Rows drawn from batches, their labels, and the options of a data set of these rows."""
    batches = _only_batches(features, options)
    (blocks, labels, logits), counts = sample(key, batches, max_rows, options.get("num_classes"))
    log_prior = options.get("log_prior")
    if log_prior is None and len(labels) < counts.sum():  # the frequencies are those of all rows
        log_prior = jnp.log(jnp.asarray(counts / counts.sum(), jnp.float32))
    return blocks, labels, {"num_classes": options.get("num_classes"), "log_prior": log_prior, "logits": logits}


def _only_batches(features: Batches | None, options: DataOptions) -> Batches:
    """The batches, after a check that no option that needs arrays was passed with them."""
    if features is None:
        raise ValueError("labels: expected labels, because features are not batches, got None")
    check_no_logits(options.get("logits"))
    for name in given_options(options):
        if name not in WITH_BATCHES:
            raise ValueError(f"{name}: expected None with batches; pass arrays of all rows")
    return features


def _all_rows(data: Dataset) -> jax.Array:
    """All rows, as those of one seed and one fold ``[1, 1, n]``."""
    return jnp.asarray(np.arange(data.num_rows, dtype=np.int32)[None, None])
