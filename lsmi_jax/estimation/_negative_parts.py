"""What negative mean parts imply in an estimate by union information, where no true mean part is negative."""

from collections.abc import Sequence

from lsmi_jax.decomposition import PARTS, Quantity
from lsmi_jax.estimation._formatting import NORMAL, Cell

__all__ = ["negative_parts"]

NEGLIGIBLE = 0.01  # nats
_TOO_LOW = (
    "the union information is too low, R and S are too high, and U1 and U2 are too low by about as much. "
    "Treat the part as zero."
)
_REASONS = {
    "R": (
        "the union information is too high, R and S are too low, and U1 and U2 are too high by about as much. "
        "Treat the part as zero."
    ),
    "U1": _TOO_LOW,
    "U2": _TOO_LOW,
    "S": (
        "the discriminator of both modalities captures less information than the evidence of the single modalities "
        "adds up to. Treat the part as zero, or pass logits of a better model of both."
    ),
}


def negative_parts(cells: Sequence[Cell]) -> list[str]:
    """Why mean parts are below zero by more than their errors, and what to do about it.

    Args:
        cells: Means of R, U1, U2 and S.

    Returns:
        One text for each reason; none if no part is.
    """
    found: dict[str, list[str]] = {}
    for part, cell in zip(PARTS, cells, strict=True):
        if cell.mean < -NEGLIGIBLE and cell.mean + NORMAL * cell.error < 0:
            found.setdefault(_REASONS[part.symbol], []).append(_as_text(part, cell))
    return [f"{' and '.join(parts)}, below zero by more than the error: {reason}" for reason, parts in found.items()]


def _as_text(part: Quantity, cell: Cell) -> str:
    """A part with its mean."""
    return f"{part.symbol} is {cell.mean:.3f} nats"
