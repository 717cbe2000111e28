"""From checked arguments to out-of-fold estimates, of two blocks or of every pair of more."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import Redundancy
from lsmi_jax.estimator import Data, EntropySpace, pairs_of
from lsmi_jax.fitting import fit_stacked
from lsmi_jax.folds import Folds, stratified_folds
from lsmi_jax.information import label_log_prior
from lsmi_jax.knife import check_mixture
from lsmi_jax.result import Estimate, assemble
from lsmi_jax.stages import Progress, stages
from lsmi_jax.validation import check_class_counts, check_features, check_labels, check_log_prior, check_logits

__all__ = ["all_rows", "check_data", "cross_fit", "fit_options"]


def cross_fit(
    key: jax.Array,
    features: Sequence[ArrayLike],
    labels: ArrayLike,
    *,
    only_two: bool,
    names: Sequence[str],
    num_folds: int,
    num_seeds: int,
    num_classes: int | None,
    logits: Sequence[ArrayLike] | None,
    log_prior: ArrayLike | None,
    entropy_space: EntropySpace,
    redundancy: Redundancy,
    num_components: int,
    covariance: str | int,
    progress: Progress | None,
    checkpoint: str | Path | None,
) -> tuple[Estimate, ...]:
    """Fits on all folds but one and scores that one, for every fold, and decomposes every pair of blocks.

    Args:
        key: Random key.
        features: Feature blocks ``[n, d]``.
        labels: Class labels ``[n]``.
        only_two: Whether there must be exactly two blocks.
        names: Names of the blocks, then of their pairs, for ``progress``.
        num_folds: As in `lsmi_jax.estimate`, and so the rest.
        num_seeds: The same.
        num_classes: The same.
        logits: Of each block, then of each pair.
        log_prior: As in `lsmi_jax.estimate`, and so the rest.
        entropy_space: The same.
        redundancy: The same.
        num_components: The same.
        covariance: The same.
        progress: The same.
        checkpoint: The same.

    Returns:
        An `Estimate` of each pair, in the order of the rows.

    Raises:
        TypeError: If labels are not integers or features are not numbers.
        ValueError: If an argument has the wrong shape or values; the message says which and how.
    """
    if num_folds < 2:
        raise ValueError(f"num_folds: expected at least 2, got {num_folds}")
    if num_seeds < 1:
        raise ValueError(f"num_seeds: expected at least 1, got {num_seeds}")
    options = fit_options(entropy_space, num_components, covariance)
    data = check_data(features, labels, num_classes, logits, log_prior, entropy_space, only_two=only_two)
    check_class_counts(data.labels, data.num_classes, minimum=num_folds, reason=f"num_folds={num_folds}")
    fold_key, fit_key = jax.random.split(key)
    folds = _folds_of_seeds(fold_key, data.labels, num_folds, num_seeds)
    stage = stages(progress, checkpoint, key, data, folds.train, options)
    estimators = fit_stacked(fit_key, data, folds.train, stage=stage, names=names, **options)
    return stages(progress)("scores", partial(assemble, estimators, data, folds.left_out, redundancy))


def check_data(
    features: Any,
    labels: ArrayLike,
    num_classes: int | None,
    logits: Sequence[ArrayLike] | None,
    log_prior: ArrayLike | None,
    entropy_space: EntropySpace,
    *,
    only_two: bool = True,
) -> Data:
    """The data set that the user's arguments make, if they are in order.

    Args:
        features: Feature blocks ``[n, d]``.
        labels: Class labels ``[n]``.
        num_classes: Number of classes; None for one more than the largest label.
        logits: Of each block, then of each pair; None for none.
        log_prior: Log-prior ``[K]`` in nats; None for the frequencies of the labels.
        entropy_space: Where the densities live.
        only_two: Whether there must be exactly two blocks.

    Returns:
        A `Data`.

    Raises:
        TypeError: If labels are not integers or features are not numbers.
        ValueError: If an argument has the wrong shape or values; the message says which and how.
    """
    if entropy_space not in ("posterior", "features"):
        raise ValueError(f'entropy_space: expected "posterior" or "features", got {entropy_space!r}')
    blocks = check_features(features, only_two=only_two)
    labels, count = check_labels(labels, len(blocks[0]), num_classes)
    if logits is not None:
        logits = check_logits(logits, len(labels), count, len(blocks) + len(pairs_of(len(blocks))))
    if log_prior is None:
        log_prior = _label_log_prior(labels, count)
    return Data(blocks, labels, logits, check_log_prior(log_prior, count))


def fit_options(entropy_space: EntropySpace, num_components: int, covariance: str | int) -> dict[str, Any]:
    """What `lsmi_jax.fitting.fit_stacked` takes of the user's options.

    Args:
        entropy_space: Where the densities live.
        num_components: Number of Gaussians of a `Knife`.
        covariance: Covariance of a `Knife`.

    Returns:
        Keyword arguments.

    Raises:
        ValueError: If one is out of range.
    """
    check_mixture(num_components, covariance)
    return {"entropy_space": entropy_space, "num_components": num_components, "covariance": covariance}


def all_rows(data: Data) -> jax.Array:
    """All rows, as those of one seed and fold.

    Args:
        data: The data set.

    Returns:
        Row indices ``[1, 1, n]``.
    """
    return jnp.asarray(np.arange(len(data.labels), dtype=np.int32)[None, None])


# Each is compiled as a whole: one operation after another takes longer to compile.


@partial(jax.jit, static_argnums=(2, 3))
def _folds_of_seeds(key: jax.Array, labels: jax.Array, num_folds: int, num_seeds: int) -> Folds:
    return jax.vmap(lambda key: stratified_folds(key, labels, num_folds))(jax.random.split(key, num_seeds))


_label_log_prior = jax.jit(label_log_prior, static_argnums=1)
