"""Labels of the rows: those of a fit with the names of their classes, and new ones encoded as in a fit."""

import json
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from lsmi_jax.cli._inputs import Inputs
from lsmi_jax.estimation import Estimator
from lsmi_jax.inputs import bins_of, encode_labels, fitted_bins, is_missing, names_of_bins
from lsmi_jax.storage import damage_as_value_error

__all__ = ["CLASSES", "Labels", "check_saved", "labels_of", "labels_to_score"]

CLASSES = "classes.json"
"""File of the names of the classes, in the folder of a saved estimator."""


UNLABELED = -1
"""Code of a sample without a label."""


class Labels(NamedTuple):
    """Labels for results and for the library.

    Attributes:
        codes: Class, or bin of a continuous target, of each sample ``[n]``, -1 for none; for several labels, how many
            the sample has.
        names: Names of the classes ``[K]``, or of the several labels ``[L]``.
        given: What the library takes ``[n]``: the codes, or the numbers of a continuous target; for several labels,
            ``[n, L]``.
    """

    codes: np.ndarray
    names: np.ndarray
    given: np.ndarray

    @classmethod
    def of_two(cls, values: np.ndarray) -> "Labels":
        """One of several labels: its classes are 0 and 1."""
        return cls(values.astype(np.int32), np.array(["0", "1"]), values)


def labels_of(arrays: Inputs, target: str, prefix: str) -> Labels:
    """Labels of rows to fit on.

    Args:
        arrays: The data.
        target: ``"classes"``, ``"continuous"`` or ``"multilabel"``.
        prefix: What the names of the columns of several labels begin with.

    Returns:
        `Labels`.
    """
    if target == "multilabel":
        return Labels(arrays.labels.sum(1), np.array(_names_of_labels(arrays, prefix)), arrays.labels)
    known = ~is_missing(arrays.labels)
    codes = np.full(len(known), UNLABELED)
    if target == "classes":
        codes[known], names = encode_labels(arrays.labels[known])
        return Labels(codes, names, codes)
    numbers = arrays.labels if known.all() else np.array([np.nan if v is None else v for v in arrays.labels], float)
    weights = None if arrays.weights is None else jnp.asarray(arrays.weights)[known]
    codes[known], *_ = bins_of(numbers[known], int(known.sum()), None, weights)
    return Labels(codes, names_of_bins(numbers[known], codes[known]), numbers)


def labels_to_score(arrays: Inputs, folder: Path, fitted: Estimator) -> Labels:
    """Labels of new rows, encoded as in the fit of a saved estimator.

    Args:
        arrays: The data.
        folder: Folder of the estimator.
        fitted: The estimator.

    Returns:
        `Labels`.

    Raises:
        ValueError: If a label is not a class of the fit, or the file of the classes is damaged.
    """
    names = _names(folder)
    if fitted.knots is not None:
        bins, _ = fitted_bins(arrays.labels, len(arrays.labels), fitted.knots, fitted.log_prior)
        return Labels(bins, names, arrays.labels)
    unknown = np.setdiff1d(arrays.labels, names)
    if unknown.size:
        raise ValueError(f"--labels: expected labels the estimator was fitted on, got {unknown[0]!s}")
    index = np.searchsorted(names, arrays.labels).astype(np.int32)
    return Labels(index, names, index)


def check_saved(folder: Path) -> None:
    """Raises FileNotFoundError unless a folder contains a saved estimator and its classes."""
    if not (folder / CLASSES).is_file():
        raise FileNotFoundError(f"--estimator: expected a folder that --save-estimator wrote, got {folder}")


def _names_of_labels(arrays: Inputs, prefix: str) -> list[str]:
    """Names of several labels: those of their columns without the prefix; of one array, numbers."""
    taken, count = arrays.columns["labels"], arrays.labels.shape[1]
    if len(taken) < count:
        return [f"label{place}" for place in range(1, count + 1)]
    return [name.removeprefix(prefix).lstrip("_-. ") or name for name in taken]


def _names(folder: Path) -> np.ndarray:
    """Names of the classes of a saved estimator."""
    path = folder / CLASSES
    with damage_as_value_error(f"--estimator: expected the classes that --save-estimator wrote, got {path}"):
        return np.asarray(json.loads(path.read_text())["classes"])
