"""How good are the discriminators? Out-of-fold cross-entropy of every view against scikit-learn on the same folds.

    python benchmarks/discriminators.py [--studies real,bundled,gaussian,synergy,noise] [--only mfeat,K=8]
        [--num-seeds 5] [--max-rows 5000] [--quick] [--csv FILE] [--baselines FILE] [--cached-only | --baselines-only]
        [--data FOLDER]
    python benchmarks/discriminators.py --read FILE

Views are the blocks of a data set and all pairs of blocks, with their columns concatenated. The studies:

- real: data sets in the folder given by --data or LSMI_DATA, a random subset of --max-rows rows by seed.
- bundled: data sets of scikit-learn, with their columns cut into two blocks.
- gaussian: correlated Gaussian classes with exact posterior; sizes above --max-rows are skipped.
- noise: informative columns next to columns of noise.
- synergy: preset interactions of real digits, against a logistic regression on products of the two posteriors.

The baselines are logistic regression, shrinkage discriminant analysis with a temperature, logistic regression on
Nystroem features of an RBF kernel, and the mean of three early-stopped networks; all tuned within the training rows.
With --baselines, their losses are appended to a CSV file as they are computed, and read from there the next time: for
the same set, view, seed and number of rows. --baselines-only fills that file; --cached-only fits no baseline. Run with
OMP_NUM_THREADS=1 if other programs are running.

One line per view: cross-entropy in nats; ours minus the best baseline, with the standard error of the paired
differences over rows, and a miss if it exceeds max(.01, 2 standard errors); for a pair, ours minus the best of its
parts (each block alone, and their additive fusion); the smallest pointwise information; and the calibration error of
sets with 2000 rows or more. The synergy study adds the AUROC by which three scores find the pairs that carry synergy:
gain, i12 - max(i1, i2); beyond, i12 minus the information of additive fusion; and s of the union information. --read
prints a table and the counts of a file that --csv wrote.
"""

import argparse
import csv
import itertools
import os
import re
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax
from sklearn import datasets as bundled
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import bold, markdown, read_rows, standard_error, write_rows

import lsmi_jax
from lsmi_jax import MinimumInformation, datasets
from lsmi_jax.estimation import Estimator, fit_stacked, score_rows
from lsmi_jax.inputs import Folds, in_input_order, pack, pairs_of, stratified_folds

REAL = (
    "cremad_human_votes",
    "cmu_mosei_videos922",
    "wikipedia_articles",
    "twitter_sarcasm_hfm",
    "uci_mfeat",
    "av_digits_semireal",
)
NUM_FOLDS = 5
INNER_FOLDS = 4
FEW_ROWS = 1000  # up to this many training rows, hyperparameters are chosen on all inner folds, above on the first
PENALTIES = np.logspace(-4, 2, 10)  # C of logistic regression on standardized columns
KERNEL_PENALTIES = np.logspace(-1, 4, 6)  # C of logistic regression on kernel features
WIDTHS = (0.03, 0.1, 0.3, 1.0)  # gamma, in units of the inverse total variance
TOLERANCE, PART_TOLERANCE, PRODUCTS_TOLERANCE = 0.01, 0.005, 0.02
CALIBRATION_TOLERANCE, FLOOR_TOLERANCE = 0.02, 0.5
CALIBRATED_ROWS, NUM_BINS, NUM_DRAWS = 2000, 15, 20
QUICK_ROWS = 300
SCORES = ("gain", "beyond", "s")  # of synergy

Row = dict[str, Any]
Predict = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


class Samples(NamedTuple):
    """A data set.

    Attributes:
        blocks: Columns ``[n, d]`` of each block by name.
        labels: Class labels ``[n]``.
        exact: Exact losses -log p(y|x) ``[n]`` by name of the view, if known.
        types: Interaction that each sample carries ``[n]``, if known.
    """

    blocks: dict[str, np.ndarray]
    labels: np.ndarray
    exact: dict[str, np.ndarray]
    types: np.ndarray | None = None


Task = tuple[str, Callable[[int], Samples]]


# ---- Data sets ----


def real_tasks(folder: str | None, max_rows: int) -> list[Task]:
    """One task per real data set and suffix of its blocks; says which files are missing."""
    tasks: list[Task] = []
    for name in REAL:
        path = Path(folder or "") / f"{name}.npz"
        if not folder or not path.exists():
            print(f"{name}: skipped, --data or LSMI_DATA must contain {path.name}", flush=True)
            continue
        with np.load(path) as data:
            matches = [match for match in map(re.compile(r"x\d+(_\w+)?").fullmatch, data.files) if match]
        for suffix in dict.fromkeys(match[1] for match in matches):
            blocks = [match[0] for match in matches if match[1] == suffix]
            title = name + (suffix or "").replace("_", " ")
            tasks.append((title, partial(real_samples, path, blocks, max_rows)))
    return tasks


