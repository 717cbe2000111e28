"""From two feature blocks and labels to the interactions of every sample."""

from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.batches import Batches, chunks, sample
from lsmi_jax.crossfit import all_rows, check_data, cross_fit, fit_options
from lsmi_jax.decomposition import Redundancy, specificity_ambiguity
from lsmi_jax.estimator import EntropySpace, Estimator, stack, unstack
from lsmi_jax.fitting import VIEWS, fit_stacked
from lsmi_jax.placement import everywhere
from lsmi_jax.result import Estimate, assemble, concatenate
from lsmi_jax.stages import Progress, stages
from lsmi_jax.validation import check_class_counts, check_no_logits

__all__ = ["estimate", "fit_estimator", "score"]

CHUNK = 2**16  # rows of a stream that are scored at a time


@everywhere
def fit_estimator(
    key: jax.Array,
    features: Sequence[ArrayLike] | Batches,
    labels: ArrayLike | None = None,
    *,
    num_classes: int | None = None,
    logits: Sequence[ArrayLike] | None = None,
    log_prior: ArrayLike | None = None,
    entropy_space: EntropySpace = "posterior",
    num_components: int = 16,
    covariance: str | int = "diagonal",
    max_rows: int = 200_000,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
) -> Estimator:
    """Fits discriminators (Eq. 2) and densities (Eq. 7) on a data set, to `score` another with.

    Args:
        key: Random key.
        features: The two feature blocks, ``[n, d1]`` and ``[n, d2]``; or, without labels, an iterable of
            batches, ``(features, labels)`` or ``(features, labels, logits)``, that is read once.
        labels: Class labels ``[n]`` in ``0..K-1``; None where the features are batches.
        num_classes: Number of classes K; None for one more than the largest label.
        logits: Logits of the user's own discriminators of the first modality, the second, and both, each
            ``[n, K]``; None to train them here.
        log_prior: Log-prior ``[K]`` in nats; None for the frequencies of the labels.
        entropy_space: ``"posterior"`` for densities of the discriminators' posteriors, which are of one
            dimension and do not depend on the units of the features; ``"features"`` for the paper's.
        num_components: Number of Gaussians of a `Knife`.
        covariance: Covariance of a `Knife` on whitened columns: ``"diagonal"``, ``"full"`` or a rank.
        max_rows: Of batches, how many rows to fit on, drawn at random from all; the log-prior is of all.
        progress: Called with the name of each stage before it starts.
        checkpoint: A folder that keeps the result of each of the five stages: the same call, started again,
            goes on from there. None to keep nothing.

    Returns:
        A fitted `Estimator`.

    Raises:
        TypeError: If labels are not integers or features are not numbers.
        OSError: If the checkpoint cannot be written; what it held before stays.
        ValueError: If an argument has the wrong shape or values; the message says which and how.
    """
    options = fit_options(entropy_space, num_components, covariance)
    if labels is None:
        check_no_logits(logits)
        (features, labels, logits), counts = sample(key, features, max_rows, num_classes)
        if log_prior is None and len(labels) < counts.sum():  # type: ignore[arg-type]
            log_prior = jnp.log(jnp.asarray(counts / counts.sum(), jnp.float32))
    data = check_data(features, labels, num_classes, logits, log_prior, entropy_space)
    check_class_counts(data.labels, data.num_classes, minimum=2, reason="fitting and stopping early")
    stage = stages(progress, checkpoint, key, data, options)
    return unstack(fit_stacked(key, data, all_rows(data), stage=stage, **options))


