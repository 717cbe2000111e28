"""Tables in Markdown and in CSV files."""

import argparse
import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def table_parser(description: str | None) -> argparse.ArgumentParser:
    """The arguments of a benchmark that writes a CSV file and prints a table of it."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-seeds", type=int, default=5, help="repetitions (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("docs/results"), help="folder for results (%(default)s)")
    parser.add_argument("--read", action="store_true", help="only print the table of the CSV file that is there")
    return parser


def rows_of(path: Path, measure: Callable[[], Iterable[dict[str, Any]]], *, read: bool) -> list[dict[str, str]]:
    """The rows of a CSV file, which are measured, printed and written first unless they are only to be read."""
    if not read:
        rows = []
        for row in measure():
            print(*row.values(), flush=True)
            rows.append(row)
        write_rows(path, rows)
    return read_rows(path)


def standard_error(values: np.ndarray) -> np.ndarray:
    """Standard error of the mean over the first axis."""
    return values.std(0, ddof=1) / np.sqrt(len(values))


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, ["---"] * len(header), *rows))


def bold(values: Sequence[float], best: Callable, digits: int = 3) -> list[str]:
    """Values as text, the best in bold unless all are alike, and a dash where there is none."""
    texts = [f"{value:.{digits}f}" for value in values]
    known = [text for text in texts if text != "nan"]
    if not known:
        return ["-"] * len(values)
    winner = best(known, key=float)
    return [f"**{text}**" if text == winner and len(set(known)) > 1 else text for text in texts]


def read_rows(path: str | Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def write_rows(path: str | Path, rows: Sequence[dict[str, Any]]) -> None:
    """Writes a CSV file with the columns of all rows; a row that lacks one leaves it empty."""
    with open(path, "w", newline="") as stream:
        columns = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
