"""Writes the figures of docs/paper.md from the results of the studies.

    python examples/paper/page.py

`make paper` ends with this script, and a test compares the page with what it would write: no figure there is typed.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from results import PARTS, Claim, decide, interval, table, with_error, with_interval

DOCS = Path(__file__).parents[2] / "docs"
RESULTS = DOCS / "results"
STUDIES = {
    "datasets": "Table 2",
    "people": "Table 2",
    "categories": "Table 3",
    "paradigms": "Table 4",
    "cost": "Table 5",
    "partition": "Table 6",
    "modalities": "Table 7",
    "noise": "Table 8",
    "shift": "Table 9",
    "fusion_stage": "Table 10",
    "distillation": "Figure 5",
    "ensemble": "Figure 6",
    "cases": "Figure 8",
}
DECISIONS = ("replicated", "refuted", "undecided")
BLOCK = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)


def rows_of(name: str) -> list[dict[str, str]]:
    """The rows of one CSV file of results."""
    with (RESULTS / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def errors_of(name: str) -> str:
    """For each method, the largest error of each part over all tasks, and the task; means over seeds."""
    sums: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for row in rows_of(name):
        sums[row["method"], row["task"]].append([float(row[part]) for part in PARTS])
    means = {key: [sum(column) / len(values) for column in zip(*values, strict=True)] for key, values in sums.items()}
    methods = [method for method in dict.fromkeys(method for method, _ in means) if method != "truth"]
    tasks = list(dict.fromkeys(task for _, task in means))
    rows = []
    for method in methods:
        cells = []
        for part in range(len(PARTS)):
            errors = {task: means[method, task][part] - means["truth", task][part] for task in tasks}
            worst = max(errors, key=lambda task: abs(errors[task]))
            cells.append(f"{errors[worst]:+.3f} at {worst}")
        rows.append([method, *cells])
    return table(("method", *(f"largest error of {part}" for part in PARTS)), rows)


def closest() -> str:
    """Whether LSMI is closer to the truth than other estimators, as the paper reports for its synthetic data."""
    lines = []
    for study, place in (("table1", "Table 1"), ("figure3", "Figure 3"), ("figure4", "Figure 4")):
        rows = rows_of(study)
        parts = {(r["method"], r["task"], r["seed"]): np.array([float(r[part]) for part in PARTS]) for r in rows}
        tasks, seeds = (list(dict.fromkeys(r[name] for r in rows)) for name in ("task", "seed"))
        errors = {
            method: np.array([[abs(parts[method, t, s] - parts["truth", t, s]).max() for s in seeds] for t in tasks])
            for method in dict.fromkeys(r["method"] for r in rows)
        }
        for own in (name for name in ("LSMI", "LSMI, paper") if name in errors):
            for other in ("PID-CVX", "PID-Batch"):
                gaps = errors[other] - errors[own]
                claim = Claim(f"{own} is closer to the truth than {other}", place, gaps.mean(0))
                closer = [task for task, gap in zip(tasks, gaps, strict=True) if interval(gap)[1] < 0]
                gap = with_interval(claim.differences, 4, "nats")
                cells = [claim.text, gap, len(seeds), f"**{decide(claim)}**"]
                lines.append([place, *cells, ", ".join(closer)])
    header = (
        "paper",
        "claim",
        "largest error, other minus LSMI (95% interval)",
        "seeds",
        "decision",
        "other is closer on",
    )
    return table(header, lines)


def gates() -> str:
    """Truth and estimate of every gate."""
    lines = [line for line in (RESULTS / "table1.md").read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]
    kept = ("truth", "LSMI", "LSMI in the paper")
    return table(("gate", "method", *PARTS), [row[:6] for row in cells if row[1] in kept])


def batches() -> str:
    """The error of PID-Batch against the size of its batches, and what each doubling changes over seeds."""
    rows = rows_of("pid_batch")
    parts = {(r["method"], r["seed"]): np.array([float(r[part]) for part in PARTS]) for r in rows}
    seeds = list(dict.fromkeys(r["seed"] for r in rows))
    methods = [method for method in dict.fromkeys(r["method"] for r in rows) if method != "truth"]
    errors = {m: np.array([abs(parts[m, seed] - parts["truth", seed]).max() for seed in seeds]) for m in methods}
    mean = {m: np.mean([parts[m, seed] for seed in seeds], axis=0) for m in ("truth", *methods)}
    cells = [[m, *(f"{v:.3f}" for v in mean[m]), with_error(errors[m]) if m in errors else ""] for m in mean]
    exact = next(method for method in methods if method.startswith("exact"))
    first, *_, last = (method for method in methods if method != exact)
    change = with_interval(errors[last] - errors[first], unit="nats")
    of_exact = with_interval(errors[exact] - errors[exact.removeprefix("exact posteriors, ")], unit="nats")
    return (
        f"From {first} to {last}, the largest error of R, U1, U2 and S changes by {change}. With exact posteriors in "
        f"place of fitted ones, it changes by {of_exact}.\n\n" + table(("method", *PARTS, "largest error"), cells)
    )


def claims() -> str:
    """Every claim with its decision, and how many there are of each."""
    rows, counts = [], dict.fromkeys(DECISIONS, 0)
    for study, place in STUDIES.items():
        link = f"[{place}](results/paper_{study}.md)"
        for claim in rows_of(f"paper_{study}_claims"):
            if claim["of_paper"] != "True":
                continue
            counts[claim["decision"]] += 1
            cells = (claim[name] for name in ("claim", "data", "difference"))
            rows.append([link, *cells, claim["seeds"], f"**{claim['decision']}**", claim["reason"]])
    number = ", ".join(f"{count} {decision}" for decision, count in counts.items())
    header = ("paper", "claim", "data", "difference (95% interval)", "seeds", "decision", "why")
    return f"{sum(counts.values())} claims: {number}.\n\n{table(header, rows)}"


BLOCKS: dict[str, Callable[[], str]] = {
    "gates": gates,
    "figure3": lambda: errors_of("figure3"),
    "figure4": lambda: errors_of("figure4"),
    "closest": closest,
    "pid_batch": batches,
    "claims": claims,
}


def rewritten(page: str) -> str:
    """The page with every block as the results are now."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{BLOCKS[found[2]]()}\n\n{found[3]}", page)


if __name__ == "__main__":
    path = DOCS / "paper.md"
    path.write_text(rewritten(path.read_text()))