def real_samples(path: Path, blocks: Sequence[str], max_rows: int, seed: int) -> Samples:
    """A random subset of the rows of a file."""
    with np.load(path) as data:
        labels = data["y"].astype(int)
        rows = np.sort(np.random.default_rng(seed).permutation(len(labels))[:max_rows])
        return Samples({name: data[name][rows].astype(np.float32) for name in blocks}, labels[rows], {})


def bundled_tasks(max_rows: int) -> list[Task]:
    """Data sets that come with scikit-learn."""
    return [(name, partial(bundled_samples, name, max_rows)) for name in ("iris", "wine", "breast_cancer", "digits")]


def bundled_samples(name: str, max_rows: int, seed: int) -> Samples:
    """Left and right half of the images of digits; every other column of other data sets."""
    data, labels = getattr(bundled, f"load_{name}")(return_X_y=True)
    is_first = np.arange(64) % 8 < 4 if name == "digits" else np.arange(data.shape[1]) % 2 == 0
    rows = np.sort(np.random.default_rng(seed).permutation(len(labels))[:max_rows])
    blocks = {"x1": data[rows][:, is_first].astype(np.float32), "x2": data[rows][:, ~is_first].astype(np.float32)}
    return Samples(blocks, labels[rows], {})


def gaussian_tasks(max_rows: int) -> list[Task]:
    """Correlated Gaussian classes, smallest first, so that sets of one shape follow each other and compile once."""
    grid = [
        (num_classes, per_class, width, covariance)
        for num_classes, per_class in sorted(itertools.product((8, 30, 100), (16, 100, 400)), key=np.prod)
        for width in (50, 250, 500)
        for covariance in ("ar1", "rank5")
    ]
    kept = [case for case in grid if case[0] * case[1] <= max_rows]
    if len(kept) < len(grid):
        print(f"gaussian: {len(grid) - len(kept)} of {len(grid)} sets skipped, above --max-rows {max_rows}", flush=True)
    return [
        (f"gaussian {covariance} K={num_classes} n/K={per_class} d={width}", partial(gaussian_samples, *case))
        for case in kept
        for num_classes, per_class, width, covariance in [case]
    ]


