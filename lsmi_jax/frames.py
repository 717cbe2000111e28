"""An estimate as a table, a row a sample (extras ``[table]``: pandas, and ``[xarray]``)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lsmi_jax.parts import SYMBOLS
from lsmi_jax.placement import to_host

if TYPE_CHECKING:
    import pandas
    import xarray

    from lsmi_jax.result import Estimate

__all__ = ["SAMPLE_COLUMNS", "sample_columns", "to_pandas", "to_xarray"]

SAMPLE_COLUMNS = (
    *SYMBOLS,
    *(f"{symbol}_adjusted" for symbol in SYMBOLS),
    *("i1", "i2", "i12", "h1", "h2"),
    *(f"{symbol}_spread" for symbol in SYMBOLS),
)
"""Names of all that is known of a sample; spreads come last, as they are known only where seeds were repeated."""

MODALITIES, VIEWS = ("1", "2"), ("1", "2", "12")


def sample_columns(result: "Estimate") -> dict[str, np.ndarray]:
    """All that is known of each sample, by name.

    Args:
        result: From `lsmi_jax.estimate` or `lsmi_jax.score`.

    Returns:
        Columns ``[n]`` in nats: ``r, u1, u2, s``, then the same with ``_adjusted``, ``i1, i2, i12``, ``h1, h2``, and,
        where seeds were repeated, ``r_spread`` and so on.
    """
    values = [*result.interactions, *result.adjusted, *result.information, *result.surprisal, *(result.spread or ())]
    return {name: to_host(column) for name, column in zip(SAMPLE_COLUMNS, values, strict=False)}


def to_pandas(result: "Estimate", index: Sequence | np.ndarray | None = None) -> "pandas.DataFrame":
    """The columns of `sample_columns` as a data frame.

    Args:
        result: From `lsmi_jax.estimate` or `lsmi_jax.score`.
        index: Name of each sample ``[n]``, in the order of the rows; None for 0 to n-1.

    Returns:
        A row a sample, in nats.

    Raises:
        ImportError: If pandas is absent.
        ValueError: If there are not as many names as samples.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError("to_pandas needs pandas: pip install 'lsmi-jax[table]'") from error
    columns = sample_columns(result)
    _check_index(index, len(columns["r"]))
    return pandas.DataFrame(columns, index=index)


def to_xarray(result: "Estimate", index: Sequence | np.ndarray | None = None) -> "xarray.Dataset":
    """All of an estimate but its key as a labelled data set.

    Args:
        result: From `lsmi_jax.estimate` or `lsmi_jax.score`.
        index: Name of each sample ``[n]``, in the order of the rows; None for 0 to n-1.

    Returns:
        ``interactions``, ``adjusted`` and, where seeds were repeated, ``spread`` over ``sample`` and ``part``;
        ``information`` over ``sample`` and ``view``; ``surprisal`` over ``sample`` and ``modality``, all in nats; and
        the diagnostics under their own names.

    Raises:
        ImportError: If xarray is absent.
        ValueError: If there are not as many names as samples.
    """
    try:
        import xarray
    except ImportError as error:
        raise ImportError("to_xarray needs xarray: pip install 'lsmi-jax[xarray]'") from error
    size = len(result.surprisal[0])
    _check_index(index, size)
    samples = np.arange(size) if index is None else index
    coordinates = {"sample": samples, "part": list(SYMBOLS), "view": list(VIEWS), "modality": list(MODALITIES)}
    return xarray.Dataset(_samples(result) | _diagnostics(result), coordinates)


def _samples(result: "Estimate") -> dict[str, Any]:
    """What there is of each sample, with its dimensions and unit."""
    blocks = {
        "interactions": ("part", result.interactions),
        "adjusted": ("part", result.adjusted),
        "information": ("view", result.information),
        "surprisal": ("modality", result.surprisal),
    }
    if result.spread is not None:
        blocks["spread"] = ("part", result.spread)
    nats = {"units": "nats"}
    return {
        name: (("sample", of), np.stack([to_host(one) for one in columns], axis=1), nats)
        for name, (of, columns) in blocks.items()
    }


def _diagnostics(result: "Estimate") -> dict[str, Any]:
    of = {"cross_entropy": "view", "accuracy": "view", "discriminator_gap": "view", "density_gap": "modality"}
    plain = {"accuracy", "single_source_fraction", "finite_fraction"}  # fractions, and the rest is in nats
    return {
        name: (of.get(name, ()), to_host(value), {} if name in plain else {"units": "nats"})
        for name, value in result.diagnostics._asdict().items()
        if value is not None
    }


def _check_index(index: Sequence | np.ndarray | None, size: int) -> None:
    if index is not None and len(index) != size:
        raise ValueError(f"index: expected {size} names, one a sample, got {len(index)}")
