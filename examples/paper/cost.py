"""Table 5: seconds against the number of classes.

    python examples/paper/cost.py [--data FOLDER] [--num-seeds 10] [--read]

A mixture of Gaussians with 2, 6, 31 and 101 classes, with the same number of rows and columns, and real data with 2, 6
and 10 classes. The first call includes compilation; more calls follow with other keys. *Logits given* leaves out the
discriminators: it is the union information alone. PID-Batch is called once for each number of classes up to 31.
"""

import csv
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import numpy as np
from data import Dataset, cremad, parser, twitter, wikipedia
from results import Claim, half_width, picture, table, with_error, write

import lsmi_jax
from lsmi_jax.baselines import pid_batch

CLASSES = 2, 6, 31, 101
MAX_BATCH_CLASSES = 31
NUM_ROWS, NUM_COLUMNS = 5050, 32
NUM_WARM = 5  # calls at most, to save time
GIVEN = "LSMI, logits given"
TICKS = 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500


def mixture(num_classes: int) -> Dataset:
    """Two noisy views of a class."""
    rng = np.random.default_rng(0)
    labels = np.arange(NUM_ROWS) % num_classes
    centers = rng.normal(size=(num_classes, NUM_COLUMNS))
    views = ((centers[labels] + rng.normal(size=(NUM_ROWS, NUM_COLUMNS))).astype(np.float32) for _ in range(2))
    names = tuple(map(str, range(num_classes)))
    return Dataset("mixture", ("x1", "x2"), tuple(views), labels, names, np.zeros(NUM_ROWS, int))


def logits_of(dataset: Dataset) -> list[np.ndarray]:
    """Logits of both views and the joint by the distance to the means of the classes."""
    members = np.eye(len(dataset.classes), dtype=np.float32)[dataset.labels]
    means = [members.T @ block / members.sum(0)[:, None] for block in dataset.features]
    first, second = (x @ m.T - (m**2).sum(1) / 2 for x, m in zip(dataset.features, means, strict=True))
    return [first, second, first + second]


def seconds(method: Callable, dataset: Dataset, seed: int) -> float:
    start = time.perf_counter()
    jax.block_until_ready(method(jax.random.key(seed), dataset.features, dataset.labels))
    return time.perf_counter() - start


def timed(dataset: Dataset, name: str, method: Callable, num_warm: int) -> list[dict]:
    """The first call, which compiles, and some more calls."""
    about = {"data": dataset.name, "n": len(dataset.labels), "K": len(dataset.classes), "method": name}
    calls = range(1 + num_warm)
    return [about | {"seed": s, "warm": s > 0, "seconds": round(seconds(method, dataset, s), 2)} for s in calls]


def of(runs: list[dict], **which: object) -> list[float]:
    return [run["seconds"] for run in runs if all(run[name] == value for name, value in which.items())]


def draw(runs: list[dict], path: Path) -> None:
    with picture(path, 1, 1, 4.2) as axes:
        ax = axes[0, 0]
        for method, warm, color, line in (
            ("LSMI", True, "#0072B2", "-"),
            ("LSMI", False, "#0072B2", "--"),
            (GIVEN, True, "#009E73", "-"),
            ("PID-Batch", False, "#D55E00", "--"),
        ):
            times = {k: of(runs, data="mixture", K=k, method=method, warm=warm) for k in CLASSES}
            classes = [k for k in CLASSES if times[k]]
            values = [np.mean(times[k]) for k in classes]
            errors = [half_width(np.array(times[k])) for k in classes]
            label = f"{method}, {'warm' if warm else 'first call, with compilation'}"
            ax.errorbar(classes, values, errors, color=color, linestyle=line, marker="o", label=label)
        ax.set(xscale="log", yscale="log", xlabel="classes K", ylabel=f"seconds, n = {NUM_ROWS}, d = {NUM_COLUMNS}")
        ax.set_xticks(CLASSES, [str(k) for k in CLASSES])
        low, high = ax.get_ylim()
        ticks = [tick for tick in TICKS if low <= tick <= high]
        ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
        ax.legend()