def gaussian_samples(num_classes: int, per_class: int, width: int, kind: str, seed: int) -> Samples:
    """Classes with random means and one covariance; the two halves of the columns are the blocks."""
    rng = np.random.default_rng([seed, num_classes, per_class, width])
    if kind == "ar1":
        covariance = 0.9 ** np.abs(np.subtract.outer(np.arange(width), np.arange(width)))
    else:
        factors = rng.normal(size=(width, 5))
        covariance = np.eye(width) + factors @ factors.T
    # Squared Mahalanobis distances of 6 log K leave both halves uncertain and make the joint fairly sure.
    means = rng.normal(size=(num_classes, width))
    trace = np.linalg.inv(covariance).trace()
    return draw_gaussian(rng, means * np.sqrt(3 * np.log(num_classes) / trace), covariance, per_class, width // 2)


def draw_gaussian(
    rng: np.random.Generator, means: np.ndarray, covariance: np.ndarray, per_class: int, width: int
) -> Samples:
    """Samples of Gaussian classes, with their exact losses; the first block has the given number of columns."""
    num_classes, num_columns = means.shape
    labels = rng.permutation(np.arange(num_classes * per_class) % num_classes)
    x = means[labels] + rng.normal(size=(len(labels), num_columns)) @ np.linalg.cholesky(covariance).T
    columns = {"x1": slice(width), "x2": slice(width, None), "x1+x2": slice(None)}
    exact = {
        name: losses_of(gaussian_posterior(x[:, part], means[:, part], covariance[part, part]), labels)
        for name, part in columns.items()
    }
    return Samples({name: x[:, columns[name]].astype(np.float32) for name in ("x1", "x2")}, labels, exact)


def gaussian_posterior(x: np.ndarray, means: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Exact log-posterior of equally likely Gaussian classes with one covariance."""
    directions = np.linalg.solve(covariance, means.T)
    return log_softmax(x @ directions - 0.5 * (means.T * directions).sum(0), axis=1)


def noise_tasks() -> list[Task]:
    """Informative columns beside columns of noise."""
    cases = ((8, 768, 4, 250), (132, 132, 7, 57))  # good columns, columns of noise, classes, rows per class
    return [(f"noise {good}+{noise} K={k}", partial(noise_samples, good, noise, k, n)) for good, noise, k, n in cases]


def noise_samples(num_good: int, num_noise: int, num_classes: int, per_class: int, seed: int) -> Samples:
    """Gaussian classes with independent columns, of which the second block has no information."""
    rng = np.random.default_rng([seed, num_good])
    means = np.zeros((num_classes, num_good + num_noise))
    means[:, :num_good] = rng.normal(size=(num_classes, num_good)) * np.sqrt(3 * np.log(num_classes) / num_good)
    return draw_gaussian(rng, means, np.eye(num_good + num_noise), per_class, num_good)


def synergy_tasks(folder: str | None) -> list[Task]:
    """The preset task on digit images and spoken digits."""
    path = Path(folder or "") / "av_digits_semireal.npz"
    if not folder or not path.exists():
        print(f"synergy: skipped, --data or LSMI_DATA must contain {path.name}", flush=True)
        return []
    sizes = {2: 560, 5: 1400, 10: 2850}  # nearly all pairs, and the same size for all seeds, to compile only once
    return [(f"preset of digits K={k}", partial(synergy_samples, path, k, n)) for k, n in sizes.items()]


def synergy_samples(path: Path, num_classes: int, num_samples: int, seed: int) -> Samples:
    """Digits paired so that each pair carries one interaction."""
    with np.load(path) as data:
        images, sounds, digits = (np.asarray(data[name], np.float32) for name in ("x1", "x2", "y"))
    pool = (images, digits.astype(int), sounds, digits.astype(int))
    key = jax.random.split(jax.random.key(seed))[0]  # the data of benchmarks/accuracy.py
    drawn = datasets.preset_from_pool(key, *pool, num_classes=num_classes, num_samples=num_samples)
    x1, x2 = map(np.asarray, drawn.features)
    return Samples({"x1": x1, "x2": x2}, np.asarray(drawn.labels), {}, np.asarray(drawn.sample_types))


# ---- Our discriminators ----


def views_of(samples: Samples) -> dict[str, np.ndarray]:
    """Columns of each block, then of each pair of blocks, by name."""
    names = list(samples.blocks)
    pairs = {f"{names[a]}+{names[b]}": (names[a], names[b]) for a, b in pairs_of(len(names))}
    joint = {name: np.concatenate([samples.blocks[part] for part in parts], 1) for name, parts in pairs.items()}
    return samples.blocks | joint


def folds_of(seed: int, labels: np.ndarray) -> tuple[Folds, jax.Array]:
    """The folds of `lsmi_jax.estimate` with the random key of a seed, with a leading axis of one, and its fit key."""
    fold_key, fit_key = jax.random.split(jax.random.key(seed))
    split = partial(stratified_folds, labels=jnp.asarray(labels, jnp.int32), num_folds=NUM_FOLDS)
    return jax.vmap(split)(jax.random.split(fold_key, 1)), fit_key


def our_posteriors(samples: Samples, seed: int) -> dict[str, np.ndarray]:
    """Out-of-fold log-posteriors ``[n, K]`` of each view, those of `lsmi_jax.estimate_pairs`, which returns only i."""
    folds, fit_key = folds_of(seed, samples.labels)
    names = tuple(views_of(samples))
    data = pack(tuple(samples.blocks.values()), samples.labels, only_two=False)
    estimators = fit_stacked(fit_key, data, folds.train, MinimumInformation())
    by_fold = score_folds(jax.tree.map(lambda leaf: leaf[0], estimators), data.features, folds.left_out[0])
    ordered = (in_input_order(values, folds.left_out[0], data.num_rows) for values in by_fold)
    return {name: np.asarray(values, np.float64) for name, values in zip(names, ordered, strict=True)}


@jax.jit
def score_folds(estimators: Estimator, features: tuple[jax.Array, ...], rows: jax.Array) -> tuple[jax.Array, ...]:
    """Log-posteriors of each fold's rows under the fold's own estimator."""

    def of_fold(estimator: Estimator, part: jax.Array) -> tuple[jax.Array, ...]:
        return score_rows(estimator, tuple(block[part] for block in features)).log_posteriors

    return jax.vmap(of_fold)(estimators, rows)


# ---- Baselines ----


def inner_splits(x: np.ndarray, labels: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Splits of the training rows on which hyperparameters are chosen: fewer for many rows, where one is enough."""
    splits = list(StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=0).split(x, labels))
    return splits if len(x) <= FEW_ROWS else splits[:1]


def choose_penalty(parts: list[tuple], labels: np.ndarray, penalties: np.ndarray) -> tuple[float, float]:
    """Lowest held-out loss over a path of penalties, and its C; the path ends after two values that do worse."""
    models = [LogisticRegression(max_iter=200, warm_start=True) for _ in parts]
    losses: list[float] = []
    for penalty in penalties:
        held_out = []
        for model, (x_train, train, x_test, test) in zip(models, parts, strict=True):
            model.set_params(C=penalty).fit(x_train, labels[train])
            held_out.append(losses_of(model.predict_log_proba(x_test), labels[test]))
        losses.append(float(np.concatenate(held_out).mean()))
        if len(losses) - 1 - np.argmin(losses) >= 2:
            break
    return min(losses), float(penalties[np.argmin(losses)])


def logistic(x: np.ndarray, labels: np.ndarray, x_test: np.ndarray) -> np.ndarray:
    """Logistic regression on standardized columns."""
    scaler = StandardScaler().fit(x)
    x, x_test = scaler.transform(x), scaler.transform(x_test)
    parts = [(x[train], train, x[test], test) for train, test in inner_splits(x, labels)]
    _, penalty = choose_penalty(parts, labels, PENALTIES)
    return LogisticRegression(C=penalty, max_iter=500).fit(x, labels).predict_log_proba(x_test)


def discriminant(x: np.ndarray, labels: np.ndarray, x_test: np.ndarray) -> np.ndarray:
    """Linear discriminant analysis with Ledoit-Wolf shrinkage, and a temperature from inner held-out rows."""
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    folds = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=0)
    held_out = cross_val_predict(model, x, labels, cv=folds, method="predict_log_proba")

    def loss(log_temperature: float) -> float:
        return losses_of(log_softmax(finite(held_out) / np.exp(log_temperature), axis=1), labels).mean()

    temperature = np.exp(minimize_scalar(loss, bounds=(-2, 5), method="bounded").x)
    return log_softmax(finite(model.fit(x, labels).predict_log_proba(x_test)) / temperature, axis=1)


