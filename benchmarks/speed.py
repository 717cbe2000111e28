"""How fast, and in how much memory? Times of compilation, first calls and warm calls; ratios within one run.

    python benchmarks/speed.py [--studies pipeline,fresh,...] [--device cpu|gpu] [--large] [--out docs/results] [--read]
    python benchmarks/speed.py --dry-run [--device gpu]

Each study runs in a separate process, so that its peak memory can be measured. Prints one line per measurement, writes
`speed.csv`, and prints the tables of docs/speed.md; with --read, only prints those of the CSV file. A dry run goes
through all studies with few rows on the CPU and writes nothing. Seconds against the number of classes are in Table 5 of
the paper's studies (`examples/paper/cost.py`).
"""

import argparse
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
from accuracy import PUBLISHED, PUBLISHED_SECONDS, TASKS
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from tables import bold, markdown, read_rows, write_rows

import lsmi_jax
from lsmi_jax import datasets
from lsmi_jax.applications import probe_layers
from lsmi_jax.estimation import assemble, fit_stacked, folds_of, rows_to_fit
from lsmi_jax.estimation._programs import fit_discriminators
from lsmi_jax.estimation._rows_to_fit import taken
from lsmi_jax.estimation._splits import inner_splits_of
from lsmi_jax.inputs import mesh_of, pack, views
from lsmi_jax.models import fit_stack
from lsmi_jax.union import fit_potentials

Figures = dict[str, float]
DRY_RUN = "LSMI_SPEED_DRY_RUN" in os.environ  # reaches the processes of the studies


def rows(count: int) -> int:
    """A number of rows, or few of them in a dry run."""
    return max(1010, count // 1000) if DRY_RUN else count


NUM_SAMPLES, NUM_COLUMNS, NUM_CLASSES = rows(5000), 10, 10  # for the pipeline studies
LARGE_ROWS = 16 * rows(6250)  # for arrays over many devices
REFIT_EVERY = 32  # batches, the default of a tracker


def data(num_samples: int, num_columns: int, num_classes: int) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Two noisy views of a class, made by NumPy so that nothing is compiled."""
    rng = np.random.default_rng(0)
    labels = np.arange(num_samples) % num_classes
    centers = rng.normal(size=(num_classes, num_columns)).astype(np.float32)
    views = [centers[labels] + rng.normal(size=(num_samples, num_columns)).astype(np.float32) for _ in range(2)]
    return (views[0], views[1]), labels


def fit_and_score(key: jax.Array, features: tuple[np.ndarray, np.ndarray], labels: np.ndarray) -> lsmi_jax.Estimate:
    """Fits on 80% of the rows and scores the rest."""
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


def compilations() -> dict[str, list[float]]:
    """Seconds of what JAX does before it runs a program, by kind; grows as programs are compiled."""
    kinds: dict[str, list[float]] = {"jaxpr_trace": [], "jaxpr_to_mlir_module": [], "backend_compile": []}

    def note(event: str, duration_secs: float, **of_event: str | int) -> None:
        name = event.rsplit("/", 1)[-1].removesuffix("_duration")
        if name in kinds:
            kinds[name].append(duration_secs)

    jax.monitoring.register_event_duration_secs_listener(note)
    return kinds


def pipeline() -> Figures:
    """Both workflows of a user, and the number of compilations for new data of the same shape."""
    features, labels = data(NUM_SAMPLES, NUM_COLUMNS, NUM_CLASSES)
    compiled = compilations()["backend_compile"]
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
    features, labels = data(rows(num_samples), 64, 10)
    first, warm = seconds(fit_and_score, jax.random.key(0), features, labels, repeats=1)
    return {"first s": first, "warm s": warm, "warm microseconds a sample": 1e6 * warm / len(labels)}


def scikit_learn() -> Figures:
    """Three logistic regressions and three networks of scikit-learn with five folds, beside `estimate`.

    Information is that of held-out rows in nats: the more of it, the lower the cross-entropy. That of scikit-learn is
    of the better of the two models in each view.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    models = LogisticRegression(max_iter=1000), MLPClassifier(early_stopping=True, max_iter=500, random_state=0)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)

    def theirs(features: tuple[np.ndarray, ...], labels: np.ndarray) -> list[float]:
        log_prior, found = np.log(np.bincount(labels) / len(labels)), []
        for view in (*features, np.hstack(features)):
            scaled = [make_pipeline(StandardScaler(), model) for model in models]
            chances = [cross_val_predict(model, view, labels, cv=folds, method="predict_proba") for model in scaled]
            log_posteriors = np.log(np.clip(chances, 1e-12, None))[:, np.arange(len(labels)), labels]
            found.append(float((log_posteriors - log_prior[labels]).mean(1).max()))
        return found

    preset = jax.device_get(datasets.preset(jax.random.key(1), NUM_SAMPLES, num_classes=4))
    sets = {"mixture": data(NUM_SAMPLES, NUM_COLUMNS, NUM_CLASSES), "preset": (preset.features, preset.labels)}
    figures: Figures = {}
    for name, (features, labels) in sets.items():
        first, warm = seconds(lsmi_jax.estimate, jax.random.key(0), features, labels, repeats=2)
        start = time.perf_counter()
        other = theirs(features, labels)
        figures |= {f"{name}: scikit-learn s": time.perf_counter() - start, f"{name}: estimate first s": first}
        figures |= {f"{name}: estimate warm s": warm}
        figures[f"{name}: scikit-learn / estimate warm"] = figures[f"{name}: scikit-learn s"] / warm
        ours = lsmi_jax.estimate(jax.random.key(0), features, labels).information
        for view, i, reference in zip(("x1", "x2", "both"), ours, other, strict=True):
            figures |= {f"{name}: information of {view}": float(i.mean()), f"{name}: scikit-learn's {view}": reference}
    return figures


