"""Logic gates as tables of equally likely rows, with their known interactions."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["AND", "COPY1", "OR", "RDN", "XOR", "XOR_NOT", "Gate"]


class Gate(NamedTuple):
    """A logic gate with its known interactions.

    Attributes:
        inputs1: Bits of the first modality ``[rows, d1]``; all rows are equally likely.
        inputs2: Bits of the second modality ``[rows, d2]``.
        outputs: Output of each row ``[rows]``.
        truth: R, U1, U2, S in nats (Bertschinger et al., 2014).
    """

    inputs1: np.ndarray
    inputs2: np.ndarray
    outputs: np.ndarray
    truth: tuple[float, float, float, float]


_Row = tuple[tuple[int, ...], tuple[int, ...], int]


def _gate(rows: Sequence[_Row], truth: tuple[float, float, float, float]) -> Gate:
    """Gate from rows of first inputs, second inputs and output."""
    inputs1, inputs2, outputs = (np.array(column) for column in zip(*rows, strict=True))
    return Gate(inputs1, inputs2, outputs, truth)


_BITS = [(a, b) for a in (0, 1) for b in (0, 1)]
_LN2 = float(np.log(2))
_AND_REDUNDANCY = float(1.5 * np.log(2) - 0.75 * np.log(3))  # I(X1;Y) = I(X2;Y), all of it redundant

XOR = _gate([((a,), (b,), a ^ b) for a, b in _BITS], (0.0, 0.0, 0.0, _LN2))
OR = _gate([((a,), (b,), a | b) for a, b in _BITS], (_AND_REDUNDANCY, 0.0, 0.0, _LN2 / 2))
AND = _gate([((a,), (b,), a & b) for a, b in _BITS], (_AND_REDUNDANCY, 0.0, 0.0, _LN2 / 2))
COPY1 = _gate([((a,), (b,), a) for a, b in _BITS], (0.0, _LN2, 0.0, 0.0))
RDN = _gate([((a,), (a,), a) for a in (0, 1)], (_LN2, 0.0, 0.0, 0.0))
# Half of the samples are XOR and half are NOT of the second input; a second bit of both modalities tells which.
XOR_NOT = _gate(
    [((a, 0), (b, 0), a ^ b) for a, b in _BITS] + [((a, 1), (b, 1), 1 - b) for a, b in _BITS],
    (0.0, 0.0, _LN2 / 2, _LN2 / 2),
)
