"""What a study leaves behind: every run as CSV, and a page in Markdown that says what was found."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

PARTS = ("R", "U1", "U2", "S")


def with_error(values: Sequence[float] | np.ndarray, digits: int = 3) -> str:
    """A mean over seeds with its standard error in brackets."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return f"{values.mean():.{digits}f}"
    return f"{values.mean():.{digits}f} ({values.std(ddof=1) / np.sqrt(len(values)):.{digits}f})"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def write(out: Path, name: str, title: str, runs: Sequence[dict], *sections: str, picture: bool = False) -> None:
    """Writes ``name.csv``, one line a run, and ``name.md``: the title, the sections, and the picture if there is one.

    Args:
        out: The folder.
        name: Name of the study.
        title: First line of the page.
        runs: One dictionary a run, all of the same keys, the seed among them.
        sections: Paragraphs and tables of the page; one of them says in a sentence what was found.
        picture: Whether ``name.png`` was drawn.
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
