"""Folds that keep groups of rows together: rows of one group are never on both sides of a split."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lsmi_jax.decomposition import check_count
from lsmi_jax.inputs._folds import Folds
from lsmi_jax.inputs._validation import named_classes

__all__ = ["check_group_counts", "consecutive_groups", "grouped_folds", "grouped_splits"]

LEAST_GROUPS = 3  # one to hold out, and two to split the others


def consecutive_groups(num_rows: int, size: int) -> np.ndarray:
    """Groups of consecutive rows, for rows in the order of time whose neighbors resemble each other.

    Rows near the border of two groups still resemble each other. Groups should therefore be much longer than the time
    over which rows resemble each other.

    Args:
        num_rows: Number of rows n.
        size: Number of rows per group; the last may have fewer.

    Returns:
        Group of each row ``[n]``, ``0..G-1``.

    Raises:
        TypeError: If a number is not an integer.
        ValueError: If a number is not positive.

    Examples:
        >>> print(consecutive_groups(7, 3))
        [0 0 0 1 1 1 2]
    """
    return np.arange(check_count("num_rows", num_rows, 1)) // check_count("size", size, 1)


def grouped_folds(key: jax.Array, labels: np.ndarray, groups: np.ndarray, num_folds: int, num_seeds: int) -> Folds:
    """Splits groups so that each class is spread over the folds as evenly as whole groups allow, for each seed.

    Args:
        key: Random key.
        labels: Class labels ``[n]``.
        groups: Group of each row ``[n]``, ``0..G-1``, at least as many as folds.
        num_folds: Number of folds.
        num_seeds: Number of seeds m.

    Returns:
        `Folds` of row indices ``[m, num_folds, ...]``, padded to one length.
    """
    random = _random_numbers(key)
    numbers = [_fold_of_rows(random, labels, groups, num_folds) for _ in range(num_seeds)]
    return _stacked([_split(number, num_folds) for number in numbers])


def grouped_splits(
    key: jax.Array,
    labels: np.ndarray,
    groups: np.ndarray,
    rows: np.ndarray,
    fill: np.ndarray | None,
    num_parts: int,
    num_splits: int,
) -> Folds:
    """Splits the training rows of each fold by group.

    Args:
        key: Random key.
        labels: Class labels ``[n]``.
        groups: Group of each row ``[n]``.
        rows: Training rows of each seed and fold ``[m, F, t]``.
        fill: Zero for padding rows, one for others ``[m, F, t]``; None if there is no padding.
        num_parts: Number of parts that they are cut into; fewer if a fold has fewer groups.
        num_splits: Number of these parts that are held out.

    Returns:
        `Folds` of positions among the training rows ``[m, F, num_splits, ...]``, padded to one length.
    """
    random, fits = _random_numbers(key), rows.reshape(-1, rows.shape[-1])
    counted = np.ones(fits.shape) if fill is None else fill.reshape(fits.shape)
    positions = [np.flatnonzero(of_fit) for of_fit in counted]
    own = [of_fit[position] for of_fit, position in zip(fits, positions, strict=True)]
    num_parts = min(num_parts, *(len(np.unique(groups[part])) for part in own))
    splits = []
    for part, position in zip(own, positions, strict=True):
        encoded = np.unique(groups[part], return_inverse=True)[1]
        numbers = _fold_of_rows(random, labels[part], encoded, num_parts)
        sides = _split(numbers, min(num_splits, num_parts))
        splits.append([(position[train], position[left_out]) for train, left_out in sides])
    return jax.tree.map(lambda leaf: leaf.reshape(*rows.shape[:2], *leaf.shape[1:]), _stacked(splits))


def check_group_counts(labels: np.ndarray, groups: np.ndarray, num_classes: int, *, minimum: int, reason: str) -> None:
    """Raises ValueError if a class is in too few groups; ``reason`` is for the message."""
    num_groups = groups.max() + 1
    if num_groups < LEAST_GROUPS:
        raise ValueError(f"groups: expected at least {LEAST_GROUPS} groups, got {num_groups}")
    counts = np.bincount(np.unique(groups * num_classes + labels) % num_classes, minlength=num_classes)
    scarce = np.flatnonzero(counts < minimum)
    if scarce.size:
        raise ValueError(
            f"groups: expected every class in at least {minimum} groups for {reason}, got too few of class "
            f"{named_classes(counts, scarce)}"
        )


def _random_numbers(key: jax.Array) -> np.random.Generator:
    """A NumPy generator from a random key."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())


def _fold_of_rows(random: np.random.Generator, labels: np.ndarray, groups: np.ndarray, num_folds: int) -> np.ndarray:
    """Fold of each row ``[n]``, the same for all rows of a group."""
    num_groups = groups.max() + 1
    counts = np.zeros((num_groups, labels.max() + 2))
    np.add.at(counts, (groups, labels), 1)
    counts[:, -1] = counts.sum(1)  # the size of the group counts as one more class
    shares = counts / np.maximum(counts.sum(0), 1)
    # Large groups first, with some chance in the order, each to the fold where it adds least to the sum over classes of
    # squared shares.
    order = np.argsort(-counts[:, -1] * random.uniform(0.5, 1, num_groups))
    held, fold = np.zeros((num_folds, counts.shape[1])), np.empty(num_groups, int)
    for group in order:
        fold[group] = np.argmin(held @ shares[group])
        held[fold[group]] += shares[group]
    return fold[groups]


def _split(numbers: np.ndarray, num_folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training rows and held-out rows of the first folds, from the fold of each row."""
    return [(np.flatnonzero(numbers != f), np.flatnonzero(numbers == f)) for f in range(num_folds)]


def _stacked(splits: Sequence[Sequence[tuple[np.ndarray, np.ndarray]]]) -> Folds:
    """Pads row indices to one length by repeats of weight zero."""
    train, train_weights = _filled([[sides[0] for sides in split] for split in splits])
    left_out, left_out_weights = _filled([[sides[1] for sides in split] for split in splits])
    return Folds(train, left_out, train_weights, left_out_weights)


def _filled(lists: list[list[np.ndarray]]) -> tuple[jax.Array, jax.Array]:
    """Indices ``[m, F, longest]`` and the weights of these."""
    longest = max(len(rows) for of_seed in lists for rows in of_seed)
    indices = np.array([[np.resize(rows, longest) for rows in of_seed] for of_seed in lists], np.int32)
    counted = np.array([[np.arange(longest) < len(rows) for rows in of_seed] for of_seed in lists], np.float32)
    return jnp.asarray(indices), jnp.asarray(counted)
