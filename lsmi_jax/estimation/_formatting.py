"""Short tables of results, as text for a terminal and as HTML for a notebook."""

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import jax
import numpy as np

from lsmi_jax.decomposition import INFORMATION, PARTS

__all__ = [
    "LABELS",
    "MEAN_COLUMNS",
    "SET_TO_ZERO",
    "WITHOUT_FIT",
    "Cell",
    "Overview",
    "Row",
    "is_concrete",
    "mean_cell",
    "mean_texts",
    "means_of_seeds",
    "plain_repr",
    "shift_note",
]

_SUMS = ("R + U1", "R + U2", "all four")
LABELS = {part.field: f"{part.symbol:3} {part.name}" for part in PARTS} | {
    quantity.field: f"{quantity.symbol} = {parts}" for quantity, parts in zip(INFORMATION, _SUMS, strict=True)
}
"""Row labels of the parts, and of information as the sum of parts."""

SET_TO_ZERO = "set to 0"
"""Shown in place of an interval where the paper's shift makes a mean zero by construction."""

WITHOUT_FIT = "Standard errors omit variation between fits. Use num_seeds=5 (--num-seeds 5) to include it."
"""Note on errors that are of sampling only."""


NORMAL = 1.96
"""Standard errors to either side of a 95% interval."""


MEAN_COLUMNS = ("mean", "error", "interval")
"""Header of a table of means: see `mean_texts`."""


def mean_texts(mean: float, error: float, lower: float, upper: float) -> tuple[str, str, str]:
    """A mean, its standard error, and its interval as text."""
    return f"{mean:+z.3f}", f"{error:.3f}", f"{lower:+z.3f} to {upper:+z.3f}"


class Cell(NamedTuple):
    """A mean with its standard error."""

    mean: float
    error: float

    def texts(self) -> tuple[str, str, str]:
        """The mean, its standard error, and its 95% interval by the normal approximation."""
        reach = NORMAL * self.error
        return mean_texts(self.mean, self.error, self.mean - reach, self.mean + reach)


class Row(NamedTuple):
    """A labeled row of text; ``bar`` is a share and a color, drawn in HTML."""

    label: str
    values: tuple[str, ...]
    bar: tuple[float, str] | None = None


class Overview(NamedTuple):
    """A result in a few lines: a heading, a table, and notes."""

    heading: str
    header: tuple[str, ...]
    rows: list[Row]
    notes: Sequence[str] = ()

    def as_text(self) -> str:
        """Lines of text, at most 100 characters wide."""
        label_width = max(16, *(len(row.label) + 1 for row in self.rows))
        widths = [
            max(10, len(title) + 3, *(len(row.values[k]) + 3 for row in self.rows if k < len(row.values)))
            for k, title in enumerate(self.header)
        ]
        lines = [" " * label_width + _cells(self.header, widths)]
        lines += [f"{row.label:{label_width}}{_cells(row.values, widths)}".rstrip() for row in self.rows]
        return "\n".join([self.heading, *lines, *(f"Note: {note}" for note in self.notes)])

    def as_html(self) -> str:
        """A table with bars, without scripts or style sheets, for light and dark notebooks."""
        head = "".join(f"<th>{escape(title)}</th>" for title in ("", *self.header, ""))
        body = "".join(_html_row(row, len(self.header)) for row in self.rows)
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        table = f'<table style="font-variant-numeric: tabular-nums"><tr>{head}</tr>{body}</table>'
        return f"<div><p>{escape(self.heading)}</p>{table}{notes and f'<ul>{notes}</ul>'}</div>"


def is_concrete(tree: Any) -> bool:
    """Whether all leaves are arrays whose values can be read here: not traced, abstract, deleted or remote."""
    return all(map(_is_readable, jax.tree.leaves(tree)))


def shift_note(shift: float) -> str:
    """By how much means are shifted, in a sentence."""
    return f"Shifted means: {shift:+z.3f} added to R and S, and subtracted from U1 and U2 (lsmi_jax.adjust)."


def plain_repr(result: Any) -> str:
    """The repr of a named tuple or dataclass whose arrays cannot be read."""
    named = result._asdict() if hasattr(result, "_asdict") else vars(result)
    return f"{type(result).__name__}({', '.join(f'{name}={value!r}' for name, value in named.items())})"


def _is_readable(leaf: object) -> bool:
    """Whether the values of one leaf can be read."""
    if isinstance(leaf, jax.core.Tracer) or not isinstance(leaf, (jax.Array, np.ndarray)):
        return False
    return isinstance(leaf, np.ndarray) or (leaf.is_fully_addressable and not leaf.is_deleted())


def _cells(values: Sequence[str], widths: Sequence[int]) -> str:
    """Right-aligned columns."""
    return "".join(f"{value:>{width}}" for value, width in zip(values, widths, strict=False))


def _html_row(row: Row, num_columns: int) -> str:
    """One row of an HTML table."""
    left, right = 'style="text-align: left"', 'style="text-align: right"'
    padded = (*row.values, *[""] * (num_columns - len(row.values)))
    cells = "".join(f"<td {right}>{escape(value)}</td>" for value in padded)
    last = "" if row.bar is None else _bar(*row.bar)
    return f"<tr><td {left}>{escape(row.label)}</td>{cells}<td {left}>{last}</td></tr>"


def _bar(share: float, color: str) -> str:
    """A bar whose length is the share; pale if the value is negative."""
    width = 10 * abs(share) if np.isfinite(share) else 0
    style = f"width: {width:.2f}em; height: .8em; background: {color}; opacity: {1 if share >= 0 else 0.35}"
    return f'<div style="{style}"></div>'


def mean_cell(
    values: jax.Array,
    seed_means: np.ndarray | None = None,
    counted: jax.Array | None = None,
    weights: jax.Array | None = None,
    groups: jax.Array | None = None,
) -> Cell:
    """Mean of the samples that count, and its standard error, which includes the fit if there are seeds.

    Deviations of samples of one group are not independent: they are summed before they are squared. The error of a
    single sample or group is NaN.
    """
    is_counted = np.ones(len(values), bool) if counted is None else np.asarray(counted)
    array = np.asarray(values, dtype=np.float64)[is_counted]
    shares = np.ones(len(array)) if weights is None else np.asarray(weights, np.float64)[is_counted]
    unit = (
        np.arange(len(array)) if groups is None else np.unique(np.asarray(groups)[is_counted], return_inverse=True)[1]
    )
    with np.errstate(invalid="ignore"):  # findings report that no sample is finite
        total = shares.sum()
        mean = (shares * array).sum() / total
        sums = np.bincount(unit, shares * (array - mean))
        count = len(sums)
        error = np.sqrt((sums**2).sum() * count / (count - 1)) / total if count > 1 else np.nan
        if seed_means is not None:
            error = np.hypot(error, seed_means.std(ddof=1) / np.sqrt(len(seed_means)))
        return Cell(float(mean), float(error))


def means_of_seeds(values: jax.Array, counted: jax.Array, weights: jax.Array | None) -> np.ndarray:
    """Mean of each seed ``[m]`` from values ``[m, n]``, over the samples that count."""
    is_counted = np.asarray(counted)
    shares = None if weights is None else np.asarray(weights, np.float64)[is_counted]
    return np.average(np.asarray(values, np.float64)[:, is_counted], axis=1, weights=shares)
