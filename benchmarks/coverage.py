"""Do 95% intervals cover the truth, and are permutation p-values uniform? Many data sets with known truth.

    python benchmarks/coverage.py [--datasets 200] [--sizes 500,2000] [--tasks OR] [--num-seeds 1] [--null 200]
        [--num-permutations 19]

The truth of R, U1, U2 and S is the decomposition of Bertschinger et al. (2014), which the union information estimates,
and that of I1, I2 and I12 follows as their sums. Percentile intervals come from `Estimate.mean`, BCa intervals from
SciPy.
"""

import argparse
from functools import partial

import jax
import numpy as np
from scipy import stats

import lsmi_jax
from lsmi_jax import datasets
from lsmi_jax.decomposition import INFORMATION, PARTS, information_of

NAMES = tuple(quantity.field for quantity in (*INFORMATION, *PARTS))
TASKS = {
    "mixture K=2 rho=.4": partial(datasets.gaussian_mixture, num_classes=2, correlation=0.4),
    "gate OR": partial(datasets.circuit_logic, gate=datasets.OR),
}


def truth(make) -> np.ndarray:
    """Exact I1, I2, I12, R, U1, U2 and S; the first three are sums of the others."""
    parts = make(jax.random.key(0), 100).truth
    return np.array([*information_of(parts), *parts], float)


def coverage(make, size: int, num_datasets: int, num_seeds: int) -> None:
    expected = truth(make)
    hits, bca_hits, errors = [], [], []
    for seed in range(num_datasets):
        data_key, key = jax.random.split(jax.random.key(seed))
        task = make(data_key, size)
        result = lsmi_jax.estimate(key, task.features, task.labels, num_classes=2, num_seeds=num_seeds)
        summary = result.mean()
        bounds = [(float(getattr(summary.lower, n)), float(getattr(summary.upper, n))) for n in NAMES]
        hits.append([low <= t <= high for (low, high), t in zip(bounds, expected, strict=True)])
        errors.append([float(getattr(summary.mean, n)) - t for n, t in zip(NAMES, expected, strict=True)])
        samples = np.stack([np.asarray(x) for x in (*result.information, *result.interactions)])
        rng = np.random.default_rng(seed)
        bca = stats.bootstrap((samples,), np.mean, axis=1, method="BCa", rng=rng, n_resamples=1000, batch=100)
        interval = bca.confidence_interval
        bca_hits.append([low <= t <= high for low, t, high in zip(interval.low, expected, interval.high, strict=True)])
    columns = zip(NAMES, np.mean(hits, 0), np.mean(bca_hits, 0), np.array(errors).T, strict=True)
    for name, percentile, other, error in columns:
        print(
            f"n={size} {name:13s} covered: percentile {percentile:.3f}, BCa {other:.3f} | "
            f"mean error {error.mean():+.4f}, spread {error.std():.4f}",
            flush=True,
        )


def uniformity(num_datasets: int, num_permutations: int, size: int = 120) -> None:
    p_values = []
    for seed in range(num_datasets):
        key1, key2, key3, key = jax.random.split(jax.random.key(seed), 4)
        features = (jax.random.normal(key1, (size, 2)), jax.random.normal(key2, (size, 2)))
        labels = jax.random.randint(key3, (size,), 0, 2)
        redundancy = lsmi_jax.SpecificityAmbiguity(num_components=4)
        test = lsmi_jax.permutation_test(
            key, features, labels, num_permutations=num_permutations, num_folds=2, redundancy=redundancy
        )
        p_values.append([float(p) for p in test.p_value])
    rng = np.random.default_rng(0)
    for name, column in zip(lsmi_jax.Means._fields, np.array(p_values).T, strict=True):
        continuous = column - rng.random(len(column)) / (num_permutations + 1)  # p-values are multiples of 1 / (m + 1)
        print(f"null n={size} {name:13s} KS p = {stats.kstest(continuous, 'uniform').pvalue:.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=int, default=200, help="data sets per task and size (%(default)s)")
    parser.add_argument("--tasks", default="", help="only tasks whose names contain this")
    parser.add_argument("--num-seeds", type=int, default=1, help="fits per data set (%(default)s)")
    parser.add_argument("--sizes", default="500,2000", help="numbers of samples, comma-separated")
    parser.add_argument(
        "--null", type=int, default=200, help="data sets without information; 0 to skip them (%(default)s)"
    )
    parser.add_argument("--num-permutations", type=int, default=19, help="per data set (%(default)s)")
    arguments = parser.parse_args()
    for size in map(int, filter(None, arguments.sizes.split(","))):
        for name, make in TASKS.items():
            if arguments.tasks in name:
                print(name, flush=True)
                coverage(make, size, arguments.datasets, arguments.num_seeds)
    if arguments.null:
        uniformity(arguments.null, arguments.num_permutations)


if __name__ == "__main__":
    main()
