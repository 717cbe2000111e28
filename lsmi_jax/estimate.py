"""From two feature blocks and labels to the interactions of every sample."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.decomposition import (
    Interactions,
    Redundancy,
    adjust,
    decompose,
    single_source_fraction,
    specificity_ambiguity,
)
from lsmi_jax.diagnostics import Diagnostics, all_finite
from lsmi_jax.estimator import (
    Data,
    EntropySpace,
    Estimator,
    Progress,
    Scores,
    fit_stacked,
    score_stacked,
    unwatched,
)
from lsmi_jax.folds import stratified_folds
from lsmi_jax.information import label_log_prior, pointwise_information
from lsmi_jax.knife import check_mixture
from lsmi_jax.summary import Summary, summarize
from lsmi_jax.validation import (
    check_class_counts,
    check_features,
    check_labels,
    check_log_prior,
    check_logits,
)

__all__ = ["Estimate", "estimate", "fit_estimator", "score"]


class Estimate(NamedTuple):
    """Interactions of every sample, and what they were computed from; all ``[n]`` in input order, in nats.

    Attributes:
        interactions: Raw r, u1, u2, s of each sample.
        adjusted: The same after the paper's dataset-level shift, `lsmi_jax.adjust`.
        information: Pointwise information ``i1, i2, i12``.
        surprisal: Surprisal ``h1, h2``, in the space of ``entropy_space``.
        spread: Standard deviation of each sample's interactions over the seeds, where the others are means
            over seeds; None for one seed.
        diagnostics: How far to trust them.
        key: Random key of the resampling in `mean`, from that of the fit.
    """

    interactions: Interactions
    adjusted: Interactions
    information: tuple[jax.Array, jax.Array, jax.Array]
    surprisal: tuple[jax.Array, jax.Array]
    spread: Interactions | None
    diagnostics: Diagnostics
    key: jax.Array

    def mean(
        self,
        groups: ArrayLike | None = None,
        *,
        adjusted: bool = False,
        level: float = 0.95,
        num_resamples: int = 1000,
    ) -> Summary:
        """Means of interactions and information, with bootstrap standard errors and intervals.

        Args:
            groups: Group of each sample, ``0..G-1``, integers ``[n]``; None for all together.
            adjusted: Whether the means are those after the paper's shift, `lsmi_jax.adjust`.
            level: Probability that an interval aims to cover the mean with.
            num_resamples: Number of resamples.

        Returns:
            A `Summary` of scalars or ``[G]`` arrays, in nats.

        Raises:
            TypeError: If ``groups`` are not integers.
            ValueError: If ``groups`` are not ``[n]`` or negative, or an option is out of range.
        """
        return summarize(
            self.key,
            self.interactions,
            self.information,
            groups,
            adjusted=adjusted,
            level=level,
            num_resamples=num_resamples,
        )


def fit_estimator(
    key: jax.Array,
    features: Sequence[ArrayLike],
    labels: ArrayLike,
    *,
    num_classes: int | None = None,
    logits: Sequence[ArrayLike] | None = None,
    log_prior: ArrayLike | None = None,
    entropy_space: EntropySpace = "posterior",
    num_components: int = 16,
    covariance: str | int = "diagonal",
) -> Estimator:
    """Fits discriminators (Eq. 2) and densities (Eq. 7) on a data set, to `score` another with.

    Args:
        key: Random key.
        features: The two feature blocks, ``[n, d1]`` and ``[n, d2]``.
        labels: Class labels ``[n]`` in ``0..K-1``.
        num_classes: Number of classes K; None for one more than the largest label.
        logits: Logits of the user's own discriminators of the first modality, the second, and both, each
            ``[n, K]``; None to train them here.
        log_prior: Log-prior ``[K]`` in nats; None for the frequencies of the labels.
        entropy_space: ``"posterior"`` for densities of the discriminators' posteriors, which are of one
            dimension and do not depend on the units of the features; ``"features"`` for the paper's.
        num_components: Number of Gaussians of a `Knife`.
        covariance: Covariance of a `Knife` on whitened columns: ``"diagonal"``, ``"full"`` or a rank.

    Returns:
        A fitted `Estimator`.

    Raises:
        TypeError: If labels are not integers or features are not numbers.
        ValueError: If an argument has the wrong shape or values; the message says which and how.
    """
    check_mixture(num_components, covariance)
    data = _check_data(features, labels, num_classes, logits, log_prior, entropy_space)
    check_class_counts(data.labels, data.num_classes, minimum=2, reason="fitting and stopping early")
    rows = jnp.arange(len(data.labels))[None, None]
    stacked = fit_stacked(
        key[None], data, rows, entropy_space=entropy_space, num_components=num_components, covariance=covariance
    )
    return jax.tree.map(lambda leaf: leaf[0, 0], stacked)


def score(
    estimator: Estimator,
    features: Sequence[ArrayLike],
    labels: ArrayLike,
    *,
    logits: Sequence[ArrayLike] | None = None,
    redundancy: Redundancy = specificity_ambiguity,
) -> Estimate:
    """Interactions of samples under a fitted estimator: training, held-out or shifted data.

    Args:
        estimator: From `fit_estimator`.
        features: The two feature blocks, ``[n, d1]`` and ``[n, d2]``.
        labels: Class labels ``[n]``, of the classes the estimator was fitted on.
        logits: Logits of the user's discriminators, each ``[n, K]``, if it was fitted with theirs.
        redundancy: Pointwise redundancy, as in `lsmi_jax.decompose`.

    Returns:
        An `Estimate` in the order of the rows.

    Raises:
        TypeError: If labels are not integers or features are not numbers.
        ValueError: If an argument has the wrong shape or values; the message says which and how.
    """
    num_classes = estimator.log_prior.shape[0]
    data = _check_data(features, labels, num_classes, logits, estimator.log_prior, estimator.entropy_space)
    if (logits is None) != (estimator.discriminators is not None):
        wanted = "the user's logits" if estimator.discriminators is None else "no logits"
        raise ValueError(f"logits: expected {wanted}, as in fit_estimator, got the opposite")
    rows = jnp.arange(len(data.labels))[None, None]
    stacked = jax.tree.map(lambda leaf: leaf[None, None], estimator)
    return _assemble(score_stacked(stacked, data, rows), stacked, data, rows, redundancy)


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
        progress: Called with the name of each step before it starts.

    Returns:
        An `Estimate` in the order of the rows.

    Raises:
        TypeError: If labels are not integers or features are not numbers.
        ValueError: If an argument has the wrong shape or values; the message says which and how.
    """
    if num_folds < 2:
        raise ValueError(f"num_folds: expected at least 2, got {num_folds}")
    if num_seeds < 1:
        raise ValueError(f"num_seeds: expected at least 1, got {num_seeds}")
    check_mixture(num_components, covariance)
    data = _check_data(features, labels, num_classes, logits, log_prior, entropy_space)
    check_class_counts(data.labels, data.num_classes, minimum=num_folds, reason=f"num_folds={num_folds}")
    fold_key, fit_key = jax.random.split(key)
    folds = jax.vmap(lambda key: stratified_folds(key, data.labels, num_folds))(jax.random.split(fold_key, num_seeds))
    estimators = fit_stacked(
        jax.random.split(fit_key, num_seeds),
        data,
        folds.train,
        entropy_space=entropy_space,
        num_components=num_components,
        covariance=covariance,
        progress=progress or unwatched,
    )
    (progress or unwatched)("scores")
    return _assemble(score_stacked(estimators, data, folds.left_out), estimators, data, folds.left_out, redundancy)


