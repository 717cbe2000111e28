"""Out-of-fold estimates: from feature blocks and labels to the interactions of every sample."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.decomposition import DEFAULT_REDUNDANCY, Redundancy, check_count, check_redundancy
from lsmi_jax.estimation._assembly import assemble
from lsmi_jax.estimation._data_checks import check_data
from lsmi_jax.estimation._fitting import check_columns, fit_stacked, fit_stages
from lsmi_jax.estimation._pairs import Pairs, one_or_pairs
from lsmi_jax.estimation._result import Estimate
from lsmi_jax.estimation._rows_to_fit import rows_to_fit
from lsmi_jax.estimation._splits import folds_of
from lsmi_jax.estimation._stage_names import names_of_modalities
from lsmi_jax.estimation._together import Together
from lsmi_jax.inputs import (
    DataOptions,
    Dataset,
    Missing,
    Target,
    Unlabeled,
    across_meshes,
    check_counts,
    check_data_options,
    check_key,
    check_names,
    pack,
    pairs_of,
)
from lsmi_jax.storage import Reports, shown, stages

__all__ = ["estimate", "estimate_pairs"]


@across_meshes
def estimate(
    key: jax.Array,
    features: Sequence[ArrayLike] | None,
    labels: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    num_folds: int = 5,
    num_seeds: int = 1,
    num_classes: int | None = None,
    logits: Sequence[ArrayLike] | None = None,
    probabilities: Sequence[ArrayLike] | None = None,
    log_prior: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    missing: Missing = "error",
    unlabeled: Unlabeled = "error",
    target: Target = "classes",
    redundancy: Redundancy = DEFAULT_REDUNDANCY,
    max_rows: int | None = None,
    progress: Reports = "auto",
    checkpoint: str | Path | None = None,
) -> Estimate | Any:
    """Out-of-fold interactions of every sample: each is scored by models that were not fitted on it.

    Fits discriminators on stratified folds and decomposes their information by Eq. 2 of Yang et al. (2025). All folds
    of a model are fitted in one program. Eq. 2 leaves the redundancy open: by default it is that of the union
    information (Bertschinger et al., 2014); ``SpecificityAmbiguity()`` is the paper's, with densities (Eq. 5-7). Three
    or more modalities are decomposed all together, by the union information of all, and pair by pair.

    Args:
        key: Random key.
        features: Two to five feature blocks, each ``[n, d]``; None if logits or probabilities are given and the
            redundancy needs no density.
        labels: Class labels ``[n]`` in ``0..K-1``, with at least ``num_folds`` rows, or groups of them, of every class.
        names: Names of three or more modalities, all different; None for ``x1``, ``x2``, ...
        num_folds: Number of folds, at least 2.
        num_seeds: Number of repetitions under new folds and initializations, in one program. Each sample then
            has its mean over seeds and its spread.
        num_classes: Number of classes K; None for one more than the largest label.
        logits: Logits of your own discriminators, not fitted on these rows, each ``[n, K]``; for two classes, the
            logit of class 1 ``[n]`` is enough. Two modalities need three arrays: first, second, both. Three need
            seven: each modality, the pairs (1, 2), (1, 3), (2, 3), and all. None to fit discriminators here.
        probabilities: Probabilities from these discriminators, of the same shapes, instead of logits.
        log_prior: Log-prior ``[K]`` in nats; None for the weighted frequencies of the labels.
        groups: Group of each row ``[n]``, such as the speaker or the recording. Rows of one group are never on both
            sides of a split, and the bootstrap of means resamples groups. None if all rows are independent.
        weights: Weight of each row ``[n]``, positive, of any scale: prior, losses and means are of the weighted
            population. None for equal weights.
        missing: ``"error"`` if every row has all blocks; ``"mask"`` if a row of only NaN lacks the block; or booleans
            ``[n]`` for each block, true where the row lacks it. Masked rows of masked arrays always lack it. What needs
            the block is NaN for the row, and the row is excluded from all means.
        unlabeled: ``"use"`` if some rows have no label: -1, NaN of a continuous target, or masked in a masked array.
            They still train the densities and the union information, but are never scored: their values are NaN.
        target: ``"continuous"`` if the labels are numbers ``[n]``: they are cut at their quantiles into ``num_classes``
            bins (by default half the root of n, from 4 to 32), whose order the discriminators use, and information is
            about the number itself, by interpolation between bins.
        redundancy: The redundancy measure with its options, such as ``UnionInformation()`` or
            ``SpecificityAmbiguity()``.
        max_rows: Number of rows to fit the models of each fold on, drawn at random from the other folds; all rows are
            scored. For arrays that do not fit on one device. None to fit on all rows of the other folds.
        progress: Called with the name of each stage before it starts; ``"auto"`` for a line on a terminal or in a
            notebook if it takes more than 3 s; None for no reports.
        checkpoint: A folder that caches the result of each stage, so that a repeated call resumes there;
            None for no cache.

    Returns:
        An `Estimate` of two modalities, in the order of the rows; `Pairs` of three or more, with an estimate of each
            pair and, in `Pairs.together`, that of all modalities together.

    Raises:
        OSError: If the checkpoint cannot be written; its previous content is preserved.
        TypeError: If ``key`` is not a random key, labels are not integers, features are not numbers, or the
            redundancy is not an option object.
        ValueError: If an argument has the wrong shape or values; the message names the argument.

    Examples:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> labels = np.arange(72) % 3
        >>> features = [rng.normal(size=(72, d)) + labels[:, None] for d in (2, 3)]
        >>> result = estimate(jax.random.key(0), features, labels, num_folds=2)
        >>> print(result.interactions.redundancy.shape)
        (72,)
    """
    key, redundancy = check_key(key), check_redundancy(redundancy)
    options = _CrossFit(num_folds, num_seeds, redundancy, max_rows, progress, checkpoint)
    data = pack(
        features,
        labels,
        num_classes=num_classes,
        logits=logits,
        probabilities=probabilities,
        log_prior=log_prior,
        groups=groups,
        weights=weights,
        missing=missing,
        unlabeled=unlabeled,
        target=target,
        only_two=False,
        together=None,
    )
    named = names_of_modalities(names, len(data.features))
    return one_or_pairs(*_cross_fit(key, data, options, named, together=len(named) > 2))


@across_meshes
def estimate_pairs(
    key: jax.Array,
    features: Sequence[ArrayLike] | None,
    labels: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    num_folds: int = 5,
    num_seeds: int = 1,
    redundancy: Redundancy = DEFAULT_REDUNDANCY,
    max_rows: int | None = None,
    progress: Reports = "auto",
    checkpoint: str | Path | None = None,
    **data_options: Unpack[DataOptions],
) -> Pairs:
    """Out-of-fold interactions of every pair of modalities, as in Table 7 of Yang et al. (2025).

    The discriminator and the density of each modality are fitted once and serve all its pairs: M models of each
    kind, and M(M-1)/2 discriminators of two modalities, on the same folds. `lsmi_jax.estimate` also decomposes the
    information of three to five modalities together.

    Args:
        key: Random key.
        features: Two or more feature blocks, each ``[n, d]``; None as in `lsmi_jax.estimate`.
        labels: Class labels ``[n]`` in ``0..K-1``, with at least ``num_folds`` rows, or groups of them, of every class.
        names: Names of the modalities, all different; None for ``x1``, ``x2``, ...
        num_folds: As in `lsmi_jax.estimate`.
        num_seeds: As in `lsmi_jax.estimate`.
        redundancy: As in `lsmi_jax.estimate`.
        max_rows: As in `lsmi_jax.estimate`.
        progress: As in `lsmi_jax.estimate`.
        checkpoint: As in `lsmi_jax.estimate`.
        **data_options: ``num_classes``, ``log_prior``, ``groups``, ``weights``, ``missing``, ``unlabeled`` and
            ``target`` as in `lsmi_jax.estimate`; ``logits`` or ``probabilities`` of your own discriminators of
            each modality, then of each pair in the order (1, 2), (1, 3), ..., (2, 3), ..., each ``[n, K]`` and not
            fitted on these rows.

    Returns:
        `Pairs`, with an `Estimate` of each pair in the order of the rows.

    Raises:
        OSError: As `lsmi_jax.estimate`.
        TypeError: As `lsmi_jax.estimate`, or if an option has another name.
        ValueError: As `lsmi_jax.estimate`, or if the names are not different or not one per block.
    """
    check_data_options(data_options)
    key, redundancy = check_key(key), check_redundancy(redundancy)
    options = _CrossFit(num_folds, num_seeds, redundancy, max_rows, progress, checkpoint)
    data = pack(features, labels, only_two=False, **data_options)
    named = check_names(names, len(data.features), prefix="x", each="feature block")
    return Pairs(*_cross_fit(key, data, options, named, together=False))


@dataclass(frozen=True)
class _CrossFit:
    """Options of a cross-fit, checked once."""

    num_folds: int
    num_seeds: int
    redundancy: Redundancy
    max_rows: int | None
    progress: Reports
    checkpoint: str | Path | None

    def __post_init__(self) -> None:
        check_count("num_folds", self.num_folds, 2)
        check_count("num_seeds", self.num_seeds, 1)
        if self.max_rows is not None:
            check_count("max_rows", self.max_rows, 2)


def _cross_fit(
    key: jax.Array, data: Dataset, options: _CrossFit, names: tuple[str, ...], *, together: bool
) -> tuple[tuple[Estimate, ...], tuple[str, ...], Together | None]:
    """Scores each fold with models fitted on the others, and decomposes every pair of blocks, and all together."""
    check_columns(data, options.redundancy)
    check_counts(data, minimum=options.num_folds, reason=f"num_folds={options.num_folds}")
    fold_key, fit_key = jax.random.split(key)
    folds = folds_of(fold_key, data, options.num_folds, options.num_seeds)
    to_fit = rows_to_fit(fold_key, data, folds, options.max_rows)
    with shown(options.progress) as progress:
        stage = fit_stages(progress, options.checkpoint, options.redundancy, key, to_fit.data, to_fit.rows)
        estimators = fit_stacked(
            fit_key,
            to_fit.data,
            to_fit.rows,
            options.redundancy,
            fill=to_fit.fill,
            stage=stage,
            names=names,
            together=together,
        )
        scored = partial(assemble, estimators, data, folds.left_out, options.redundancy, data.mesh)
        estimates, whole = stages(progress)("scores", scored)
    return _with_checks(estimates, data), names, whole


def _with_checks(results: tuple[Estimate, ...], data: Dataset) -> tuple[Estimate, ...]:
    """Adds to the diagnostics of each pair what was found in the rows themselves."""
    checks = check_data(data)

    def checked(result: Estimate, pair: tuple[int, int]) -> Estimate:
        repeated, alike, constant = (jnp.asarray(values[list(pair)]) for values in checks)
        diagnostics = result.diagnostics._replace(
            repeated_fraction=repeated, neighbor_likeness=alike, constant_fraction=constant
        )
        return result._replace(diagnostics=diagnostics)

    return tuple(map(checked, results, pairs_of(len(data.features))))
