"""Selects the arrays that the options name."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from lsmi_jax.cli._columns import Columns
from lsmi_jax.cli._options import InputOptions
from lsmi_jax.cli._readers import is_text, read
from lsmi_jax.cli._selection import block, block_names, column, unnumbered
from lsmi_jax.estimation import SAMPLE_COLUMNS
from lsmi_jax.inputs import encode_labels
from lsmi_jax.reporting import check_images

__all__ = ["Inputs", "read_inputs"]

RESULTS = {"id", "label", *SAMPLE_COLUMNS}
"""Columns of the table of samples."""


class Inputs(NamedTuple):
    """Arrays with one row per sample, by the names of the options."""

    features: tuple[np.ndarray, np.ndarray]
    labels: np.ndarray
    logits: tuple[np.ndarray, ...] | None
    ids: np.ndarray
    groups: dict[str, np.ndarray]
    images: np.ndarray | None
    columns: dict[str, list[str]]  # of the file, for each feature block

    def notes(self, options: InputOptions) -> list[str]:
        """What the user may not expect of the blocks, in words."""
        prefixes = {"x1": options.x1, "x2": options.x2}
        swept = {block: unnumbered(names, prefixes[block]) for block, names in self.columns.items()}
        return [
            f"--{block} {prefixes[block]} also takes {', '.join(names)}." for block, names in swept.items() if names
        ]


def read_inputs(path: Path, options: InputOptions) -> Inputs:
    """Reads the data and selects the arrays that the options name.

    Args:
        path: The data.
        options: Names of arrays.

    Returns:
        Arrays with one row per sample.

    Raises:
        ImportError: If the library that reads the format is not installed.
        OSError: If the data cannot be read.
        ValueError: If a name does not exist, or its array has the wrong kind or length.
    """
    columns = read(path, options.max_bytes, keep_na=options.keep_na)
    _check_distinct(columns, options)
    hint = "" if options.keep_na or not is_text(path) else "; --keep-na reads words such as NA and None as text"
    labels = _classes(column(columns, options.labels, "--labels"), "--labels", hint)
    size, groups = len(labels), options.group or []
    for name in groups:
        if name in RESULTS:
            raise ValueError(f"--group: expected a name that is not a column of the results, got {name!r}")
    return Inputs(
        features=(block(columns, options.x1, "--x1"), block(columns, options.x2, "--x2")),
        labels=labels,
        logits=tuple(block(columns, name, "--logits") for name in options.logits) if options.logits else None,
        ids=np.arange(size) if options.ids is None else _ids(column(columns, options.ids, "--ids", size), hint),
        groups={name: _classes(column(columns, name, "--group", size), "--group", hint) for name in groups},
        images=_images(columns, path, options.image, size),
        columns={
            "x1": block_names(columns, options.x1, "--x1"),
            "x2": block_names(columns, options.x2, "--x2"),
        },
    )


def _classes(values: np.ndarray, option: str, hint: str) -> np.ndarray:
    """Checks that values can be classes, with none missing."""
    try:
        encode_labels(values)
    except (TypeError, ValueError) as error:
        message = str(error).replace("labels: ", f"{option}: ", 1)
        raise type(error)(message + (hint if "missing" in message else "")) from None
    return values


def _ids(values: np.ndarray, hint: str) -> np.ndarray:
    """Checks that every row has a name of its own."""
    names, counts = np.unique(_classes(values, "--ids", hint), return_counts=True)
    if counts.max() > 1:
        raise ValueError(
            f"--ids: expected a different one in every row, got {names[counts.argmax()]!s} {counts.max()} times"
        )
    return values


def _check_distinct(columns: Columns, options: InputOptions) -> None:
    """Checks that no prefix of a feature block also matches labels, ids or logits."""
    first, second = block_names(columns, options.x1, "--x1"), block_names(columns, options.x2, "--x2")
    logits = [found for name in options.logits or () for found in block_names(columns, name, "--logits")]
    ids = [] if options.ids is None else [options.ids]
    others = {"--labels": [options.labels], "--ids": ids, "--logits": logits}
    other_block = {} if options.x1 == options.x2 else {"--x2": second}  # one block may be used twice on purpose
    for option, names, taken in (("--x1", first, others | other_block), ("--x2", second, others)):
        for other, theirs in taken.items():
            shared = [name for name in names if name in theirs]
            if shared:
                raise ValueError(f"{option}: expected columns of its own, got {shared[0]}, which {other} takes too")


def _images(columns: Columns, path: Path, name: str | None, size: int) -> np.ndarray | None:
    """Images from one column, or from all columns whose names begin so, one pixel each."""
    if name is None:
        return None
    values = column(columns, name, "--image", size) if name in columns else block(columns, name, "--image")
    return check_images(values, path if path.is_dir() else path.parent)
