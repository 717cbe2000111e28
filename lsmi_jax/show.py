"""An estimate in a few lines, for a terminal and for a notebook."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

from lsmi_jax.parts import COLORS, LETTERS, NAMES

if TYPE_CHECKING:
    from lsmi_jax.result import Estimate

__all__ = ["as_fields", "as_html", "as_text", "has_numbers"]

TITLE = "means in nats (standard error); 1 bit = 0.693 nats"
SUMS = ("I1 = R + U1", "I2 = R + U2", "I12 = all four")


class Row(NamedTuple):
    """Mean and standard error of a quantity, and what else is said of it."""

    name: str
    mean: float
    error: float
    beside: str


def has_numbers(result: "Estimate") -> bool:
    """Whether there are numbers to show: one value a sample, and none of them traced, abstract or elsewhere."""
    return all(map(_is_here, jax.tree.leaves(result))) and np.ndim(result.interactions.redundancy) == 1


def _is_here(leaf: object) -> bool:
    if isinstance(leaf, jax.core.Tracer) or not isinstance(leaf, (jax.Array, np.ndarray)):
        return False
    return isinstance(leaf, np.ndarray) or (leaf.is_fully_addressable and not leaf.is_deleted())


def as_fields(result: "Estimate") -> str:
    """An estimate as any named tuple: what stands for its arrays, one after the other.

    Args:
        result: Of whatever leaves.

    Returns:
        One line.
    """
    return f"Estimate({', '.join(f'{name}={value!r}' for name, value in result._asdict().items())})"


def as_text(result: "Estimate") -> str:
    """Means, accuracies and warnings.

    Args:
        result: With numbers.

    Returns:
        Lines of at most 80 characters, but for the warnings.
    """
    lines = [_heading(result), f"{'':16}{'raw':>16}{'adjusted':>11}"]
    lines += [f"{row.name:16}{_number(row):>16}{row.beside:>11}" for row in _parts(result)]
    lines += [f"{row.name:16}{_number(row):>16}   {row.beside}" for row in _sums(result)]
    return "\n".join(lines + [f"Note: {finding}" for finding in result.diagnostics.findings()])


def as_html(result: "Estimate") -> str:
    """The same as a table with bars, in the colours of `lsmi_jax.plot`, for light and dark notebooks.

    Args:
        result: With numbers.

    Returns:
        HTML without scripts or style sheets.
    """
    parts = _parts(result)
    longest = max((abs(row.mean) for row in parts if np.isfinite(row.mean)), default=0) or 1.0
    bars = [_bar(row.mean / longest, color) for row, color in zip(parts, COLORS, strict=True)]
    rows = [_html_row(row.name, _number(row), row.beside, bar) for row, bar in zip(parts, bars, strict=True)]
    rows += [_html_row(row.name, _number(row), "", row.beside) for row in _sums(result)]
    head = "<tr><th></th><th>raw</th><th>adjusted</th><th></th></tr>"
    notes = "".join(f"<li>{escape(finding)}</li>" for finding in result.diagnostics.findings())
    table = f'<table style="font-variant-numeric: tabular-nums">{head}{"".join(rows)}</table>'
    return f"<div><p>{_heading(result)}</p>{table}{notes and f'<ul>{notes}</ul>'}</div>"


def _heading(result: "Estimate") -> str:
    seeds = "" if result.spread is None else ", each the mean over seeds"
    return f"Estimate of {len(result.interactions.redundancy)} samples{seeds}: {TITLE}"


def _parts(result: "Estimate") -> list[Row]:
    """Of R, U1, U2 and S, with the adjusted mean beside."""
    names = (f"{letter:3} {name}" for letter, name in zip(LETTERS, NAMES, strict=True))
    beside = (f"{_mean(part)[0]:+z.3f}" for part in result.adjusted)
    return [Row(name, *_mean(raw), text) for name, raw, text in zip(names, result.interactions, beside, strict=True)]


def _sums(result: "Estimate") -> list[Row]:
    """Of I1, I2 and I12, with how well each discriminator does beside."""
    losses, accuracies = (np.asarray(one) for one in result.diagnostics[1:3])
    beside = [f"cross-entropy {c:.3f}, accuracy {a:.1%}" for c, a in zip(losses, accuracies, strict=True)]
    return [Row(name, *_mean(i), text) for name, i, text in zip(SUMS, result.information, beside, strict=True)]


def _mean(values: jax.Array | np.ndarray | Sequence[float]) -> tuple[float, float]:
    """Mean and its standard error over samples; NaN for that of a single one."""
    array = np.asarray(values, dtype=np.float64)
    with np.errstate(invalid="ignore"):  # infinite values are spoken of in the findings
        error = array.std(ddof=1) / np.sqrt(len(array)) if len(array) > 1 else np.nan
        return float(array.mean()), float(error)


def _number(row: Row) -> str:
    return f"{row.mean:+z.3f} ({row.error:.3f})"


def _html_row(name: str, number: str, adjusted: str, beside: str) -> str:
    left, right = 'style="text-align: left"', 'style="text-align: right"'
    return (
        f"<tr><td {left}>{name}</td><td {right}>{number}</td><td {right}>{adjusted}</td><td {left}>{beside}</td></tr>"
    )


def _bar(share: float, color: str) -> str:
    """As long as a value is large, and pale where that is below zero."""
    width = 10 * abs(share) if np.isfinite(share) else 0
    style = f"width: {width:.2f}em; height: .8em; background: {color}; opacity: {1 if share >= 0 else 0.35}"
    return f'<div style="{style}"></div>'
