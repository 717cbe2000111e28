"""Results of a study: a CSV file of every run, one of its claims, and a page in Markdown with the decisions.

A claim of the paper is a positive mean of a difference, paired by seed. The rule for its decision is in `decide`.
"""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

import lsmi_jax
from lsmi_jax import decomposition

PARTS = tuple(part.symbol for part in decomposition.PARTS)
INFORMATION = tuple(quantity.symbol for quantity in decomposition.INFORMATION)
LEVEL = 0.95  # of all intervals
WIDTH = 9.0  # inches of every figure, shown at the width of a page
STYLE: dict[Any, Any] = {
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "errorbar.capsize": 2,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 110,
}


class Claim(NamedTuple):
    """A claim of the paper on one data set, as a difference that it says is positive.

    Attributes:
        text: The claim, as in "more redundancy by alignment than by joint learning".
        data: Name of the data set.
        differences: The difference for each seed ``[m]``; one number if nothing is random.
        unit: Unit of the difference.
        reason: Why it comes out as it does, if it is not replicated. Without it, an undecided claim says how small a
            difference these seeds could decide.
        digits: Decimals shown.
        of_paper: Whether the paper makes the claim; others are controls and variants.
    """

    text: str
    data: str
    differences: np.ndarray
    unit: str = "nats"
    reason: str = ""
    digits: int = 3
    of_paper: bool = True


def interval(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Interval of the mean over seeds by Student's t; unbounded for a single seed."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return -np.inf, np.inf
    half = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * stats.sem(values)
    return float(values.mean() - half), float(values.mean() + half)


def half_width(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Half the width of the interval over seeds along an axis, for whiskers; zero for a single seed."""
    count = values.shape[axis]
    if count < 2:
        return np.zeros_like(values.mean(axis))
    return stats.t.ppf((1 + LEVEL) / 2, count - 1) * stats.sem(values, axis=axis)


def reason_of(claim: Claim) -> str:
    """Why a claim is not replicated."""
    decision = decide(claim)
    if decision == "replicated":
        return ""
    if claim.reason or decision == "refuted":
        return claim.reason
    low, high = interval(claim.differences)
    return (
        f"{len(claim.differences)} seeds cannot tell a difference below {(high - low) / 2:.{claim.digits}f} from zero"
    )


def decide(claim: Claim) -> str:
    """The rule: replicated if the interval lies above zero, refuted if below, and undecided if it contains zero."""
    low, high = interval(claim.differences)
    return "replicated" if low > 0 else "refuted" if high < 0 else "undecided"


def with_error(values: Sequence[float] | np.ndarray, digits: int = 3) -> str:
    """The mean over seeds, with its standard error in parentheses."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return f"{values.mean():.{digits}f}"
    return f"{values.mean():.{digits}f} ({stats.sem(values):.{digits}f})"


def with_interval(values: Sequence[float] | np.ndarray, digits: int = 3, unit: str = "") -> str:
    """The mean over seeds with its interval."""
    low, high = interval(values)
    mean = f"{np.mean(values):+.{digits}f}{unit and f' {unit}'}"
    return f"{mean} ({low:+.{digits}f} to {high:+.{digits}f})"


def seeds_of(result: lsmi_jax.Estimate) -> np.ndarray:
    """R, U1, U2, S of every sample by seed ``[4, m, n]``, in nats."""
    return np.stack(result.interactions)[:, None] if result.seeds is None else np.stack(result.seeds)


def columns_of(*parts: float) -> dict[str, float]:
    """Mean parts and the information that they add up to, by symbol."""
    return dict(zip((*PARTS, *INFORMATION), (*parts, *decomposition.information_of(parts)), strict=True))


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def claims_table(claims: Sequence[dict[str, Any]]) -> str:
    """The claims of a study with their decisions."""
    rows = [[c["claim"], c["data"], c["difference"], c["decision"], c["reason"]] for c in claims]
    return table(["claim", "data", f"difference, {LEVEL:.0%} interval", "decision", "why"], rows)


def rows_of(claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """One row per claim, with its decision, as they are written to a CSV file."""
    found = []
    for claim in claims:
        (low, high), decision = interval(claim.differences), decide(claim)
        found.append(
            {"claim": claim.text, "data": claim.data}
            | {"mean": float(np.mean(claim.differences)), "low": low, "high": high, "seeds": len(claim.differences)}
            | {
                "difference": with_interval(claim.differences, claim.digits, claim.unit),
                "decision": decision,
                "reason": reason_of(claim),
                "of_paper": claim.of_paper,
            }
        )
    return found


def write_csv(path: Path, rows: Sequence[dict]) -> None:
    """Writes rows with the same keys."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write(
    out: Path,
    name: str,
    title: str,
    runs: Sequence[dict],
    claims: Sequence[Claim],
    *sections: str,
    picture: bool = False,
) -> None:
    """Writes ``name.csv``, one line per run, ``name_claims.csv``, and ``name.md`` with claims, sections and picture.

    Args:
        out: Folder to write to.
        name: Name of the study.
        title: Title of the page.
        runs: One dictionary per run, all with the same keys, including the seed.
        claims: What the paper says, with differences that it says are positive.
        sections: Paragraphs and tables of the page.
        picture: Whether to show ``name.png``.
    """
    decided = rows_of(claims)
    write_csv(out / f"{name}.csv", runs)
    write_csv(out / f"{name}_claims.csv", decided)
    shown = (f"![{title}]({name}.png)",) if picture else ()
    rule = (
        f"A claim is replicated if the {LEVEL:.0%} interval (Student's t over seeds, paired) lies above zero, refuted "
        "if it lies below, and undecided if it contains zero."
    )
    page = "\n\n".join((f"# {title}", claims_table(decided), rule, *sections, *shown)) + "\n"
    (out / f"{name}.md").write_text(page)
    print(page)


@contextmanager
def picture(path: Path, num_rows: int, num_columns: int, height: float, **options: Any) -> Iterator[np.ndarray]:
    """Axes ``[rows, columns]`` of a figure in the style of all studies, which is saved at the end."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(num_rows, num_columns, figsize=(WIDTH, height), squeeze=False, **options)
        yield axes
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
        plt.close(figure)
