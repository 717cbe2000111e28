"""Results as columns, data frames (extra ``[table]``: pandas) and labeled arrays (extra ``[xarray]``)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lsmi_jax.decomposition import (
    ADJUSTED,
    GAIN,
    INFORMATION,
    KIND,
    KINDS,
    PARTS,
    PREDICTED,
    PROBABILITY,
    SPREAD,
    SURPRISALS,
    UNION,
)
from lsmi_jax.inputs import import_extra, to_host

__all__ = ["SAMPLE_COLUMNS", "named_columns", "to_pandas", "to_xarray"]

_PARTS = tuple(part.column for part in PARTS)
_VIEWS = tuple(quantity.column.removeprefix("i") for quantity in INFORMATION)
_BLOCKS = {
    "interactions": _PARTS,
    "adjusted": tuple(name + ADJUSTED for name in _PARTS),
    "information": tuple(quantity.column for quantity in INFORMATION),
    "i_union": (UNION.column,),
    "gain": (GAIN.column,),
    "kind": (KIND,),
    "predicted": tuple(PREDICTED + view for view in _VIEWS),
    "probability": tuple(PROBABILITY + view for view in _VIEWS),
    "surprisal": tuple(quantity.column for quantity in SURPRISALS),
    "spread": tuple(name + SPREAD for name in _PARTS),
}
"""Columns of each block of an estimate."""

SAMPLE_COLUMNS = tuple(name for names in _BLOCKS.values() for name in names)
"""Columns of a table of samples; those of fields that are None are absent."""

_DIMENSIONS = {
    "interactions": "part",
    "adjusted": "part",
    "information": "view",
    "predicted": "view",
    "probability": "view",
    "surprisal": "modality",
    "spread": "part",
    "cross_entropy": "view",
    "accuracy": "view",
    "discriminator_gap": "view",
    "density_gap": "modality",
    "outlier_ratio": "modality",
    "missing_fraction": "view",
    "repeated_fraction": "modality",
    "neighbor_likeness": "modality",
    "constant_fraction": "modality",
}
# Everything else is in nats.
_WITHOUT_UNITS = {
    "kind",
    "predicted",
    "probability",
    "accuracy",
    "single_source_fraction",
    "finite_fraction",
    "outlier_ratio",
    "missing_fraction",
    "repeated_fraction",
    "neighbor_likeness",
    "constant_fraction",
}


def named_columns(blocks: Mapping[str, Sequence[Any] | None]) -> dict[str, np.ndarray]:
    """Columns ``[n]`` by name, from blocks such as ``interactions``; blocks that are None are left out."""
    present = {name: block for name, block in blocks.items() if block is not None}
    return {
        column: _readable(column, to_host(values))
        for block, columns in _BLOCKS.items()
        if block in present
        for column, values in zip(columns, present[block], strict=True)
    }


def to_pandas(columns: Mapping[str, np.ndarray], index: Sequence | np.ndarray | None) -> Any:
    """Columns ``[n]`` as a data frame."""
    pandas = import_extra("pandas", purpose="to_pandas", extra="table")
    _check_index(index, len(next(iter(columns.values()))))
    kinds = {KIND: pandas.Categorical(columns[KIND], categories=KINDS)} if KIND in columns else {}
    return pandas.DataFrame(dict(columns) | kinds, index=index)


def to_xarray(
    blocks: Mapping[str, Sequence[Any] | None],
    diagnostics: Mapping[str, Any],
    index: Sequence | np.ndarray | None,
) -> Any:
    """Blocks of columns ``[n]`` and diagnostics as a labeled data set."""
    xarray = import_extra("xarray", purpose="to_xarray", extra="xarray")
    present = {name: block for name, block in blocks.items() if block is not None}
    size = len(present["interactions"][0])
    _check_index(index, size)
    coordinates = {
        "sample": np.arange(size) if index is None else index,
        "part": list(_PARTS),
        "view": list(_VIEWS),
        "modality": [quantity.column.removeprefix("h") for quantity in SURPRISALS],
    }
    samples = {name: _variable(name, block) for name, block in present.items()}
    of_data = {
        name: (_DIMENSIONS.get(name, ()), to_host(value), _units(name))
        for name, value in diagnostics.items()
        if value is not None
    }
    return xarray.Dataset(samples | of_data, coordinates)


def _variable(name: str, block: Sequence[Any]) -> tuple[tuple[str, ...], np.ndarray, dict[str, str]]:
    """Dimensions, values and attributes of a block; a block of one column has no second dimension."""
    columns = [_readable(column, to_host(values)) for column, values in zip(_BLOCKS[name], block, strict=True)]
    if len(columns) == 1:
        return ("sample",), columns[0], _units(name)
    return ("sample", _DIMENSIONS[name]), np.stack(columns, axis=1), _units(name)


def _readable(column: str, values: np.ndarray) -> np.ndarray:
    """Values of a column, with the names of kinds in place of their codes."""
    return np.array(KINDS)[values] if column == KIND else values


def _units(name: str) -> dict[str, str]:
    """Attributes of a variable."""
    return {} if name in _WITHOUT_UNITS else {"units": "nats"}


def _check_index(index: Sequence | np.ndarray | None, size: int) -> None:
    """Checks that there is one name per sample."""
    if index is not None and not hasattr(index, "__len__"):
        raise TypeError(f"index: expected {size} names, one per sample, got {type(index).__name__}")
    if index is not None and len(index) != size:
        raise ValueError(f"index: expected {size} names, one per sample, got {len(index)}")