def kernel(x: np.ndarray, labels: np.ndarray, x_test: np.ndarray) -> np.ndarray:
    """Logistic regression on Nystroem features of an RBF kernel."""
    scaler = StandardScaler().fit(x)
    x, x_test = scaler.transform(x), scaler.transform(x_test)

    def features(width: float, rows: np.ndarray) -> Nystroem:
        gamma = width / x.var(0).sum()
        return Nystroem(gamma=gamma, n_components=min(300, len(rows)), random_state=0).fit(rows)

    tried: list[tuple[float, float, float]] = []
    for width in WIDTHS:  # until one does worse
        parts = []
        for train, test in inner_splits(x, labels):
            mapped = features(width, x[train])
            parts.append((mapped.transform(x[train]), train, mapped.transform(x[test]), test))
        tried.append((*choose_penalty(parts, labels, KERNEL_PENALTIES), width))
        if tried[-1] > min(tried):
            break
    _, penalty, width = min(tried)
    mapped = features(width, x)
    model = LogisticRegression(C=penalty, max_iter=500).fit(mapped.transform(x), labels)
    return model.predict_log_proba(mapped.transform(x_test))


def networks(x: np.ndarray, labels: np.ndarray, x_test: np.ndarray) -> np.ndarray:
    """Mean of the probabilities of three early-stopped networks."""
    models = (
        make_pipeline(StandardScaler(), MLPClassifier((128,), early_stopping=True, random_state=seed))
        for seed in range(3)
    )
    return np.log(finite(np.mean([model.fit(x, labels).predict_proba(x_test) for model in models], axis=0), 1e-15))


BASELINES: dict[str, Predict] = {"logistic": logistic, "lda": discriminant, "rbf": kernel, "mlps": networks}


def finite(values: np.ndarray, smallest: float = -1e4) -> np.ndarray:
    """Values, at least the smallest allowed."""
    return np.maximum(values, smallest)


def cross_fitted(predict: Predict, x: np.ndarray, labels: np.ndarray, folds: Folds) -> np.ndarray:
    """Out-of-fold losses ``[n]`` of a baseline."""
    losses = np.empty(len(labels))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for train, test in zip(np.asarray(folds.train[0]), np.asarray(folds.left_out[0]), strict=True):
            losses[test] = losses_of(predict(x[train], labels[train], x[test]), labels[test])
    return losses