def published() -> Figures:
    """Fit on 80% and score the rest on the tasks for which the published code was run."""
    figures: Figures = {}
    for name in PUBLISHED:
        task = dict(TASKS)[name](jax.random.key(0))
        features, labels = jax.device_get((task.features, task.labels))
        cut = slice(rows(len(labels)))
        arguments = jax.random.key(0), tuple(x[cut] for x in features), labels[cut]
        first, warm = seconds(fit_and_score, *arguments, repeats=1)
        figures |= {f"{name} first s": first, f"{name} warm s": warm}
    return figures


def small_wide() -> Figures:
    """922 rows of 768 and 39 columns, two classes: where the time of a fresh process goes, import included."""
    kinds = compilations()
    rng = np.random.default_rng(0)
    labels = np.arange(922) % 2
    features = tuple(rng.normal(size=(len(labels), d)).astype(np.float32) + 0.1 * labels[:, None] for d in (768, 39))
    start = time.perf_counter()
    jax.block_until_ready(lsmi_jax.estimate(jax.random.key(0), features, labels))
    first, processor = time.perf_counter() - start, time.process_time()
    figures = {"first s": first, "processor s": processor}
    figures |= {f"{name} s": sum(durations) for name, durations in kinds.items()}
    figures["programs"] = len(kinds["backend_compile"])
    before = time.process_time()
    _, warm = seconds(lsmi_jax.estimate, jax.random.key(1), features, labels, repeats=1)
    figures |= {"warm s": warm, "warm processor s": (time.process_time() - before) / 2}
    figures["compiled again"] = len(kinds["backend_compile"]) - figures["programs"]
    return figures


def union() -> Figures:
    """Potentials of one pair, and the stack of its three views, against the number of classes; 5000 rows."""
    figures: Figures = {}
    fits = (
        jax.jit(lambda posteriors, log_prior: fit_potentials(jax.random.key(0), posteriors, log_prior)),
        jax.jit(fit_stack),
    )
    for num_classes in (10, 100, 1000):
        log_prior = jnp.full(num_classes, -jnp.log(num_classes))
        labels = jnp.arange(NUM_SAMPLES) % num_classes
        noise = jax.random.normal(jax.random.key(0), (3, NUM_SAMPLES, num_classes))
        views = tuple(jax.nn.log_softmax(2 * noise + 4 * jax.nn.one_hot(labels, num_classes)))
        first, warm = seconds(fits[0], views[:2], log_prior, repeats=1)
        figures |= {f"potentials, K={num_classes} first s": first, f"potentials, K={num_classes} warm s": warm}
        if num_classes <= 100:
            parts = [view[None] for view in views]
            first, warm = seconds(fits[1], *parts[::-1], labels[None], log_prior, repeats=1)
            figures |= {f"stack, K={num_classes} first s": first, f"stack, K={num_classes} warm s": warm}
    return figures


