"""Formulas of the pages as MathML, which browsers draw themselves: no script, no network."""

import re
from typing import Any

from latex2mathml.converter import convert

CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
BLOCK = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
INLINE = re.compile(r"(?<![\\$\w])\$([^$\n]+?)\$(?!\w)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Converts ``$$...$$`` and ``$...$`` outside of code."""
    parts = CODE.split(markdown)
    parts[::2] = [INLINE.sub(_inline, BLOCK.sub(_block, part)) for part in parts[::2]]
    return "".join(parts)


def _block(found: re.Match[str]) -> str:
    return convert(found[1].strip(), display="block")


def _inline(found: re.Match[str]) -> str:
    return convert(found[1])
