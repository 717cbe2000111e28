"""How fast, and in how much memory? Times of compilation, first calls and warm calls; ratios within one run.

    python benchmarks/speed.py [--studies pipeline,fresh,...] [--device cpu|gpu] [--large] [--out docs/results]

Each study runs in a separate process, so that its peak memory can be measured. Prints one line per measurement and
writes `speed.csv` and `classes.png`, which shows seconds against the number of classes, with PID-Batch for comparison.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import lsmi_jax
from lsmi_jax.baselines import pid_batch

Figures = dict[str, float]
NUM_SAMPLES, NUM_COLUMNS, NUM_CLASSES = 5000, 10, 10  # for the pipeline studies


def data(num_samples: int, num_columns: int, num_classes: int) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Two noisy views of a class, made by NumPy so that nothing is compiled."""
    rng = np.random.default_rng(0)
    labels = np.arange(num_samples) % num_classes
    centers = rng.normal(size=(num_classes, num_columns)).astype(np.float32)
    views = [centers[labels] + rng.normal(size=(num_samples, num_columns)).astype(np.float32) for _ in range(2)]
    return (views[0], views[1]), labels


def fit_and_score(key: jax.Array, features: tuple[np.ndarray, np.ndarray], labels: np.ndarray) -> lsmi_jax.Estimate:
    """Fits on 80 % of the rows and scores the rest."""
    cut = len(labels) * 4 // 5
    estimator = lsmi_jax.fit_estimator(key, tuple(x[:cut] for x in features), labels[:cut])
    return lsmi_jax.score(estimator, tuple(x[cut:] for x in features), labels[cut:])