def layers() -> Figures:
    """`probe_layers` of one layer, and of four layers of the same width."""
    kinds = compilations()
    features, labels = data(NUM_SAMPLES, 32, NUM_CLASSES)
    rng = np.random.default_rng(0)
    figures: Figures = {}
    for count in (1, 4):
        activations: dict[str, tuple] = {}
        depth: tuple = features
        for number in range(count):
            depth = tuple(np.tanh(x @ rng.normal(size=(32, 32)).astype(np.float32) / 4) for x in depth)
            activations[f"layer {number + 1}"] = depth
        before = len(kinds["backend_compile"])
        first, warm = seconds(probe_layers, jax.random.key(0), activations, labels, repeats=1)
        figures |= {f"{count} first s": first, f"{count} warm s": warm}
        figures[f"{count} programs"] = len(kinds["backend_compile"]) - before
    return figures


def bytes_of_fit(num_devices: int, num_samples: int, num_columns: int, num_classes: int) -> int:
    """Working memory of each device in the program that takes most: the fit on both modalities, of five folds."""
    blocks = [np.zeros((num_samples, num_columns), np.float32)] * 2
    packed = pack(blocks, np.arange(num_samples) % num_classes)
    folds = folds_of(jax.random.key(0), packed, 5, 1)
    keys = jax.random.split(jax.random.key(1), 1)
    splits = inner_splits_of(keys, packed, folds.train, None)
    mesh = Mesh(np.array(jax.devices()[:num_devices]), ("data",))
    parts = (keys, (views(packed.features)[2], packed.labels, None), (folds.train, splits, None))
    parts = jax.device_put(parts, NamedSharding(mesh, PartitionSpec()))
    lowered = fit_discriminators.lower(*parts, num_classes, mesh_of(jax.tree.leaves(parts)))
    analysis: Any = lowered.compile().memory_analysis()
    return analysis.temp_size_in_bytes


def bytes_of_large(num_devices: int, num_samples: int, num_columns: int, num_classes: int) -> int:
    """Memory of each device, arrays included, in the largest program on all rows of `estimate` with `max_rows`."""
    features, labels = data(num_samples, num_columns, num_classes)
    if num_devices > 1:
        mesh = Mesh(np.array(jax.devices()[:num_devices]), ("data",))
        features, labels = jax.device_put((features, labels), NamedSharding(mesh, PartitionSpec("data")))
    packed = pack(features, labels)
    folds = folds_of(jax.random.key(0), packed, 5, 1)
    to_fit = rows_to_fit(jax.random.key(0), packed, folds, 400)
    redundancy = lsmi_jax.MinimumInformation()
    estimators = fit_stacked(jax.random.key(1), to_fit.data, to_fit.rows, redundancy)
    draw = partial(taken.lower, packed, np.zeros(500, np.int32), packed.mesh)
    score = partial(assemble.lower, estimators, packed, folds.left_out, redundancy, packed.mesh)
    analyses: list[Any] = [lower().compile().memory_analysis() for lower in (draw, score)]
    return max(one.argument_size_in_bytes + one.temp_size_in_bytes + one.output_size_in_bytes for one in analyses)


def devices() -> Figures:
    """Memory of a device as five fits, or the rows, spread over more of them; a CPU plays eight devices."""
    jax.config.update("jax_num_cpu_devices", 8)
    figures = {}
    for count in (count for count in (1, 2, 5, 8) if count <= jax.device_count()):
        figures[f"{count} devices, MiB each"] = bytes_of_fit(count, rows(8000), 64, NUM_CLASSES) / 2**20
    for count in (count for count in (1, 2, 4, 8) if count <= jax.device_count()):
        of_rows = bytes_of_large(count, LARGE_ROWS, 64, NUM_CLASSES)
        figures[f"max_rows, {count} devices, MiB each"] = of_rows / 2**20
    return figures


