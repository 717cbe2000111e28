"""The data set, checked and packed once, and the views of it that discriminators are fitted on."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.typing import ArrayLike

from lsmi_jax.decomposition import label_log_prior
from lsmi_jax.inputs._grouped_folds import check_group_counts
from lsmi_jax.inputs._labels import check_class_counts, check_groups, check_labels
from lsmi_jax.inputs._missing import Missing, Unlabeled, separate_missing, separate_unlabeled
from lsmi_jax.inputs._predictions import check_predictions, num_blocks_of, num_predictions_of
from lsmi_jax.inputs._sharding import mesh_of, to_host
from lsmi_jax.inputs._targets import Target, bins_of, check_target, fitted_bins
from lsmi_jax.inputs._units import Units, in_units, units_of
from lsmi_jax.inputs._validation import (
    check_features,
    check_finite,
    check_log_prior,
    check_weights,
    rows_of_one_length,
)

__all__ = ["MANY_COLUMNS", "Dataset", "check_counts", "joined", "pack", "pairs_of", "views"]

NARROW = 64  # columns of a pair of blocks up to which all views are padded to one width and share one program
MANY_COLUMNS = 256  # above which models use leading directions, or no correlations; no view is padded beyond it
NEARLY = 0.75  # share of the widest view from which a wide view gets its width


class Dataset(NamedTuple):
    """A checked data set, one row per sample.

    Attributes:
        features: Feature blocks ``[n, d]``, float32, in ``units``.
        labels: Class labels ``[n]`` in ``0..K-1``, int32.
        logits: The user's logits ``[n, K]`` of each block, of each pair, and perhaps of all blocks, float32; None to
            fit discriminators.
        log_prior: Log-prior of the classes ``[K]``, in nats, float32.
        units: Units of each block.
        groups: Group of each row ``[n]``, ``0..G-1``, int32; rows of one group are never on both sides of a split.
            None if all rows are independent.
        weights: Weight of each row ``[n]``, float32, with mean one; None for equal weights.
        present: Where each block is present ``[n]``; None if no row lacks a block.
        positions: Rank of each row's continuous target ``[n]``, from 0 to 1, whose bins are the labels; None for
            classes.
        knots: Quantiles of the continuous target; None for classes.
        labeled: Which rows have a label ``[n]``; None if all have. The others have a label that is never used.
    """

    features: tuple[jax.Array, ...]
    labels: jax.Array
    logits: tuple[jax.Array, ...] | None
    log_prior: jax.Array
    units: tuple[Units, ...]
    groups: jax.Array | None = None
    weights: jax.Array | None = None
    present: tuple[jax.Array, ...] | None = None
    positions: jax.Array | None = None
    knots: jax.Array | None = None
    labeled: jax.Array | None = None

    @property
    def view_weights(self) -> tuple[jax.Array | None, ...]:
        """Weights of the rows of each view ``[n]``, zero where it or the label is missing; None if all are equal."""
        return tuple(map(self._weights_of, map(self._with_label, self._has_view())))

    @property
    def unlabeled_too(self) -> tuple[jax.Array | None, ...]:
        """Weights of each view as above for what needs no label, which learns from rows without one, too."""
        return tuple(map(self._weights_of, self._has_view()))

    @property
    def complete_weights(self) -> jax.Array | None:
        """Weights of the rows, zero where any block or the label is missing ``[n]``; None if all are equal."""
        return self._weights_of(self.complete())

    def complete(self, blocks: Sequence[int] | None = None) -> jax.Array | None:
        """Which rows have a label and all given blocks ``[n]``, by default all blocks; None if every row does."""
        return self._with_label(self.has(range(len(self.features)) if blocks is None else blocks))

    def has(self, blocks: Sequence[int]) -> jax.Array | None:
        """Which rows have all given blocks ``[n]``; None if no row lacks a block."""
        return None if self.present is None else jnp.stack([self.present[m] for m in blocks]).all(0)

    @property
    def strata(self) -> jax.Array:
        """What folds spread evenly ``[n]``: the labels, where rows without one are a class of their own."""
        return self.labels if self.labeled is None else jnp.where(self.labeled, self.labels, self.num_classes)

    def _has_view(self) -> Sequence[jax.Array | None]:
        """Which rows have each view ``[n]``."""
        return (
            (None,) * num_predictions_of(len(self.features), together=False)
            if self.present is None
            else _of_views(self.present)
        )

    def _with_label(self, has: jax.Array | None) -> jax.Array | None:
        """Which of some rows have a label ``[n]``; None stands for all."""
        return has if self.labeled is None else self.labeled if has is None else has & self.labeled

    def _weights_of(self, has: jax.Array | None) -> jax.Array | None:
        """Weights ``[n]`` of the rows that have what a view needs, zero for others; None if all are equal."""
        if has is None:
            return self.weights
        return has.astype(jnp.float32) if self.weights is None else jnp.where(has, self.weights, 0)

    @property
    def mesh(self) -> Mesh | None:
        """The mesh over which the rows are sharded; None on one device, and for traced data."""
        return mesh_of((*self.features, *(self.logits or ())))

    @property
    def num_rows(self) -> int:
        """Number of samples n."""
        return self.labels.shape[0]

    @property
    def num_classes(self) -> int:
        """Number of classes K."""
        return self.log_prior.shape[0]


def pack(
    features: Any,
    labels: ArrayLike,
    *,
    num_classes: int | None = None,
    logits: Sequence[ArrayLike] | None = None,
    probabilities: Sequence[ArrayLike] | None = None,
    log_prior: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    missing: Missing = "error",
    unlabeled: Unlabeled = "error",
    target: Target = "classes",
    knots: ArrayLike | None = None,
    units: tuple[Units, ...] | None = None,
    only_two: bool = True,
    together: bool | None = False,
) -> Dataset:
    """Checks the user's arguments and packs them.

    Args:
        features: Feature blocks ``[n, d]``; None if there are logits or probabilities, for blocks without columns.
        labels: Class labels ``[n]``.
        num_classes: Number of classes K; None for one more than the largest label.
        logits: Logits of each block, then of each pair; None for none.
        probabilities: Probabilities instead of logits; None for none.
        log_prior: Log-prior ``[K]`` in nats; None for the weighted frequencies of the labels.
        groups: Group of each row ``[n]``, of any sortable kind; None if all rows are independent.
        weights: Weight of each row ``[n]``, positive; None for equal weights.
        missing: As in `separate_missing`.
        unlabeled: As in `separate_unlabeled`.
        target: ``"continuous"`` if the labels are numbers to be cut into bins, ``num_classes`` of them.
        knots: Quantiles of the target of a fit, whose bins are used; None to cut these labels.
        units: Units of each block, those of the rows that a model was fitted on; None to measure them.
        only_two: Whether exactly two blocks are expected.
        together: Whether predictions of all blocks together are expected after those of pairs; None to expect them for
            more than two blocks.

    Returns:
        A `Dataset`.

    Raises:
        TypeError: If labels are not integers or features are not numbers.
        ValueError: If an argument has the wrong shape or values.
    """
    predictions = logits if probabilities is None else probabilities
    if features is None and isinstance(predictions, Sequence):
        count = 2 if only_two else num_blocks_of(len(predictions), together)
        blocks, present = separate_missing(_no_columns(labels, count), missing, only_two=only_two)
    else:
        blocks, present = separate_missing(features, missing, only_two=only_two)
        blocks = check_features(blocks, only_two=only_two)
    together = len(blocks) > 2 if together is None else together
    shares, positions = check_weights(weights, len(blocks[0])), None
    labels, labeled = separate_unlabeled(labels, unlabeled, len(blocks[0]))
    counted = shares
    if labeled is not None:
        counted = jnp.asarray(labeled, jnp.float32) * (1 if shares is None else shares)
    if check_target(target):
        if knots is None:
            labels, positions, knots = bins_of(labels, len(blocks[0]), num_classes, counted)
            num_classes = None
        else:
            labels, positions = fitted_bins(labels, len(blocks[0]), knots, log_prior)
    checked, count = check_labels(labels, len(blocks[0]), num_classes)
    views = None if present is None else _of_views(present)
    if views is not None and present is not None and together:
        views = (*views, np.logical_and.reduce(present))
    num_predictions = num_predictions_of(len(blocks), together)
    logits = check_predictions(logits, probabilities, len(checked), count, num_predictions, views)
    encoded = check_groups(groups, len(checked))
    prior = _label_log_prior(checked, count, counted) if log_prior is None else log_prior
    prior = check_log_prior(prior, count, checked)
    units = tuple(map(units_of, blocks)) if units is None or features is None else units
    expected, got = tuple(len(own.scale) for own in units), tuple(block.shape[1] for block in blocks)
    if got != expected:
        raise ValueError(f"features: expected {expected} columns, as in fit_estimator, got {got}")
    blocks = tuple(map(in_units, blocks, units))
    for m, block in enumerate(blocks):
        check_finite(f"features[{m}]", block, "finite float32 values in the units of the fit")
    masks = None if present is None else tuple(map(jnp.asarray, present))
    ranks, quantiles = (None if array is None else jnp.asarray(array) for array in (positions, knots))
    known = None if labeled is None else jnp.asarray(labeled)
    return Dataset(blocks, checked, logits, prior, units, encoded, shares, masks, ranks, quantiles, known)


def _of_views(present: Sequence[Any]) -> tuple[Any, ...]:
    """Where each view is present ``[n]``, from where each block is."""
    return (*present, *(present[a] & present[b] for a, b in pairs_of(len(present))))


def _no_columns(labels: ArrayLike, num_blocks: int) -> tuple[np.ndarray, ...]:
    """Blocks without columns, for as many rows as there are labels."""
    return (np.zeros((len(rows_of_one_length("labels", labels)), 0), np.float32),) * num_blocks


def check_counts(data: Dataset, *, minimum: int, reason: str) -> None:
    """Raises ValueError if a class has too few rows, groups, or rows with a modality; ``reason`` is for the message."""
    labels = to_host(data.labels)
    known = slice(None) if data.labeled is None else to_host(data.labeled)
    check_class_counts(labels[known], data.num_classes, minimum=minimum, reason=reason)
    if data.groups is not None:
        groups = to_host(data.groups)[known]
        check_group_counts(labels[known], groups, data.num_classes, minimum=minimum, reason=reason)
    complete = data.complete()
    if data.present is not None and complete is not None:
        own = labels[to_host(complete)]
        check_class_counts(own, data.num_classes, minimum=minimum, reason=f"{reason} among complete rows")


def pairs_of(num_blocks: int) -> tuple[tuple[int, int], ...]:
    """All pairs of blocks, in the order of their discriminators, logits and results.

    Args:
        num_blocks: Number of blocks M.

    Returns:
        M(M-1)/2 pairs of positions.

    Examples:
        >>> pairs_of(3)
        ((0, 1), (0, 2), (1, 2))
    """
    return tuple(combinations(range(num_blocks), 2))


@jax.jit
def joined(features: tuple[jax.Array, ...]) -> jax.Array:
    """All blocks side by side, padded like `views` of one width."""
    all_columns = jnp.concatenate(features, axis=1)
    unit = min(all_columns.shape[1], NARROW)
    return jnp.pad(all_columns, ((0, 0), (0, -all_columns.shape[1] % unit)))


@jax.jit
def views(features: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    """Inputs of the discriminators: each block, then each pair of blocks, padded with constant columns.

    Constant columns carry no information. Padding gives views few distinct shapes, and each shape is compiled
    once. Narrow views all get one width, and so do wide views nearly as wide as the widest; with more than two
    blocks, the others get a multiple of `NARROW`.
    """
    pairs = [jnp.concatenate([features[a], features[b]], axis=1) for a, b in pairs_of(len(features))]
    widest = max(pair.shape[1] for pair in pairs)
    unit = 1 if widest > NARROW and len(features) == 2 else min(widest, NARROW)

    def padding(width: int) -> int:
        return widest - width if width > max(MANY_COLUMNS, NEARLY * widest) else -width % unit

    return tuple(jnp.pad(view, ((0, 0), (0, padding(view.shape[1])))) for view in (*features, *pairs))


# Compiled as one program: separate operations take longer to compile.
_label_log_prior = jax.jit(label_log_prior, static_argnums=1)
