"""Rows that lack a modality, by masks, masked arrays or rows of NaN, and rows without a label."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import check_several

__all__ = ["Missing", "Unlabeled", "separate_missing", "separate_unlabeled"]

Missing = Literal["error", "mask"] | Sequence[ArrayLike]
"""What to do with rows that lack a modality, or masks of these rows for each block."""

Unlabeled = Literal["error", "use"]
"""What to do with rows that have no label."""


def separate_missing(
    features: Any, missing: Missing, *, only_two: bool = True
) -> tuple[tuple[Any, ...], tuple[np.ndarray, ...] | None]:
    """Finds the rows that lack a modality, and fills them with values of another row, which are never used.

    Args:
        features: Feature blocks ``[n, d]``.
        missing: ``"error"`` to expect that every row has every block, except for rows that a masked array masks;
            ``"mask"`` to take rows of only NaN as missing; or, for each block, booleans ``[n]``, true where the row
            lacks it.
        only_two: Whether exactly two blocks are expected, not two or more.

    Returns:
        The filled blocks, and where each is present ``[n]``; None if no row lacks any.

    Raises:
        TypeError: If masks are not booleans.
        ValueError: If ``missing`` is something else, a row lacks some but not all columns of a block, or no row has it.
    """
    blocks = check_several("features", features, 2, at_least=not only_two)
    masks = _given_masks(missing, len(blocks))
    found = [
        _missing_rows(f"features[{m}]", block, missing == "mask")
        if masks is None
        else _given_mask(f"missing[{m}]", masks[m], block)
        for m, block in enumerate(blocks)
    ]
    if not any(is_missing is not None and is_missing.any() for is_missing in found):
        return tuple(blocks), None
    given = zip(blocks, found, strict=True)
    present = [np.ones(len(block), bool) if is_missing is None else ~is_missing for block, is_missing in given]
    for m, own in enumerate(present):
        if not own.any():
            raise ValueError(f"features[{m}]: expected at least one row that has the modality, got none")
    return tuple(map(_filled, blocks, present)), tuple(present)


def separate_unlabeled(labels: Any, unlabeled: Unlabeled, num_samples: int) -> tuple[Any, np.ndarray | None]:
    """Finds the rows without a label, and gives them the first label there is, which is never used.

    Args:
        labels: Labels ``[n]``: class labels, or numbers of a continuous target.
        unlabeled: ``"error"`` to expect that every row has one; ``"use"`` to take -1 in integers, NaN in floats, and
            masked values in a masked array as missing.
        num_samples: Number of rows n.

    Returns:
        The filled labels, and which rows have one ``[n]``; None if all have.

    Raises:
        ValueError: If ``unlabeled`` is another word, a label is masked under ``"error"``, or no row has a label.
    """
    if unlabeled not in get_args(Unlabeled):
        raise ValueError(f"unlabeled: expected one of {', '.join(get_args(Unlabeled))}, got {unlabeled!r}")
    masked = np.ma.getmaskarray(labels) if isinstance(labels, np.ma.MaskedArray) else None
    if unlabeled == "error":
        count = 0 if masked is None else int(masked.sum())
        if count:
            raise ValueError(
                f'labels: expected no masked values, got {count}; unlabeled="use" takes rows without a label'
            )
        return (labels if masked is None else labels.data), None
    values = np.array(labels)
    is_float = jnp.issubdtype(values.dtype, jnp.floating)
    if values.shape != (num_samples,) or not (is_float or jnp.issubdtype(values.dtype, jnp.integer)):
        return labels, None  # the check of the labels reports what is wrong
    lacking = np.isnan(values) if is_float else values == -1
    lacking = lacking if masked is None else lacking | masked
    if not lacking.any():
        return values, None
    if lacking.all():
        raise ValueError("labels: expected at least one row with a label, got none")
    values[lacking] = values[np.argmin(lacking)]
    return values, ~lacking


def _given_masks(missing: Any, num_blocks: int) -> list | None:
    """The user's masks; None for a word."""
    if isinstance(missing, str):
        if missing not in ("error", "mask"):
            raise ValueError(f'missing: expected "error", "mask", or a mask for each block, got {missing!r}')
        return None
    return check_several("missing", missing, num_blocks, items="masks")


def _given_mask(name: str, mask: ArrayLike, block: Any) -> np.ndarray:
    """Checks one mask of the user."""
    array, size = np.asarray(mask), len(block)
    if array.dtype != bool:
        raise TypeError(f"{name}: expected booleans, true where a row lacks the block, got dtype {array.dtype}")
    if array.shape != (size,):
        raise ValueError(f"{name}: expected shape ({size},) to match the features, got {array.shape}")
    return array


def _missing_rows(name: str, block: Any, nan_is_missing: bool) -> np.ndarray | None:
    """Which rows ``[n]`` a masked array masks or, if asked, hold only NaN; None where none can."""
    if isinstance(block, np.ma.MaskedArray):
        lacking = np.ma.getmaskarray(block)
    elif nan_is_missing and jnp.issubdtype(getattr(block, "dtype", np.float64), jnp.inexact):
        lacking = np.asarray(jnp.isnan(block)) if isinstance(block, jax.Array) else np.isnan(np.asarray(block))
    else:
        return None
    if lacking.ndim != 2:
        return None  # the check of the features reports what is wrong
    partly = int((lacking.any(1) & ~lacking.all(1)).sum())
    if partly:
        raise ValueError(
            f"{name}: expected rows with all columns or none, got {partly} of {len(lacking)} rows that lack some; "
            "leave them out, or impute the values"
        )
    return np.asarray(lacking.all(1))


def _filled(block: Any, present: np.ndarray) -> Any:
    """A block whose missing rows are copies of its first present row."""
    if present.all():
        return np.asarray(block) if isinstance(block, np.ma.MaskedArray) else block
    if isinstance(block, jax.Array):
        return jnp.where(jnp.asarray(present)[:, None], block, block[np.argmax(present)][None])
    array = np.array(block)  # a masked array's data
    array[~present] = array[np.argmax(present)]
    return array