def wide() -> Figures:
    """1024 columns, 20000 samples."""
    features, labels = data(rows(20_000), 1024, 10)
    first, warm = seconds(fit_and_score, jax.random.key(0), features, labels, repeats=1)
    return {"first s": first, "warm s": warm}


def decomposition() -> Figures:
    """`decompose` on 1e7 samples, and a copy of as many bytes: five arrays read and four written."""
    size = rows(10**7)
    inputs = tuple(jnp.asarray(x) for x in np.random.default_rng(0).normal(size=(5, size)).astype(np.float32))
    copied = jnp.concatenate(inputs)[: 9 * size // 2]
    rates = {}
    for name, function, arguments in (
        ("decompose GB/s", jax.jit(lambda *x: lsmi_jax.decompose(*x)), inputs),
        ("copy GB/s", jax.jit(lambda x: x + 1), (copied,)),
    ):
        _, warm = seconds(function, *arguments, repeats=10)
        rates[name] = 9 * 4 * size / warm / 1e9
    rates["ratio"] = rates["decompose GB/s"] / rates["copy GB/s"]
    return rates


def knife() -> Figures:
    """`Knife.log_prob` with full covariance, d=256, 16 components, 1e5 rows, and matrix products of its shape."""
    num_rows, num_columns, num_components = 20 * rows(5000), 256, 16
    points = jnp.asarray(np.random.default_rng(0).normal(size=(num_rows, num_columns)).astype(np.float32))
    model = lsmi_jax.Knife(jax.random.key(0), points[:1000], num_components=num_components, covariance="full")
    weights = jnp.ones((num_columns, num_components * num_columns))
    operations = 2 * num_rows * num_columns**2 * num_components
    _, ours = seconds(jax.jit(lambda model, x: model.log_prob(x)), model, points)
    # Chunks of rows, and each product is summed so that it is not written to memory.
    product = jax.jit(
        lambda points, weights: jax.lax.map(lambda x: (x @ weights).sum(1), points.reshape(20, -1, num_columns))
    )
    _, theirs = seconds(product, points, weights)
    return {
        "log_prob Gflop/s": operations / ours / 1e9,
        "product Gflop/s": operations / theirs / 1e9,
        "ratio": theirs / ours,
    }


def tracker() -> Figures:
    """A training step of a two-branch network with ten million parameters, batch 1024, with and without a tracker."""
    num_rows, width = rows(1024), 160 if DRY_RUN else 1600
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

    def steps(tracked: lsmi_jax.Tracker | None) -> float:
        """Seconds of a step, over as many as lie between two fits of the potentials."""
        start = time.perf_counter()
        for _ in range(REFIT_EVERY):
            tracked = jax.block_until_ready(compiled(params, state, tracked))[2]
        return (time.perf_counter() - start) / REFIT_EVERY

    for _ in range(REFIT_EVERY):  # in the beginning, potentials are fitted more often
        new = compiled(params, state, new)[2]
    steps(None)
    plain, tracked = [], []  # in turns, so that both run under the same load
    for _ in range(3):
        plain.append(steps(None))
        tracked.append(steps(new))
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
    "scikit-learn": scikit_learn,
    "published": published,
    "small and wide": small_wide,
    "union": union,
    "layers": layers,
    "devices": devices,
    "wide": wide,
    "decomposition": decomposition,
    "knife": knife,
    "tracker": tracker,
}
LARGE = ("samples 1e6",)  # takes minutes and gigabytes: run with --large only


def in_own_process(name: str, device: str) -> Figures:
    environment = {**os.environ, "JAX_PLATFORMS": "cuda" if device == "gpu" and not DRY_RUN else "cpu"}
    command = [sys.executable, __file__, "--only", name]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    return json.loads(output.splitlines()[-1])


