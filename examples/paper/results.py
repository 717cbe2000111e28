"""Results of a study: a CSV file of every run, and a page in Markdown with the finding."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lsmi_jax import decomposition

PARTS = tuple(part.symbol for part in decomposition.PARTS)


def with_error(values: Sequence[float] | np.ndarray, digits: int = 3) -> str:
    """The mean over seeds, with its standard error in brackets."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return f"{values.mean():.{digits}f}"
    return f"{values.mean():.{digits}f} ({values.std(ddof=1) / np.sqrt(len(values)):.{digits}f})"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def write(out: Path, name: str, title: str, runs: Sequence[dict], *sections: str, picture: bool = False) -> None:
    """Writes ``name.csv``, one line per run, and ``name.md`` with the title, the sections and the picture.

    Args:
        out: Folder to write to.
        name: Name of the study.
        title: Title of the page.
        runs: One dictionary per run, all with the same keys, including the seed.
        sections: Paragraphs and tables of the page; one of them states the finding.
        picture: Whether to show ``name.png``.
    """
    out.mkdir(parents=True, exist_ok=True)
    with (out / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(runs[0]))
        writer.writeheader()
        writer.writerows(runs)
    shown = (f"![{title}]({name}.png)",) if picture else ()
    page = "\n\n".join((f"# {title}", *sections, *shown)) + "\n"
    (out / f"{name}.md").write_text(page)
    print(page)
