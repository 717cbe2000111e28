"""Selects the arrays that the options name."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from lsmi_jax.cli._options import InputOptions
from lsmi_jax.cli._readers import missing_hint
from lsmi_jax.cli._selection import block, block_names, check_classes, check_ids, column, unnumbered
from lsmi_jax.cli._sources import Sources, open_sources
from lsmi_jax.estimation import SAMPLE_COLUMNS
from lsmi_jax.inputs import is_missing, num_blocks_of
from lsmi_jax.reporting import check_images

__all__ = ["Inputs", "read_inputs"]

RESULTS = {"id", "label", *SAMPLE_COLUMNS}
"""Columns of the table of samples."""


class Inputs(NamedTuple):
    """Arrays with one row per sample, by the names of the options."""

    features: tuple[np.ndarray, ...] | None
    labels: np.ndarray  # [n], or a column of each of several labels [n, L]
    logits: tuple[np.ndarray, ...] | None
    probabilities: tuple[np.ndarray, ...] | None
    ids: np.ndarray
    groups: np.ndarray | None
    weights: np.ndarray | None
    means_by: dict[str, np.ndarray]
    images: np.ndarray | None
    columns: dict[str, list[str]]  # names in the files, for each feature block, and for several labels
    paths: tuple[Path, ...]  # of the files
    left_out: dict[str, int]  # rows of each file that --join found in no other

    @property
    def num_modalities(self) -> int:
        """Number of modalities M."""
        if self.features is not None:
            return len(self.features)
        return num_blocks_of(len(self.logits or self.probabilities or ()))

    def notes(self, options: InputOptions) -> list[str]:
        """Notes on what the user may not expect of the blocks."""
        prefixes = {name: prefix for name, prefix in options.modalities.items() if prefix is not None}
        swept = {name: unnumbered(self.columns[name], prefix) for name, prefix in prefixes.items()}
        notes = [f"--{name} {prefixes[name]} also takes {', '.join(more)}." for name, more in swept.items() if more]
        unmatched = [f"{count} of the rows of {file}" for file, count in self.left_out.items() if count]
        return notes + ([f"--join left out {' and '.join(unmatched)}."] if unmatched else [])


def read_inputs(
    path: Path | None, options: InputOptions, *, several_labels: bool = False, unlabeled: bool = False
) -> Inputs:
    """Reads the data and selects the arrays that the options name.

    Args:
        path: The data; None if every name has its own file.
        options: Names of arrays.
        several_labels: Whether the labels are columns of 0 and 1.
        unlabeled: Whether labels may be missing.

    Returns:
        Arrays with one row per sample.

    Raises:
        ImportError: If the library that reads the format is not installed.
        OSError: If the data cannot be read.
        ValueError: If a name does not exist, or its array has the wrong kind or length.
    """
    columns = open_sources(path, options)
    blocks = {key: name for key, name in options.modalities.items() if name is not None}
    taken = {key: block_names(columns, name, f"--{key}") for key, name in blocks.items()}
    labels_taken = block_names(columns, options.labels, "--labels") if several_labels else [options.labels]
    _check_distinct(columns, taken, labels_taken, options)
    hint = missing_hint(columns.paths, keep_na=options.keep_na)
    if several_labels:
        labels, taken["labels"] = block(columns, options.labels, "--labels"), labels_taken
    else:
        labels = column(columns, options.labels, "--labels")
        check_classes(labels[~is_missing(labels)] if unlabeled else labels, "--labels", hint)
    size, means_by = len(labels), options.means_by or []
    for name in means_by:
        if name in RESULTS:
            raise ValueError(f"--means-by: expected a name that is not a column of the results, got {name!r}")

    def classes_of(name: str, option: str) -> np.ndarray:
        return check_classes(column(columns, name, option, size), option, hint)

    return Inputs(
        features=tuple(block(columns, name, f"--{key}") for key, name in blocks.items()) or None,
        labels=labels,
        logits=_blocks(columns, options.logits, "--logits"),
        probabilities=_blocks(columns, options.probabilities, "--probabilities"),
        ids=_ids(columns, options.ids, size, hint),
        groups=None if options.split_by is None else classes_of(options.split_by, "--split-by"),
        weights=None if options.weights is None else column(columns, options.weights, "--weights", size),
        means_by={name: classes_of(name, "--means-by") for name in means_by},
        images=_images(columns, options.image, size),
        columns=taken,
        paths=columns.paths,
        left_out=columns.left_out,
    )


def _check_distinct(columns: Sources, taken: dict[str, list[str]], labels: list[str], options: InputOptions) -> None:
    """Checks that no prefix of a feature block also matches labels, ids, logits or another block."""
    others = {"--labels": labels, "--ids": [] if options.ids is None else [options.ids]}
    for option, given in (("--logits", options.logits), ("--probabilities", options.probabilities)):
        others[option] = [found for name in given or () for found in block_names(columns, name, option)]
    prefixes = options.modalities
    for key, names in taken.items():
        # One block may be used twice on purpose.
        blocks = {f"--{other}": own for other, own in taken.items() if other > key and prefixes[other] != prefixes[key]}
        for other, theirs in (others | blocks).items():
            shared = [name for name in names if name in theirs]
            if shared:
                raise ValueError(
                    f"--{key}: expected columns that no other option uses, got {shared[0]}, also in {other}"
                )


def _blocks(columns: Sources, names: list[str] | None, option: str) -> tuple[np.ndarray, ...] | None:
    """The arrays of several names, if they are given."""
    return None if names is None else tuple(block(columns, name, option) for name in names)


def _ids(columns: Sources, name: str | None, size: int, hint: str) -> np.ndarray:
    """Names of the samples: those of --ids, those that files were joined by, or row numbers."""
    if name is not None:
        return check_ids(column(columns, name, "--ids", size), "--ids", hint)
    return np.arange(size) if columns.ids is None else columns.ids


def _images(columns: Sources, name: str | None, size: int) -> np.ndarray | None:
    """Images from one column, or from all columns whose names begin with that name, one pixel each."""
    if name is None:
        return None
    values = column(columns, name, "--image", size) if name in columns else block(columns, name, "--image")
    path = columns.path_of(name)
    return check_images(values, path if path.is_dir() else path.parent)