CALLS = (  # lines of a table: what is called, its study, and how the names of its figures begin
    ("fit on 80% of 5000 rows, score the rest", "pipeline", "80/20 "),
    ("5-fold `estimate` of 5000 rows", "pipeline", "5-fold "),
    ("fit and score, n = 10^4, d = 64", "samples 1e4", ""),
    ("fit and score, n = 10^5, d = 64", "samples 1e5", ""),
    ("fit and score, n = 10^6, d = 64", "samples 1e6", ""),
    ("fit and score, n = 20000, d = 1024", "wide", ""),
    ("5-fold `estimate`, n = 922, d = 768 and 39, K = 2", "small and wide", ""),
    ("`probe_layers`, one layer of width 32", "layers", "1 "),
    ("`probe_layers`, four layers of width 32", "layers", "4 "),
    *((f"union information of 5000 rows, K = {k}", "union", f"potentials, K={k} ") for k in (10, 100, 1000)),
    *((f"stack of three views of 5000 rows, K = {k}", "union", f"stack, K={k} ") for k in (10, 100)),
)
CACHES = "no cache", "filling the cache", "cache filled"


def values_of(rows: list[dict], study: str) -> dict[str, float]:
    """The figures of a study."""
    return {row["figure"]: float(row["value"]) for row in rows if row["study"] == study}


def tables(rows: list[dict]) -> str:
    """The tables of docs/speed.md: calls within a process, and from its start."""
    lines = []
    for text, study, start in CALLS:
        found = values_of(rows, study)
        if not found:  # not run
            continue
        times = (f"{found[f'{start}{kind} s']:.1f}" for kind in ("first", "warm"))
        lines.append([text, *times, f"{found['peak memory GiB']:.1f}"])
    fresh_lines = []
    for text, start in (("fit on 80%, score the rest", "80/20"), ("5-fold `estimate`", "5-fold")):
        found = values_of(rows, "fresh")
        fresh_lines.append([text, *(f"{found[f'{start}, {cache} s']:.1f}" for cache in CACHES)])
    calls = markdown(["", "first call, s", "warm, s", "peak memory, GiB"], lines)
    return f"{calls}\n\n{markdown(['from a fresh process, s', *CACHES], fresh_lines)}"


def comparison(rows: list[dict]) -> str:
    """The table of docs/speed.md beside scikit-learn."""
    found, lines = values_of(rows, "scikit-learn"), []
    for name, text in (("mixture", f"mixture, K = {NUM_CLASSES}"), ("preset", "preset, K = 4")):
        times = [found[f"{name}: {method} s"] for method in ("scikit-learn", "estimate warm")]
        lines.append([text, "seconds, warm", *bold(times, min, 1)])
        for view in ("x1", "x2", "both"):
            information = [found[f"{name}: scikit-learn's {view}"], found[f"{name}: information of {view}"]]
            lines.append([text, f"information of {view}", *bold(information, max)])
    return markdown(["data", "", "scikit-learn", "`estimate`"], lines)


def beside_published(rows: list[dict]) -> str:
    """The sentences of docs/speed.md about the published code."""
    found = values_of(rows, "published")
    spans = []
    for kind in ("first", "warm"):
        times = [value for name, value in found.items() if name.endswith(f"{kind} s")]
        spans.append(f"{min(times):.0f} to {max(times):.0f} s")
    low, high = PUBLISHED_SECONDS
    return (
        f"On the {len(PUBLISHED)} tasks of [Choosing options](choosing.md) for which the published code was run, "
        f"fitting on 80% and scoring the rest takes {spans[0]} in the first call and {spans[1]} warm. The published "
        f"code took {low} to {high} s, on two cores of another machine."
    )


def duration(rows: list[dict]) -> str:
    """The sentence of docs/faq.md about time."""
    found = values_of(rows, "pipeline")
    return (
        f"For 5000 rows of 10 columns and ten classes, five folds take {found['5-fold first s']:.0f} s in the first "
        f"call, most of it spent compiling, and {found['5-fold warm s']:.0f} s after that, on two cores"
    )


def sentences(rows: list[dict]) -> str:
    """The sentences of docs/speed.md about the other studies."""
    small, steps = values_of(rows, "small and wide"), values_of(rows, "tracker")
    again = values_of(rows, "pipeline")["compiled again"] + small["compiled again"]
    return (
        f"With 922 rows, {small['backend_compile s']:.1f} s of the {small['first s']:.1f} s of the first call are "
        f"compiling. A process takes {small['processor s']:.0f} s of processor time from its start, and a warm call "
        f"{small['warm processor s']:.0f} s. For other data of the same shape, "
        f"{f'{again:.0f} programs are' if again else 'nothing is'} compiled again. `decompose` runs at "
        f"{values_of(rows, 'decomposition')['ratio']:.2f} of the rate of copying the same number of bytes, and "
        f"`Knife.log_prob` with full covariance and d = 256 at {values_of(rows, 'knife')['ratio']:.2f} of the rate of "
        f"a matrix product. A training step of a network with ten million parameters at batch size 1024 takes "
        f"{steps['plain s']:.3f} s without a tracker, and {steps['tracked s']:.3f} s with one, on average over the "
        f"{REFIT_EVERY} steps between two fits of its potentials."
    )


