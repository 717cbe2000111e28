"""The single table of quantities: what each is called in results, files, plots and text."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from lsmi_jax.decomposition._arrays import check_type

__all__ = [
    "ADJUSTED",
    "GAIN",
    "INFORMATION",
    "KIND",
    "PARTS",
    "PREDICTED",
    "PROBABILITY",
    "QUANTITIES",
    "SPREAD",
    "SURPRISALS",
    "UNION",
    "Interactions",
    "Means",
    "Quantity",
    "check_interactions",
    "find_quantity",
]


class Interactions(NamedTuple):
    """Redundancy r, uniquenesses u1 and u2, and synergy s, all of one shape, in nats."""

    redundancy: jax.Array
    unique1: jax.Array
    unique2: jax.Array
    synergy: jax.Array


def check_interactions(interactions: Any) -> Interactions:
    """Returns an object, or raises TypeError if it is not `Interactions`."""
    check_type("interactions", interactions, Interactions)
    return interactions


class Means(NamedTuple):
    """Means over samples: R, U1, U2, S, and I1, I2, I12; scalars or ``[G]``, in nats."""

    redundancy: jax.Array
    unique1: jax.Array
    unique2: jax.Array
    synergy: jax.Array
    information1: jax.Array
    information2: jax.Array
    information12: jax.Array


class Quantity(NamedTuple):
    """One row of the table.

    Attributes:
        symbol: Symbol of the mean over a data set, as in the tables of Yang et al. (2025).
        field: Attribute of `Interactions` and `Means`, and of `lsmi_jax.Estimate` for the gain.
        column: Column in data frames and files: the symbol of one sample's value.
        name: Long name.
        label: Phrase for readers; ``{x1}`` and ``{x2}`` stand for the names of the modalities.
        color: Color in plots and reports; Okabe & Ito's palette, safe for color-blind readers.
    """

    symbol: str
    field: str
    column: str
    name: str
    label: str
    color: str


_GRAY = "#7F7F7F"

QUANTITIES = (
    Quantity("R", "redundancy", "r", "redundancy", "shared by both", "#0072B2"),
    Quantity("U1", "unique1", "u1", "unique 1", "only in {x1}", "#E69F00"),
    Quantity("U2", "unique2", "u2", "unique 2", "only in {x2}", "#009E73"),
    Quantity("S", "synergy", "s", "synergy", "only in both together", "#CC79A7"),
    Quantity("I1", "information1", "i1", "information 1", "information in {x1}", _GRAY),
    Quantity("I2", "information2", "i2", "information 2", "information in {x2}", _GRAY),
    Quantity("I12", "information12", "i12", "information 12", "information in both", _GRAY),
    Quantity("IU", "i_union", "i_union", "union information", "information in both, added", _GRAY),
    Quantity("G", "gain", "gain", "gain", "gained by both over the better one", _GRAY),
    Quantity("H1", "surprisal1", "h1", "surprisal 1", "surprisal of {x1}", _GRAY),
    Quantity("H2", "surprisal2", "h2", "surprisal 2", "surprisal of {x2}", _GRAY),
)
"""All quantities of a sample, in the order of columns."""

PARTS = QUANTITIES[:4]
"""The four parts, in the order of `Interactions`."""

INFORMATION = QUANTITIES[4:7]
"""Pointwise information of the first modality, the second, and both."""

UNION = QUANTITIES[7]
"""Pointwise union information, `lsmi_jax.UnionInformation`."""

GAIN = QUANTITIES[8]
"""Information of both beyond the better single modality, `lsmi_jax.gain`."""

SURPRISALS = QUANTITIES[9:]
"""Surprisal of the first modality and the second."""

KIND = "kind"
"""Column of the kind of each sample, `lsmi_jax.kind`; it has no unit."""

PREDICTED, PROBABILITY = "predicted", "probability"
"""Beginnings of the columns of the class that a view predicts, and of its probability."""

ADJUSTED, SPREAD = "_adjusted", "_spread"
"""Suffixes of the columns of shifted parts, and of standard deviations over seeds."""


def find_quantity(word: str, among: Sequence[Quantity] = QUANTITIES, *, argument: str = "by") -> Quantity:
    """Finds a quantity by its column, symbol or field.

    Args:
        word: For example ``"r"``, ``"R"`` or ``"redundancy"``.
        among: Quantities to choose from.
        argument: Name of the caller's argument, for the message.

    Returns:
        The row of the table.

    Raises:
        ValueError: If no quantity has that name.

    Examples:
        >>> find_quantity("r").name
        'redundancy'
    """
    for quantity in among:
        if word in (quantity.column, quantity.symbol, quantity.field):
            return quantity
    names = ", ".join(f"{quantity.column} ({quantity.field})" for quantity in among)
    raise ValueError(f"{argument}: expected one of {names}, got {word!r}")