def read(path: Path) -> list[dict]:
    """The runs of a CSV file that an earlier call wrote."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    numbers: dict[str, Callable] = {
        "n": int,
        "K": int,
        "seed": int,
        "seconds": float,
        "warm": lambda text: text == "True",
    }
    return [{name: numbers.get(name, str)(value) for name, value in row.items()} for row in rows]


def measured(folder: Path, num_warm: int) -> list[dict]:
    """Times of all methods on all sets."""
    sets = [*map(mixture, CLASSES), *(load(folder) for load in (twitter, cremad, wikipedia))]
    runs = [run for dataset in sets for run in timed(dataset, "LSMI", lsmi_jax.estimate, num_warm)]
    for dataset in sets[: len(CLASSES)]:
        runs += timed(dataset, GIVEN, partial(lsmi_jax.estimate, logits=logits_of(dataset)), num_warm)
        if len(dataset.classes) <= MAX_BATCH_CLASSES:
            runs += timed(dataset, "PID-Batch", pid_batch, 0)
    return runs


def first_calls(runs: list[dict]) -> str:
    """First calls of LSMI beside those of PID-Batch, which the paper reports as slower."""
    both = {
        k: [of(runs, data="mixture", K=k, method=name, warm=False)[0] for name in ("LSMI", "PID-Batch")]
        for k in CLASSES
        if k <= MAX_BATCH_CLASSES
    }
    ratios = ", ".join(f"{other / own:.2f} with {k}" for k, (own, other) in both.items())
    return (
        f"In a first call, which includes compilation, PID-Batch takes this many times as long as LSMI: {ratios} "
        "classes (one call each). The paper reports PID-Batch as slower for every number of classes."
    )


def main() -> None:
    own = parser(__doc__)
    own.add_argument("--read", action="store_true", help="only write the page of the CSV file that is there")
    arguments = own.parse_args()
    num_warm = min(arguments.num_seeds, NUM_WARM)
    runs = read(arguments.out / "paper_cost.csv") if arguments.read else measured(arguments.data, num_warm)
    draw(runs, arguments.out / "paper_cost.png")
    kinds = dict.fromkeys((run["data"], run["n"], run["K"], run["method"]) for run in runs)
    rows = []
    for data, n, k, method in kinds:
        times = (of(runs, data=data, K=k, method=method, warm=warm) for warm in (False, True))
        rows.append([data, n, k, method, *(with_error(some, 1) if some else "not run" for some in times)])
    few, many = (np.array(of(runs, data="mixture", K=k, method="LSMI", warm=True)) for k in (CLASSES[0], CLASSES[-1]))
    union = [np.mean(of(runs, data="mixture", K=k, method=GIVEN, warm=True)) for k in (CLASSES[0], CLASSES[-1])]
    reason = (
        f"every class has its own logits: discriminators go from {few.mean() - union[0]:.1f} to "
        f"{many.mean() - union[1]:.1f} seconds, the union information from {union[0]:.1f} to {union[1]:.1f}"
    )
    batch = [of(runs, data="mixture", K=k, method="PID-Batch")[0] for k in CLASSES if k <= MAX_BATCH_CLASSES]
    text = f"{CLASSES[-1]} classes take less than twice as long as {CLASSES[0]} (two minus the ratio, warm)"
    claims = [Claim(text, "mixture", 2 - many / few, "times", reason, digits=2)]
    write(
        arguments.out,
        "paper_cost",
        "Table 5: cost against the number of classes",
        runs,
        claims,
        f"{CLASSES[-1]} classes take {many.mean() / few.mean():.2f} times as long as {CLASSES[0]} (warm). PID-Batch "
        f"takes {batch[-1] / batch[0]:.1f} times as long with {MAX_BATCH_CLASSES} classes as with {CLASSES[0]}.",
        first_calls(runs),
        f"Seconds of `estimate` with five folds; warm is the mean of {num_warm} calls, with the standard "
        "error in parentheses.",
        table(["data", "n", "K", "method", "with compilation", "warm"], rows),
        picture=True,
    )


if __name__ == "__main__":
    main()