@everywhere
def score(
    estimator: Estimator,
    features: Sequence[ArrayLike] | Batches,
    labels: ArrayLike | None = None,
    *,
    logits: Sequence[ArrayLike] | None = None,
    redundancy: Redundancy = specificity_ambiguity,
) -> Estimate:
    """Interactions of samples under a fitted estimator: training, held-out or shifted data.

    Args:
        estimator: From `fit_estimator`.
        features: The two feature blocks, ``[n, d1]`` and ``[n, d2]``; or, without labels, an iterable of
            batches, ``(features, labels)`` or ``(features, labels, logits)``, that is read once.
        labels: Class labels ``[n]``, of the classes the estimator was fitted on; None where the features are
            batches.
        logits: Logits of the user's discriminators, each ``[n, K]``, if it was fitted with theirs.
        redundancy: Pointwise redundancy, as in `lsmi_jax.decompose`.

    Returns:
        An `Estimate` in the order of the rows.

    Raises:
        TypeError: If labels are not integers or features are not numbers.
        ValueError: If an argument has the wrong shape or values; the message says which and how.
    """
    if labels is None:
        check_no_logits(logits)
        parts = [
            score(estimator, *chunk[:2], logits=chunk.logits, redundancy=redundancy)
            for chunk, _ in chunks(features, CHUNK)
        ]
        return concatenate(parts)
    num_classes = estimator.log_prior.shape[0]
    data = check_data(features, labels, num_classes, logits, estimator.log_prior, estimator.entropy_space)
    got = tuple(block.shape[1] for block in data.features)
    if got != estimator.num_features:
        raise ValueError(f"features: expected {estimator.num_features} columns, as in fit_estimator, got {got}")
    if (logits is None) != (estimator.discriminators is not None):
        wanted = "the user's logits" if estimator.discriminators is None else "no logits"
        raise ValueError(f"logits: expected {wanted}, as in fit_estimator, got the opposite")
    (only,) = assemble(stack(estimator), data, all_rows(data), redundancy)
    return only


@everywhere
def estimate(
    key: jax.Array,
    features: Sequence[ArrayLike],
    labels: ArrayLike,
    *,
    num_folds: int = 5,
    num_seeds: int = 1,
    num_classes: int | None = None,
    logits: Sequence[ArrayLike] | None = None,
    log_prior: ArrayLike | None = None,
    entropy_space: EntropySpace = "posterior",
    redundancy: Redundancy = specificity_ambiguity,
    num_components: int = 16,
    covariance: str | int = "diagonal",
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
) -> Estimate:
    """Out-of-fold interactions: each sample is scored by models that never saw it.

    Algorithm 1 of Yang et al. (2025), cross-fitted over stratified folds.

    Args:
        key: Random key.
        features: The two feature blocks, ``[n, d1]`` and ``[n, d2]``.
        labels: Class labels ``[n]`` in ``0..K-1``, at least ``num_folds`` of every class.
        num_folds: Number of folds, at least 2.
        num_seeds: How often to repeat it all, in one program, under new folds and initialisations; each
            sample then has its mean over the seeds, and its spread.
        num_classes: Number of classes K; None for one more than the largest label.
        logits: Logits of the user's own discriminators of the first modality, the second, and both, each
            ``[n, K]`` and not fitted on these rows; None to train them here.
        log_prior: Log-prior ``[K]`` in nats; None for the frequencies of the labels.
        entropy_space: As in `fit_estimator`.
        redundancy: Pointwise redundancy, as in `lsmi_jax.decompose`.
        num_components: As in `fit_estimator`.
        covariance: As in `fit_estimator`.
        progress: Called with the name of each stage before it starts.
        checkpoint: As in `fit_estimator`.

    Returns:
        An `Estimate` in the order of the rows.

    Raises:
        OSError: If the checkpoint cannot be written; what it held before stays.
        TypeError: If labels are not integers or features are not numbers.
        ValueError: If an argument has the wrong shape or values; the message says which and how.
    """
    (only,) = cross_fit(
        key,
        features,
        labels,
        only_two=True,
        names=VIEWS,
        num_folds=num_folds,
        num_seeds=num_seeds,
        num_classes=num_classes,
        logits=logits,
        log_prior=log_prior,
        entropy_space=entropy_space,
        redundancy=redundancy,
        num_components=num_components,
        covariance=covariance,
        progress=progress,
        checkpoint=checkpoint,
    )
    return only
