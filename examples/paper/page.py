"""Writes the table of real data in docs/paper.md from the findings of the studies, which come from their results.

    python examples/paper/page.py

Each page of `docs/results` begins with the finding that its study wrote. `make paper` ends with this script, and a test
compares the page with what it would write, so no figure of the table is typed.
"""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
BEGIN, END = "<!-- findings: written by examples/paper/page.py -->", "<!-- end of findings -->"
STUDIES = {
    "datasets": "Table 2",
    "categories": "Table 3",
    "paradigms": "Table 4",
    "cost": "Table 5",
    "partition": "Table 6",
    "distillation": "Figure 5",
    "ensemble": "Figure 6",
    "modalities": "Table 7",
    "noise": "Table 8",
    "shift": "Table 9",
    "fusion_stage": "Table 10",
    "cases": "Figure 8",
}
FOUND = re.compile(r"^\*\*Found:?\*\*,?:? ?(.*)$", re.MULTILINE)


def finding(study: str) -> str:
    """The finding on the page of a study, as a sentence."""
    path = DOCS / "results" / f"paper_{study}.md"
    found = FOUND.search(path.read_text())
    if found is None:
        raise ValueError(f"{path}: expected a line that begins with **Found**")
    return found[1][0].upper() + found[1][1:]


def table() -> str:
    """One row per study."""
    lines = ["| study | paper | finding |", "|---|---|---|"]
    for study, place in STUDIES.items():
        name = study.replace("_", " ")
        lines.append(f"| [{name}](results/paper_{study}.md) | {place} | {finding(study)} |")
    return "\n".join(lines)


def rewritten(page: str) -> str:
    """The page with the table of today."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    path = DOCS / "paper.md"
    path.write_text(rewritten(path.read_text()))