def memory_of_fits(rows: list[dict]) -> str:
    """The sentence of docs/scaling.md about models that are fitted on different devices."""
    found = values_of(rows, "devices")
    one, *more = (found[f"{count} devices, MiB each"] for count in (1, 2, 5, 8))
    return (
        f"With 8000 rows, two blocks of 64 columns, ten classes and five folds, the largest program takes {one:.0f} "
        "MiB on one device, {:.0f} on each of two, {:.0f} on each of five and {:.0f} on each of eight".format(*more)
    )


def memory_of_rows(rows: list[dict]) -> str:
    """The sentence of docs/scaling.md about rows that are held by different devices."""
    found = values_of(rows, "devices")
    one, *more = (found[f"max_rows, {count} devices, MiB each"] for count in (1, 2, 4, 8))
    return (
        f"With {LARGE_ROWS:,} such rows and `max_rows=400`, the largest program, including its arrays, takes {one:.0f} "
        "MiB on one device, {:.0f} on each of two, {:.0f} on each of four and {:.0f} on each of eight".format(*more)
    )


def save(rows: list[dict], folder: Path) -> list[dict]:
    """Writes the figures to `speed.csv`, keeps those of studies that were not run this time, and returns all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "speed.csv"
    before = read_rows(path) if path.exists() else []
    new = {row["study"] for row in rows}
    rows = [row for row in before if row["study"] not in new] + rows
    write_rows(path, rows)
    return rows


def show(rows: list[dict]) -> None:
    """Prints those parts of docs/speed.md whose studies were run."""
    known = {row["study"] for row in rows}
    for part, needed in (
        (tables, {"pipeline", "fresh"}),
        (comparison, {"scikit-learn"}),
        (beside_published, {"published"}),
        (duration, {"pipeline"}),
        (memory_of_fits, {"devices"}),
        (memory_of_rows, {"devices"}),
        (sentences, {"pipeline", "small and wide", "decomposition", "knife", "tracker"}),
    ):
        if needed <= known:
            print(part(rows), end="\n\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--studies", default="", help="run only studies whose name contains one of these, comma-separated"
    )
    parser.add_argument("--device", default="cpu", choices=("cpu", "gpu"))
    parser.add_argument("--large", action="store_true", help="also run the studies that take minutes and gigabytes")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--read", action="store_true", help="only print the tables of the CSV file that is there")
    parser.add_argument("--dry-run", action="store_true", help="all studies with few rows on the CPU; writes nothing")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.dry_run and not DRY_RUN:
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "LSMI_SPEED_DRY_RUN": "1"})
    if arguments.only:
        figures = STUDIES[arguments.only]()
        of_device = jax.devices()[0].memory_stats() or {}  # none on CPUs
        peak = of_device.get("peak_bytes_in_use", 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        print(json.dumps(figures | {"peak memory GiB": peak / 2**30}))
        return
    if arguments.read:
        show(read_rows(arguments.out / "speed.csv"))
        return
    wanted = [part for part in arguments.studies.split(",") if part]
    every: list[dict] = []
    for name in STUDIES:
        left_out = name in LARGE and not (arguments.large or DRY_RUN)
        if left_out or (wanted and not any(part in name for part in wanted)):
            continue
        figures = in_own_process(name, arguments.device)
        for figure, value in figures.items():
            print(f"{name:14s} {figure:28s} {value:10.3f}", flush=True)
        if not DRY_RUN:  # after every study, so that an interrupted run keeps its rows
            measured = [
                {"study": name, "figure": figure, "value": round(value, 5)} for figure, value in figures.items()
            ]
            every = save(measured, arguments.out)
    show(every)


if __name__ == "__main__":
    main()
