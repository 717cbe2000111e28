"""Rows sampled at random from batches that do not fit in memory."""

from typing import NamedTuple

import jax
import numpy as np

from lsmi_jax.decomposition import check_count
from lsmi_jax.inputs._batches import NO_ROWS, Batch, Batches, joined, numbered_batches
from lsmi_jax.inputs._labels import check_labels
from lsmi_jax.inputs._predictions import check_logits, num_predictions_of
from lsmi_jax.inputs._validation import check_features

__all__ = ["Sample", "sample"]


class Sample(NamedTuple):
    """Rows drawn from a stream, in its order, and the number of rows of each class in the stream ``[K]``."""

    batch: Batch
    class_counts: np.ndarray


def sample(key: jax.Array, batches: Batches, max_rows: int, num_classes: int | None = None) -> Sample:
    """Draws rows from a stream in one pass, uniformly and without replacement.

    Every row gets a random rank and the lowest ranks are kept, so that the drawn rows do not depend on the sizes
    of the batches.

    Args:
        key: Random key.
        batches: The batches.
        max_rows: Number of rows to draw; a shorter stream is returned completely.
        num_classes: Number of classes K; None for one more than the largest label.

    Returns:
        A `Sample`.

    Raises:
        TypeError: If an array of a batch is of the wrong type.
        ValueError: If there are no rows, or an array has the wrong shape or values.
    """
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    check_count("max_rows", max_rows, 2)
    counts = np.zeros(2 if num_classes is None else check_count("num_classes", num_classes, 2), np.int64)
    pending: list[Batch] = []
    ranks = np.empty(0)
    for number, batch in numbered_batches(batches, 0):
        try:
            checked = _checked(batch, num_classes)
        except (TypeError, ValueError) as error:
            raise type(error)(f"batch {number}: {error}") from error
        counted = np.bincount(checked.labels, minlength=len(counts))
        counted[: len(counts)] += counts
        counts, pending = counted, [*pending, checked]
        ranks = np.concatenate([ranks, rng.random(len(checked.labels))])
        if len(ranks) > 2 * max_rows:
            pending, ranks = _lowest(pending, ranks, max_rows)
    if not pending:
        raise ValueError(NO_ROWS)
    pending, _ = _lowest(pending, ranks, max_rows)
    return Sample(pending[0], counts)


def _lowest(pending: list[Batch], ranks: np.ndarray, count: int) -> tuple[list[Batch], np.ndarray]:
    """Keeps the rows with the lowest ranks."""
    rows_of_all = joined(pending)
    if len(ranks) <= count:
        return [rows_of_all], ranks
    rows = np.sort(np.argpartition(ranks, count - 1)[:count])
    return [jax.tree.map(lambda array: array[rows], rows_of_all)], ranks[rows]


def _checked(batch: Batch, num_classes: int | None) -> Batch:
    """Checks a batch and copies it to memory, in float32 and int32."""
    blocks = check_features(batch.features, only_two=False)
    labels, _ = check_labels(batch.labels, len(blocks[0]), num_classes, few_rows=True)
    logits = batch.logits
    if logits is not None:
        count = num_predictions_of(len(blocks))
        logits = check_logits(logits, len(labels), num_classes or np.shape(logits[0])[-1], count)
    return jax.tree.map(np.asarray, Batch(blocks, labels, logits))