def _check_data(features, labels, num_classes, logits, log_prior, entropy_space) -> Data:
    if entropy_space not in ("posterior", "features"):
        raise ValueError(f'entropy_space: expected "posterior" or "features", got {entropy_space!r}')
    blocks = check_features(features)
    labels, count = check_labels(labels, len(blocks[0]), num_classes)
    if logits is not None:
        logits = check_logits(logits, len(labels), count)
    if log_prior is None:
        log_prior = label_log_prior(labels, count)
    return Data(blocks, labels, logits, check_log_prior(log_prior, count))


@partial(jax.jit, static_argnums=4)
def _assemble(scores: Scores, estimators: Estimator, data: Data, rows: jax.Array, redundancy) -> Estimate:
    """Puts scores back in input order, decomposes them, and averages over the seeds."""

    def one_seed(scores: Scores, estimators: Estimator, rows: jax.Array) -> tuple:
        ordered = jax.tree.map(lambda leaf: _in_order(leaf, rows, len(data.labels)), scores)
        posteriors, surprisals = ordered
        information = tuple(pointwise_information(p, data.labels, data.log_prior) for p in posteriors)
        interactions = decompose(*information, *surprisals, redundancy=redundancy)
        return interactions, information, surprisals, _diagnose(ordered, information, estimators, data)

    seeds = jax.vmap(one_seed)(scores, estimators, rows)
    interactions, information, surprisals, diagnostics = jax.tree.map(lambda leaf: leaf.mean(0), seeds)
    spread = None if len(rows) == 1 else jax.tree.map(lambda leaf: leaf.std(0, ddof=1), seeds[0])
    adjusted, key = adjust(interactions), estimators.key[0, 0]
    return Estimate(interactions, adjusted, information, surprisals, spread, diagnostics, key)


def _in_order(leaf: jax.Array, rows: jax.Array, size: int) -> jax.Array:
    """Values of the folds ``[F, h, ...]`` in the order of the data ``[n, ...]``."""
    flat = leaf.reshape(rows.size, *leaf.shape[2:])
    return jnp.zeros((size, *leaf.shape[2:]), leaf.dtype).at[rows.reshape(-1)].set(flat)


def _diagnose(scores: Scores, information: tuple, estimators: Estimator, data: Data) -> Diagnostics:
    (i1, i2, _), (h1, h2) = information, scores.surprisals
    label_log_prob = data.log_prior[data.labels]
    gaps = [d.train_loss - d.held_out_loss for d in (*(estimators.discriminators or ()), *estimators.densities)]
    gaps = [gap.mean() for gap in gaps]
    return Diagnostics(
        single_source_fraction=single_source_fraction(i1, i2, h1, h2),
        cross_entropy=jnp.stack([-(i + label_log_prob).mean() for i in information]),
        accuracy=jnp.stack([(p.argmax(1) == data.labels).mean() for p in scores.log_posteriors]),
        prior_entropy=-jnp.where(jnp.isfinite(data.log_prior), jnp.exp(data.log_prior) * data.log_prior, 0).sum(),
        discriminator_gap=jnp.stack(gaps[:-2]) if gaps[:-2] else None,
        density_gap=jnp.stack(gaps[-2:]),
        finite_fraction=all_finite(*information, h1, h2),
    )
