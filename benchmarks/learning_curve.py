"""How many samples does it take? Error and ranking against the number of samples, on tasks with exact truth.

    python benchmarks/learning_curve.py [--num-seeds 5] [--out docs/results]

Out-of-fold estimates with default options, compared with the exact quantities of the same rows. Writes a CSV file of
all runs and a figure: root mean squared errors of i1, i2 and i12, and the AUROC with which each part ranks its own
samples first. Prints the table of docs/choosing.md; with --read, that of the CSV file in the folder, and fits nothing.
"""

from pathlib import Path

import jax
import numpy as np
from accuracy import COLUMNS, Run, measure
from matplotlib.figure import Figure
from tables import markdown, read_rows, table_parser, write_rows

import lsmi_jax
from lsmi_jax import datasets
from lsmi_jax.decomposition import INFORMATION
from lsmi_jax.reporting import COLORS

CLASSES = (2, 4, 10)
SIZES = (250, 500, 1000, 2000, 4000, 8000, 16000)
VIEWS = tuple(quantity.column for quantity in INFORMATION)


def run_once(num_classes: int, num_samples: int, seed: int) -> dict[str, float]:
    data_key, key = jax.random.split(jax.random.key(seed))
    task = datasets.preset(data_key, num_samples, num_classes=num_classes)
    result = lsmi_jax.estimate(key, task.features, task.labels, num_classes=num_classes)
    row = measure(Run(task, result, np.nan), lsmi_jax.union_information)
    figures = [*(f"rmse {view}" for view in VIEWS), *(f"auroc {part}" for part in COLUMNS)]
    return {"K": num_classes, "n": num_samples, "seed": seed} | {name: row[name] for name in figures}


def draw(rows: list[dict[str, float]], path: Path) -> None:
    figure = Figure(figsize=(11, 5.6), layout="constrained")
    axes = figure.subplots(2, len(CLASSES), sharex=True, sharey="row")
    for column, num_classes in enumerate(CLASSES):
        part = [row for row in rows if row["K"] == num_classes]
        for view, style in zip(VIEWS, (":", "--", "-"), strict=True):
            draw_line(axes[0, column], part, f"rmse {view}", view, color="0.25", linestyle=style)
        for letter, color in zip(COLUMNS, COLORS, strict=True):
            draw_line(axes[1, column], part, f"auroc {letter}", letter.lower(), color=color)
        axes[0, column].set_title(f"{num_classes} classes")
        axes[1, column].set_xlabel("samples")
    axes[0, 0].set(ylabel="error per sample (nats, RMS)", ylim=(0, 2.1))
    axes[1, 0].set(ylabel="AUROC of its own samples", ylim=(0.1, 1.02))
    for row, place in zip(axes, ("upper right", "lower right"), strict=True):
        row[0].legend(frameon=False, fontsize=9, loc=place)
    for ax in axes.flat:
        ax.set_xscale("log")
        ax.set_xticks([250, 1000, 4000, 16000], ["250", "1000", "4000", "16000"])
        ax.minorticks_off()
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="y", color="0.92")
    figure.savefig(path, dpi=120)


def draw_line(ax, rows: list[dict[str, float]], name: str, label: str, **style) -> None:
    """Means over seeds with standard errors."""
    sizes = sorted({int(row["n"]) for row in rows})
    values = [np.asarray([row[name] for row in rows if row["n"] == size]) for size in sizes]
    errors = [runs.std(ddof=1) / np.sqrt(len(runs)) if len(runs) > 1 else 0.0 for runs in values]
    ax.errorbar(sizes, [runs.mean() for runs in values], errors, label=label, linewidth=1.6, **style)


def table(rows: list[dict]) -> str:
    """AUROC of r, u1 and u2, averaged, and of s, for each number of samples and of classes; means over seeds."""

    def auroc(num_classes: int, size: int, parts: str) -> str:
        own = [row for row in rows if (float(row["K"]), float(row["n"])) == (num_classes, size)]
        return f"{np.mean([float(row[f'auroc {part}']) for row in own for part in parts.split()]):.2f}"

    header = ["n", *(f"{part}, K={num_classes}" for num_classes in CLASSES for part in ("r u1 u2", "s"))]
    cells = [[str(n), *(auroc(k, n, parts) for k in CLASSES for parts in ("R U1 U2", "S"))] for n in SIZES]
    return markdown(header, cells)


def main() -> None:
    arguments = table_parser(__doc__).parse_args()
    path = arguments.out / "learning_curve.csv"
    if arguments.read:
        print(table(read_rows(path)))
        return
    rows = []
    for num_classes in CLASSES:
        for num_samples in SIZES:
            rows += [run_once(num_classes, num_samples, seed) for seed in range(arguments.num_seeds)]
            group = rows[-arguments.num_seeds :]
            means = {name: np.mean([row[name] for row in group]) for name in group[0]}
            print(" ".join(f"{name} {value:.4g}" for name, value in means.items() if name != "seed"), flush=True)
            jax.clear_caches()  # every size has its own programs, and Linux allows a process so many memory maps only
    write_rows(path, [{name: f"{value:.5g}" for name, value in row.items()} for row in rows])
    draw(rows, arguments.out / "learning_curve.png")
    print(table(rows))


if __name__ == "__main__":
    main()
