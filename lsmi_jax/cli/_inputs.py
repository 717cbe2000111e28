"""What the options name, out of the data."""

import argparse
from typing import NamedTuple

import numpy as np

from lsmi_jax.reporting import pictures
from lsmi_jax.cli._readers import Columns, block, block_names, column, read
from lsmi_jax.estimation import SAMPLE_COLUMNS
from lsmi_jax.storage import pyarrow

__all__ = ["Inputs", "read_inputs"]

RESULTS = {"id", "label", *SAMPLE_COLUMNS}
"""Columns of the table of samples."""


class Inputs(NamedTuple):
    """What the data hold, by the names of the options."""

    features: tuple[np.ndarray, np.ndarray]
    labels: np.ndarray
    logits: tuple[np.ndarray, ...] | None
    ids: np.ndarray
    groups: dict[str, np.ndarray]
    images: np.ndarray | None


def read_inputs(options: argparse.Namespace) -> Inputs:
    """Reads the data and picks out what the options name.

    Args:
        options: From `lsmi_jax.cli.options.parse`, of ``estimate`` or ``score``.

    Returns:
        Arrays of one row a sample.

    Raises:
        ImportError: If what reads or will write such a file is not installed.
        OSError: If the data cannot be read.
        ValueError: If a name is not there, or what it names is of the wrong kind or length.
    """
    if options.format == "parquet":
        try:
            pyarrow()
        except ImportError as error:
            raise ImportError("--format parquet needs pyarrow: pip install 'lsmi-jax[cli]', or csv") from error
    columns = read(options.data)
    _check_apart(columns, options)
    labels = column(columns, options.labels, "--labels")
    size, names = len(labels), options.group or []
    for name in names:
        if name in RESULTS:
            raise ValueError(f"--group: expected a name that no column of the results has, got {name!r}")
    return Inputs(
        features=(block(columns, options.x1, "--x1"), block(columns, options.x2, "--x2")),
        labels=labels,
        logits=tuple(block(columns, name, "--logits") for name in options.logits) if options.logits else None,
        ids=np.arange(size) if options.ids is None else column(columns, options.ids, "--ids", size),
        groups={name: column(columns, name, "--group", size) for name in names},
        images=_images(columns, options, size),
    )


def _check_apart(columns: Columns, options: argparse.Namespace) -> None:
    """No block takes labels, ids or logits for features, as one named by what its columns begin with might."""
    first, second = block_names(columns, options.x1, "--x1"), block_names(columns, options.x2, "--x2")
    logits = [one for name in options.logits or () for one in block_names(columns, name, "--logits")]
    others = {"--labels": [options.labels], "--ids": [options.ids], "--logits": logits}
    beside = {} if options.x1 == options.x2 else {"--x2": second}  # the same block twice is a fair question
    for option, names, taken in (("--x1", first, others | beside), ("--x2", second, others)):
        for other, theirs in taken.items():
            shared = [name for name in names if name in theirs]
            if shared:
                raise ValueError(f"{option}: expected columns of its own, got {shared[0]}, which {other} takes too")


def _images(columns: Columns, options: argparse.Namespace, size: int) -> np.ndarray | None:
    """Of one column, or of all whose names begin so, a pixel each."""
    name = options.image
    if name is None:
        return None
    values = column(columns, name, "--image", size) if name in columns else block(columns, name, "--image")
    return pictures(values, options.data if options.data.is_dir() else options.data.parent)
