"""Bars and histograms of a page, as SVG."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lsmi_jax.decomposition import LETTERS

__all__ = ["bars", "cell", "histogram"]


def bars(means: Mapping[str, Any]) -> str:
    """R, U1, U2, S as horizontal bars with their intervals.

    Args:
        means: By letter, a dictionary of ``mean``, ``lower`` and ``upper`` in nats.

    Returns:
        HTML.
    """
    ends = [means[letter][kind] or 0 for letter in LETTERS for kind in ("mean", "lower", "upper")]
    low, high = min(0, *ends), max(1e-6, *ends)
    scale = 100 / (high - low)

    def x(value: float) -> str:
        return f"{(value - low) * scale:.2f}"

    rows = []
    for letter in LETTERS:
        one = means[letter]
        start, end = sorted((0, one["mean"]))
        marks = f'<rect class={letter.lower()} x="{x(start)}" y="3" width="{(end - start) * scale:.2f}" height="18"/>'
        if one["lower"] is not None:
            marks += f'<line class=error x1="{x(one["lower"])}" x2="{x(one["upper"])}" y1="12" y2="12"/>'
        marks += f'<line class=axis x1="{x(0)}" x2="{x(0)}" y1="0" y2="24"/>'
        rows.append(f"<b>{letter}</b>{_svg(100, 24, marks)}")
    return f"<div class=bars>{''.join(rows)}</div>"


def cell(value: float, size: float, letter: str) -> str:
    """A number over a bar whose length it is; a bar below zero is pale.

    Args:
        value: In nats.
        size: Of the longest bar.
        letter: Of the part.

    Returns:
        HTML.
    """
    width, pale = 100 * abs(value) / size, ' opacity=".35"' if value < 0 else ""
    bar = f'<rect class={letter.lower()} width="{width:.1f}" height="8"{pale}/>'
    return f"{value:z.3f}<div class=cell>{_svg(100, 8, bar)}</div>"


def histogram(counts: np.ndarray, edges: np.ndarray, letter: str) -> str:
    """Bars as high as the square roots of counts, and a line at zero.

    Args:
        counts: In each bin.
        edges: Of the bins, in nats.
        letter: Of the part.

    Returns:
        HTML.
    """
    heights = 90 * np.sqrt(counts / max(1, counts.max()))
    step = 100 / len(counts)
    marks = "".join(
        f'<rect class={letter.lower()} x="{i * step:.2f}" y="{92 - h:.1f}" width="{0.8 * step:.2f}" height="{h:.1f}"/>'
        for i, h in enumerate(heights)
    )
    zero = ""
    if edges[0] < 0 < edges[-1]:
        x = 100 * -edges[0] / (edges[-1] - edges[0])
        marks += f'<line class=axis x1="{x:.2f}" x2="{x:.2f}" y1="0" y2="92"/>'
        zero = f'<span style="left: {x:.1f}%">0</span>'
    ends = f"<span>{edges[0]:z.2f}</span>{zero}<span>{edges[-1]:z.2f} nats</span>"
    opening = f'<div class=histogram role="img" aria-label="distribution of {letter}">'
    return f"{opening}{_svg(100, 92, marks)}<div class=ends>{ends}</div></div>"


def _svg(width: int, height: int, marks: str) -> str:
    """A drawing that fills its place; what it shows stands in words or numbers beside it."""
    return f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true">{marks}</svg>'