def seconds(function: Callable, *arguments: object, repeats: int = 3) -> tuple[float, float]:
    """Seconds of the first call, including compilation, and of the fastest of some more calls."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        times.append(time.perf_counter() - start)
    return times[0], min(times[1:] or times)


def pipeline() -> Figures:
    """Both workflows of a user, and the number of compilations for new data of the same shape."""
    features, labels = data(NUM_SAMPLES, NUM_COLUMNS, NUM_CLASSES)
    compiled: list[str] = []

    def note(event: str, duration_secs: float, **of_event: str | int) -> None:
        if event.endswith("backend_compile_duration"):
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(note)
    first, warm = seconds(fit_and_score, jax.random.key(0), features, labels)
    first_cv, warm_cv = seconds(lsmi_jax.estimate, jax.random.key(0), features, labels)
    compiled.clear()
    rng = np.random.default_rng(1)
    order = rng.permutation(NUM_SAMPLES)
    shuffled = (features[0][order], 2 * features[1][order])
    jax.block_until_ready(fit_and_score(jax.random.key(1), shuffled, labels[order]))
    jax.block_until_ready(lsmi_jax.estimate(jax.random.key(1), shuffled, labels[order]))
    return {
        "80/20 first s": first,
        "80/20 warm s": warm,
        "5-fold first s": first_cv,
        "5-fold warm s": warm_cv,
        "compiled again": len(compiled),
    }


FRESH = """
import sys; sys.path.insert(0, {folder!r})
import jax, speed
if {cache!r}:
    jax.config.update("jax_compilation_cache_dir", {cache!r})
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
features, labels = speed.data(speed.NUM_SAMPLES, speed.NUM_COLUMNS, speed.NUM_CLASSES)
jax.block_until_ready({call})
"""


def fresh() -> Figures:
    """Seconds from the start of a process to the result: import, compilation and run."""
    calls = {
        "80/20": "speed.fit_and_score(jax.random.key(0), features, labels)",
        "5-fold": "speed.lsmi_jax.estimate(jax.random.key(0), features, labels)",
    }
    figures = {}
    for name, call in calls.items():
        with tempfile.TemporaryDirectory() as cache:
            for kind, folder in (("no cache", ""), ("filling the cache", cache), ("cache filled", cache)):
                program = FRESH.format(folder=str(Path(__file__).parent), cache=folder, call=call)
                start = time.perf_counter()
                subprocess.run([sys.executable, "-c", program], check=True)
                figures[f"{name}, {kind} s"] = time.perf_counter() - start
    return figures


def samples(num_samples: int) -> Figures:
    """Cost per sample at d=64, K=10."""
    features, labels = data(num_samples, 64, 10)
    first, warm = seconds(fit_and_score, jax.random.key(0), features, labels, repeats=1)
    return {"first s": first, "warm s": warm, "warm microseconds a sample": 1e6 * warm / num_samples}


CLASSES = (2, 6, 31, 101)


def over_classes(measure: Callable) -> Figures:
    """Seconds against the number of classes, at equal n and d; `measure` takes features and labels."""
    figures = {f"K={num_classes} s": measure(*data(10_100, 32, num_classes)) for num_classes in CLASSES}
    figures["K=101 / K=2"] = figures["K=101 s"] / figures["K=2 s"]
    return figures


def classes() -> Figures:
    return over_classes(lambda *rows: seconds(fit_and_score, jax.random.key(0), *rows)[1])


def classes_by_batch() -> Figures:
    """The classes study for PID-Batch, in one call each, including compilation; takes minutes."""
    return over_classes(lambda *rows: seconds(partial(pid_batch, num_folds=2), jax.random.key(0), *rows, repeats=0)[0])


def wide() -> Figures:
    """1024 columns, 20000 samples."""
    features, labels = data(20_000, 1024, 10)
    first, _ = seconds(fit_and_score, jax.random.key(0), features, labels, repeats=1)
    return {"first s": first}


def decomposition() -> Figures:
    """`decompose` on 1e7 samples, and a copy of as many bytes: five arrays read and four written."""
    inputs = tuple(jnp.asarray(x) for x in np.random.default_rng(0).normal(size=(5, 10**7)).astype(np.float32))
    copied = jnp.concatenate(inputs)[: 9 * 10**7 // 2]
    rates = {}
    for name, function, arguments in (
        ("decompose GB/s", jax.jit(lambda *x: lsmi_jax.decompose(*x)), inputs),
        ("copy GB/s", jax.jit(lambda x: x + 1), (copied,)),
    ):
        _, warm = seconds(function, *arguments, repeats=10)
        rates[name] = 9 * 4 * 10**7 / warm / 1e9
    rates["ratio"] = rates["decompose GB/s"] / rates["copy GB/s"]
    return rates


def knife() -> Figures:
    """`Knife.log_prob` with full covariance, d=256, 16 components, 1e5 rows, and matrix products of its shape."""
    num_rows, num_columns, num_components = 100_000, 256, 16
    rows = jnp.asarray(np.random.default_rng(0).normal(size=(num_rows, num_columns)).astype(np.float32))
    model = lsmi_jax.Knife(jax.random.key(0), rows[:1000], num_components=num_components, covariance="full")
    weights = jnp.ones((num_columns, num_components * num_columns))
    operations = 2 * num_rows * num_columns**2 * num_components
    _, ours = seconds(jax.jit(lambda model, rows: model.log_prob(rows)), model, rows)
    # Chunks of rows, and each product is summed so that it is not written to memory.
    product = jax.jit(
        lambda rows, weights: jax.lax.map(lambda x: (x @ weights).sum(1), rows.reshape(-1, 5000, num_columns))
    )
    _, theirs = seconds(product, rows, weights)
    return {
        "log_prob Gflop/s": operations / ours / 1e9,
        "product Gflop/s": operations / theirs / 1e9,
        "ratio": theirs / ours,
    }


def tracker() -> Figures:
    """A training step of a two-branch network with ten million parameters, batch 1024, with and without a tracker."""
    num_rows, width = 1024, 1600
    keys = iter(jax.random.split(jax.random.key(0), 20))

    def weights(*shape: int) -> jax.Array:
        return jax.random.normal(next(keys), shape) / shape[0] ** 0.5

    branch = {"in": (512, width), "hidden": (width, width), "out": (width, 512), "head": (512, NUM_CLASSES)}
    params = {f"{name}{m}": weights(*shape) for m in (1, 2) for name, shape in branch.items()}
    params |= {"joint": weights(1024, width), "top": weights(width, NUM_CLASSES)}
    features = [weights(num_rows, 512) * num_rows**0.5 for _ in range(2)]
    labels = jnp.arange(num_rows) % NUM_CLASSES
    optimizer = optax.adam(1e-3)

    def loss(params: dict) -> tuple:
        codes = []
        for m, x in zip((1, 2), features, strict=True):
            hidden = jax.nn.relu(jax.nn.relu(x @ params[f"in{m}"]) @ params[f"hidden{m}"])
            codes.append(jax.nn.relu(hidden @ params[f"out{m}"]))
        top = jax.nn.relu(jnp.concatenate(codes, 1) @ params["joint"]) @ params["top"]
        logits = (codes[0] @ params["head1"], codes[1] @ params["head2"], top)
        losses = [optax.softmax_cross_entropy_with_integer_labels(view, labels).mean() for view in logits]
        return sum(losses), logits

    def step(params: dict, state: Any, tracked: lsmi_jax.Tracker | None) -> tuple:
        grads, logits = jax.grad(loss, has_aux=True)(params)
        updates, state = optimizer.update(grads, state, params)
        new = None if tracked is None else lsmi_jax.update_tracker(tracked, logits, labels)
        return optax.apply_updates(params, updates), state, new

    state, new = optimizer.init(params), lsmi_jax.init_tracker(jax.random.key(1), num_classes=NUM_CLASSES)
    compiled = jax.jit(step)
    plain, tracked = [], []  # in turns, so that both run under the same load
    for _ in range(8):
        plain.append(seconds(compiled, params, state, None, repeats=1)[1])
        tracked.append(seconds(compiled, params, state, new, repeats=1)[1])
    return {
        "parameters": float(sum(leaf.size for leaf in jax.tree.leaves(params))),
        "plain s": min(plain),
        "tracked s": min(tracked),
        "overhead": min(tracked) / min(plain) - 1,
    }


STUDIES: dict[str, Callable[[], Figures]] = {
    "pipeline": pipeline,
    "fresh": fresh,
    "samples 1e4": lambda: samples(10_000),
    "samples 1e5": lambda: samples(100_000),
    "samples 1e6": lambda: samples(1_000_000),
    "classes": classes,
    "pid_batch classes": classes_by_batch,
    "wide": wide,
    "decomposition": decomposition,
    "knife": knife,
    "tracker": tracker,
}
LARGE = ("samples 1e6", "pid_batch classes")  # take minutes and gigabytes: run with --large only


def in_own_process(name: str, device: str) -> Figures:
    environment = {**os.environ, "JAX_PLATFORMS": "cuda" if device == "gpu" else device}
    command = [sys.executable, __file__, "--only", name]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    return json.loads(output.splitlines()[-1])


def draw_classes(rows: list[dict], path: Path) -> None:
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    for study, label, color in (("classes", "lsmi", "#0072B2"), ("pid_batch classes", "pid_batch", "#D55E00")):
        points = {row["figure"][2:-2]: float(row["value"]) for row in rows if row["study"] == study}
        known = [(k, points[str(k)]) for k in CLASSES if str(k) in points]
        ax.plot(*zip(*known, strict=True), "o-", color=color, label=label)
    ax.set(xscale="log", yscale="log", xlabel="classes K", ylabel="seconds, n = 10100, d = 32")
    ax.set_xticks(CLASSES, [str(k) for k in CLASSES])
    ax.minorticks_off()
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    plt.savefig(path, dpi=110)


def save(rows: list[dict], folder: Path) -> list[dict]:
    """Writes the figures to `speed.csv`, keeps those of studies that were not run this time, and returns all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "speed.csv"
    before = list(csv.DictReader(path.open())) if path.exists() else []
    new = {row["study"] for row in rows}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=["study", "figure", "value"])
        writer.writeheader()
        rows = [row for row in before if row["study"] not in new] + rows
        writer.writerows(rows)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--studies", default="", help="run only studies whose name contains one of these, comma-separated"
    )
    parser.add_argument("--device", default="cpu", choices=("cpu", "gpu"))
    parser.add_argument("--large", action="store_true", help="also run the studies that take minutes and gigabytes")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--only", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        figures = STUDIES[arguments.only]()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps(figures | {"peak memory GiB": peak}))
        return
    wanted = [part for part in arguments.studies.split(",") if part]
    rows = []
    for name in STUDIES:
        if (wanted and not any(part in name for part in wanted)) or (name in LARGE and not arguments.large):
            continue
        figures = in_own_process(name, arguments.device)
        for figure, value in figures.items():
            print(f"{name:14s} {figure:28s} {value:10.3f}", flush=True)
            rows.append({"study": name, "figure": figure, "value": value})
    rows = save(rows, arguments.out)
    if all(any(row["study"] == study for row in rows) for study in ("classes", "pid_batch classes")):
        draw_classes(rows, arguments.out / "classes.png")


if __name__ == "__main__":
    main()