@dataclass
class Cache:
    """Losses of the baselines by set, view, seed, number of rows and baseline, in a CSV file that only grows."""

    path: Path | None
    cached_only: bool
    losses: dict[tuple[str, ...], np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        csv.field_size_limit(2**30)
        if self.path and self.path.exists():
            with open(self.path, newline="") as stream:
                self.losses = {tuple(key): np.array(losses.split(), float) for *key, losses in csv.reader(stream)}

    def get(self, key: tuple[str, ...], compute: Callable[[], np.ndarray]) -> np.ndarray | None:
        """The losses ``[n]`` of a baseline, computed unless they are known; None if that is not allowed."""
        if key not in self.losses and not self.cached_only:
            self.losses[key] = compute()
            if self.path:
                with open(self.path, "a", newline="") as stream:
                    csv.writer(stream).writerow([*key, " ".join(f"{loss:.5g}" for loss in self.losses[key])])
        return self.losses.get(key)


def baseline_losses(
    key: tuple[str, ...], x: np.ndarray, labels: np.ndarray, folds: Folds, cache: Cache
) -> Iterator[tuple[str, np.ndarray]]:
    """Names and out-of-fold losses ``[n]`` of the baselines that are cached or may be fitted."""
    for name, predict in BASELINES.items():
        compute = partial(cross_fitted, predict, x.astype(float), labels, folds)
        losses = cache.get((*key, str(len(x)), name), compute)
        if losses is not None:
            yield name, losses


def fit_baselines(name: str, make: Callable[[int], Samples], seed: int, cache: Cache) -> None:
    """Fills the cache with the baselines of all views of a set, and prints their cross-entropies."""
    samples = make(seed)
    folds, _ = folds_of(seed, samples.labels)
    for view, x in views_of(samples).items():
        fitted = baseline_losses((name, view, str(seed)), x, samples.labels, folds, cache)
        print(f"{name} {view} seed {seed}:", *(f"{key} {losses.mean():.3f}" for key, losses in fitted), flush=True)


# ---- Figures ----


def losses_of(log_posterior: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Loss -log p(y|x) of each row, at most that of probability 1e-15."""
    return -finite(log_posterior[np.arange(len(labels)), labels], np.log(1e-15))


def compare(ours: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Mean difference of paired losses and its standard error."""
    difference = ours - other
    return float(difference.mean()), float(standard_error(difference))


def fused(first: np.ndarray, second: np.ndarray, labels: np.ndarray, folds: Folds) -> np.ndarray:
    """Out-of-fold losses of additive fusion, ``log p(y) + a1 i1 + a2 i2`` normalized, with a1 and a2 fitted."""
    log_prior = np.log(np.bincount(labels, minlength=first.shape[1]) / len(labels))
    evidence = np.stack([finite(posterior, -30) - log_prior for posterior in (first, second)])

    def posterior(weights: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return log_softmax(log_prior + np.tensordot(weights, evidence[:, rows], 1), axis=1)

    def loss(weights: np.ndarray, rows: np.ndarray) -> tuple[float, np.ndarray]:
        log_probs = posterior(weights, rows)
        residual = np.exp(log_probs)
        residual[np.arange(len(rows)), labels[rows]] -= 1
        return losses_of(log_probs, labels[rows]).mean(), (residual * evidence[:, rows]).sum(2).mean(1)

    losses = np.empty(len(labels))
    for train, test in zip(np.asarray(folds.train[0]), np.asarray(folds.left_out[0]), strict=True):
        weights = minimize(loss, np.full(2, 0.5), args=(train,), jac=True, method="L-BFGS-B").x
        losses[test] = losses_of(posterior(weights, test), labels[test])
    return losses


def calibration(log_posterior: np.ndarray, labels: np.ndarray) -> tuple[float, float, float]:
    """Adaptive calibration error of all class probabilities; mean and deviation for labels drawn from the posterior."""
    probs = np.exp(log_posterior)
    probs /= probs.sum(1, keepdims=True)
    bins = np.array_split(np.argsort(probs, axis=None), NUM_BINS)

    def error(labels: np.ndarray) -> float:
        hits = labels[:, None] == np.arange(probs.shape[1])
        excess = (probs - hits).ravel()
        return sum(abs(excess[part].sum()) for part in bins) / probs.size

    rng = np.random.default_rng(0)
    draws = [(rng.random((len(probs), 1)) > probs.cumsum(1)[:, :-1]).sum(1) for _ in range(NUM_DRAWS)]
    by_chance = [error(drawn) for drawn in draws]
    return error(labels), float(np.mean(by_chance)), float(np.std(by_chance))


class Fit(NamedTuple):
    """One set under one seed, with the folds and our out-of-fold log-posteriors by view."""

    name: str
    seed: int
    samples: Samples
    folds: Folds
    posteriors: dict[str, np.ndarray]
    seconds: float


def fit(name: str, make: Callable[[int], Samples], seed: int) -> Fit:
    samples = make(seed)
    start = time.perf_counter()
    posteriors = our_posteriors(samples, seed)
    return Fit(name, seed, samples, folds_of(seed, samples.labels)[0], posteriors, time.perf_counter() - start)


def describe(run: Fit, view: str, num_columns: int) -> Row:
    """The figures of one view that need no baseline."""
    labels, posterior = run.samples.labels, run.posteriors[view]
    num_rows, num_classes = posterior.shape
    losses = losses_of(posterior, labels)
    prior_losses = -np.log(np.bincount(labels) / num_rows)[labels]
    row: Row = {"set": run.name, "view": view, "seed": run.seed, "n": num_rows, "d": num_columns, "K": num_classes}
    row |= {"ours": losses.mean(), "prior": prior_losses.mean(), "min i": (prior_losses - losses).min()}
    if view in run.samples.exact:
        row["exact"] = run.samples.exact[view].mean()
    if num_rows >= CALIBRATED_ROWS:
        row |= dict(zip(("ece", "ece chance", "ece chance sd"), calibration(posterior, labels), strict=True))
    if "+" in view:
        row |= against_parts(run, view, losses)
    return row | {"seconds": run.seconds}


def against_parts(run: Fit, view: str, losses: np.ndarray) -> Row:
    """The joint of two blocks against each alone and their additive fusion."""
    first, second = (run.posteriors[part] for part in view.split("+"))
    labels = run.samples.labels
    parts = {"first": losses_of(first, labels), "second": losses_of(second, labels)}
    parts["fusion"] = fused(first, second, labels, run.folds)
    row: Row = {name: values.mean() for name, values in parts.items()}
    best = min(parts, key=lambda name: row[name])
    return row | dict(zip(("minus part", "minus part se"), compare(losses, parts[best]), strict=True)) | {"part": best}


def against_baselines(run: Fit, view: str, x: np.ndarray, cache: Cache) -> Row:
    """One view against scikit-learn on the same folds."""
    row: Row = {}
    ours = losses_of(run.posteriors[view], run.samples.labels)
    for name, losses in baseline_losses((run.name, view, str(run.seed)), x, run.samples.labels, run.folds, cache):
        row |= {name: losses.mean(), f"{name} se": compare(ours, losses)[1]}
    return row


def against_products(run: Fit) -> Row:
    """The joint against a logistic regression on products of the posteriors of its blocks; AUROC of synergy."""
    labels = run.samples.labels
    first, second, joint = (run.posteriors[view] for view in ("x1", "x2", "x1+x2"))
    products = np.exp(first[:, :, None] + second[:, None, :]).reshape(len(labels), -1)
    losses, reference = losses_of(joint, labels), cross_fitted(logistic, products, labels, run.folds)
    difference, error = compare(losses, reference)
    row: Row = {"products": reference.mean(), "minus products": difference, "minus products se": error}
    if run.samples.types is not None:
        is_synergy = run.samples.types == datasets.SAMPLE_TYPES.index("synergy")
        gain = np.minimum(losses_of(first, labels), losses_of(second, labels)) - losses  # i12 - max(i1, i2)
        beyond = fused(first, second, labels, run.folds) - losses  # i12 minus that of additive fusion
        logits = first, second, joint
        result = lsmi_jax.estimate(jax.random.key(run.seed), None, labels, logits=logits, progress=None)
        s = np.asarray(result.interactions.synergy)
        for name, score in zip(SCORES, (gain, beyond, s), strict=True):
            row[f"auroc {name}"] = float(roc_auc_score(is_synergy, score))
    return row


def rows_of(study: str, run: Fit, cache: Cache) -> Iterator[Row]:
    """One row per view of one set under one seed."""
    for view, x in views_of(run.samples).items():
        row = {"study": study} | describe(run, view, x.shape[1])
        if study != "synergy":
            row |= against_baselines(run, view, x, cache)
        elif "+" in view:
            row |= against_products(run)
        yield row


# ---- Reports ----


def verdicts(group: list[Row]) -> Row:
    """Means over seeds of one view, its gaps, and what it misses."""

    def mean(name: str) -> float:
        return float(np.mean([row[name] for row in group]))

    def root_mean_square(name: str) -> float:  # seeds share most rows, so errors are not divided by their number
        return float(np.sqrt(np.mean([row[name] ** 2 for row in group])))

    first = group[0]
    averaged = [name for name, value in first.items() if isinstance(value, float) and name != "seconds"]
    line: Row = first | {name: mean(name) for name in averaged} | {"misses": []}
    known = [name for name in BASELINES if all(name in row for row in group)]
    if known:
        line["best"] = min(known, key=lambda name: line[name])
        line["gap"], line["gap se"] = line["ours"] - line[line["best"]], root_mean_square(f"{line['best']} se")
        note_miss(line, "baseline", line["gap"] > max(TOLERANCE, 2 * line["gap se"]))
    if "minus part" in first:
        line["minus part se"] = root_mean_square("minus part se")
        note_miss(line, "part", line["minus part"] > PART_TOLERANCE)
    if "products" in first:
        note_miss(line, "products", line["minus products"] > PRODUCTS_TOLERANCE)
    if "ece" in first:
        by_chance = line["ece chance"] + 2 * line["ece chance sd"]
        note_miss(line, "calibration", line["ece"] > max(CALIBRATION_TOLERANCE, by_chance))
    line["min i"] = min(row["min i"] for row in group)
    note_miss(line, "floor", line["min i"] < -np.log(first["n"]) - FLOOR_TOLERANCE)
    return line


def note_miss(line: Row, name: str, is_missed: bool) -> None:
    """Records that a criterion was checked, and whether it is missed."""
    line[f"checked {name}"] = True
    if is_missed:
        line["misses"].append(name)


def print_line(line: Row) -> None:
    """One line of means over seeds for a view."""
    baselines = " ".join(f"{name} {line[name]:.3f}" for name in BASELINES if name in line)
    cells = [
        f"{line['set']:34s} {line['view']:8s} n {line['n']} d {line['d']} K {line['K']} | ours {line['ours']:.3f}",
        baselines,
        f"exact {line['exact']:.3f}" if "exact" in line else "",
        f"{line['gap']:+.3f} ({line['gap se']:.3f}) from {line['best']}" if "gap" in line else "",
        f"{line['minus part']:+.3f} ({line['minus part se']:.3f}) from {line['part']}" if "part" in line else "",
        f"fusion {line['fusion']:.3f}" if "fusion" in line else "",
        f"products {line['products']:.3f}, {line['minus products']:+.3f} ({line['minus products se']:.3f})"
        if "products" in line
        else "",
        "auroc " + " ".join(f"{name} {line[f'auroc {name}']:.3f}" for name in SCORES) if "auroc s" in line else "",
        f"ece {line['ece']:.3f} (chance {line['ece chance']:.3f})" if "ece" in line else "",
        f"min i {line['min i']:.1f} (-log n {-np.log(line['n']):.1f})",
        f"MISS {' '.join(line['misses'])}" if line["misses"] else "ok",
    ]
    print(" | ".join(cell for cell in cells if cell), flush=True)


def excess(line: Row, criterion: str) -> str:
    """A difference that misses a criterion, with its standard error; empty for criteria without one."""
    name = {"baseline": "gap", "part": "minus part", "products": "minus products"}.get(criterion)
    return "" if name is None else f" {line[name]:+.3f} with error {line[f'{name} se']:.3f}"


def counts(lines: list[Row]) -> list[str]:
    """How many views miss each criterion, and how far they are from scikit-learn."""
    criteria = {
        "baseline": f"above the best baseline by more than max({TOLERANCE}, 2 standard errors)",
        "part": f"joints above their best part by more than {PART_TOLERANCE}",
        "products": f"joints above products of posteriors by more than {PRODUCTS_TOLERANCE}",
        "calibration": f"calibration errors above {CALIBRATION_TOLERANCE} and above chance",
        "floor": f"smallest i below -log n by more than {FLOOR_TOLERANCE}",
    }
    texts = []
    for name, meaning in criteria.items():
        checked = [line for line in lines if f"checked {name}" in line]
        missed = [line for line in checked if name in line["misses"]]
        if checked:
            names = "; ".join(f"{line['set']} {line['view']}{excess(line, name)}" for line in missed)
            texts.append(f"{len(missed)} of {len(checked)} views: {meaning}{names and f' ({names})'}")
    gaps = [line["gap"] for line in lines if "gap" in line]
    if gaps:
        texts.append(
            f"ours minus best baseline: mean {np.mean(gaps):+.4f}, largest {max(gaps):+.4f}, {len(gaps)} views"
        )
    return texts


def lines_of(rows: list[Row]) -> list[Row]:
    """The verdicts of every view."""
    views = dict.fromkeys((row["set"], row["view"]) for row in rows)
    return [verdicts([row for row in rows if (row["set"], row["view"]) == view]) for view in views]


def typed(rows: list[dict[str, str]]) -> list[Row]:
    """The rows of a CSV file, with their numbers; empty cells are left out."""
    texts, whole = ("study", "set", "view", "part"), ("seed", "n", "d", "K")

    def value(name: str, text: str) -> Any:
        return text if name in texts else int(text) if name in whole else float(text)

    return [{name: value(name, text) for name, text in row.items() if text} for row in rows]


def table(rows: list[dict[str, str]]) -> str:
    """Of each set of a CSV file, the view that does worst against scikit-learn."""
    of_worst = ["worst view", "ours", "best of four", "its name", "difference", "error"]
    header = ["set", "K", "n", "seeds", "views", *of_worst]
    lines = []
    every = [line for line in lines_of(typed(rows)) if "gap" in line]
    for name in dict.fromkeys(line["set"] for line in every):
        own = [line for line in every if line["set"] == name]
        worst = max(own, key=lambda line: line["gap"])
        seeds = len({row["seed"] for row in rows if row["set"] == name})
        cells = [name, worst["K"], worst["n"], seeds, len(own), worst["view"]]
        values = [f"{worst['ours']:.3f}", f"{worst[worst['best']]:.3f}", worst["best"]]
        lines.append([*map(str, cells), *values, f"{worst['gap']:+z.3f}", f"{worst['gap se']:.3f}"])
    return markdown(header, lines)


def verdict(rows: list[dict[str, str]]) -> str:
    """The counts of a CSV file as a list in Markdown."""
    return "\n".join(f"- {text}" for text in counts(lines_of(typed(rows))))


def synergy_table(rows: list[dict[str, str]]) -> str:
    """Of pairs that carry a known interaction: the joint against products, and how well scores find synergy."""
    header = ["pairs", "n", "ours", "additive fusion", "products", *(f"AUROC of {name}" for name in SCORES)]
    lines = []
    for line in (line for line in lines_of(typed(rows)) if "products" in line):
        losses = bold([line[name] for name in ("ours", "fusion", "products")], min)
        lines.append([line["set"], str(line["n"]), *losses, *bold([line[f"auroc {name}"] for name in SCORES], max)])
    return markdown(header, lines)


def studies(arguments: argparse.Namespace) -> Iterator[tuple[str, Task]]:
    """The wanted tasks with their studies; for a quick run, the first of each study."""
    makers: dict[str, Callable[[], list[Task]]] = {
        "real": partial(real_tasks, arguments.data, arguments.max_rows),
        "bundled": partial(bundled_tasks, arguments.max_rows),
        "noise": noise_tasks,
        "synergy": partial(synergy_tasks, arguments.data),
        "gaussian": partial(gaussian_tasks, arguments.max_rows),
    }
    wanted = set(arguments.studies.split(","))
    unknown = wanted - set(makers)
    if unknown:
        raise SystemExit(f"--studies: expected some of {', '.join(makers)}, got {', '.join(sorted(unknown))}")
    if arguments.baselines_only:
        wanted.discard("synergy")  # its references depend on our posteriors
    for study in makers:
        if study in wanted:
            tasks = [task for task in makers[study]() if any(part in task[0] for part in arguments.only.split(","))]
            yield from ((study, task) for task in tasks[: 1 if arguments.quick else None])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--studies", default="real,bundled,gaussian,synergy,noise", help="studies to run, comma-separated")
    add("--only", default="", help="run only sets whose name contains one of these, comma-separated")
    add("--num-seeds", type=int, default=5, help="repetitions (%(default)s)")
    add("--max-rows", type=int, default=5000, help="largest number of rows of a set (%(default)s)")
    add("--quick", action="store_true", help="the first set of each study, one seed, few rows")
    add("--csv", help="file to write one row per view and seed to")
    add("--baselines", type=Path, help="file of losses of the baselines, read and extended")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--cached-only", action="store_true", help="fit no baselines, use those in --baselines")
    either.add_argument("--baselines-only", action="store_true", help="only add what --baselines lacks")
    add("--data", default=os.environ.get("LSMI_DATA"), help="folder of real data sets")
    add("--read", type=Path, help="print a table of this CSV file, and fit nothing")
    arguments = parser.parse_args()
    if arguments.read:
        known = read_rows(arguments.read)
        print(table(known), verdict(known), synergy_table(known), sep="\n\n")
        return
    if arguments.baselines_only and not arguments.baselines:
        parser.error("--baselines-only: expected a file in --baselines")
    if arguments.quick:
        arguments.num_seeds, arguments.max_rows = 1, min(arguments.max_rows, QUICK_ROWS)
    cache = Cache(arguments.baselines, arguments.cached_only)
    all_rows: list[Row] = []
    lines: list[Row] = []
    for study, (name, make) in studies(arguments):
        rows: list[Row] = []
        for seed in range(arguments.num_seeds):
            if arguments.baselines_only:
                fit_baselines(name, make, seed, cache)
            else:
                rows += rows_of(study, fit(name, make, seed), cache)
        for line in lines_of(rows):
            lines.append(line)
            print_line(line)
        all_rows += rows
        jax.clear_caches()  # every set has its own programs, and Linux allows a process so many memory maps only
        if arguments.csv:
            write_rows(arguments.csv, all_rows)  # after every set, so that an interrupted run keeps its rows
    for text in counts(lines):
        print(text)


if __name__ == "__main__":
    main()
