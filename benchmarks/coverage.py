"""Do 95% intervals cover the truth, and are permutation p-values uniform? Many data sets with known truth.

    python benchmarks/coverage.py [--datasets 200] [--sizes 500,2000] [--tasks OR] [--num-seeds 1] [--exact]
        [--null 200] [--num-permutations 19] [--out docs/results] [--read]

The truth of R, U1, U2 and S is the decomposition of Bertschinger et al. (2014), which the union information estimates,
and that of I1, I2 and I12 follows as their sums. Percentile intervals come from `Estimate.mean`, BCa intervals from
SciPy. With --exact, the exact posteriors replace the discriminators. Rows are added to the CSV file in the folder,
where they replace those of the same task, number of samples and fit. Prints the table of docs/uncertainty.md; with
--read, only prints that of the CSV file.
"""

import argparse
from functools import partial
from pathlib import Path

import jax
import numpy as np
from scipy import stats
from tables import markdown, read_rows, write_rows

import lsmi_jax
from lsmi_jax import datasets
from lsmi_jax.decomposition import INFORMATION, PARTS, information_of

QUANTITIES = (*INFORMATION, *PARTS)
NAMES, SYMBOLS = (tuple(getattr(quantity, name) for quantity in QUANTITIES) for name in ("field", "symbol"))
TASKS = {
    "mixture K=2": partial(datasets.gaussian_mixture, num_classes=2, correlation=0.4),
    "OR": partial(datasets.circuit_logic, gate=datasets.OR),
}
EXACT = "exact posteriors"
TRUTH_SAMPLES = 10**6
LOW = 0.85  # shares below are in bold


def truth(make) -> np.ndarray:
    """I1, I2, I12, R, U1, U2 and S of the population; the first three are sums of the others.

    The truth of a mixture is a mean over samples: of a million, its standard error is .0005 nats.
    """
    parts = make(jax.random.key(0), TRUTH_SAMPLES).truth
    return np.array([*information_of(parts), *parts], float)


def coverage(name: str, size: int, num_datasets: int, num_seeds: int, exact: bool) -> list[dict]:
    """One row per data set: for each quantity its error, and whether each interval contains the truth."""
    make, rows = TASKS[name], []
    expected = truth(make)
    fit = EXACT if exact else f"{num_seeds} seeds" if num_seeds > 1 else ""
    for seed in range(num_datasets):
        data_key, key = jax.random.split(jax.random.key(seed))
        task = make(data_key, size)
        logits = task.log_posteriors if exact else None
        features = None if exact else task.features
        result = lsmi_jax.estimate(
            key, features, task.labels, num_classes=2, num_seeds=num_seeds, logits=logits, progress=None
        )
        summary = result.mean()
        samples = np.stack([np.asarray(x) for x in (*result.information, *result.interactions)])
        rng = np.random.default_rng(seed)
        bca = stats.bootstrap((samples,), np.mean, axis=1, method="BCa", rng=rng, n_resamples=1000, batch=100)
        row = {"task": name, "n": size, "fit": fit, "seed": seed}
        for place, (field, symbol) in enumerate(zip(NAMES, SYMBOLS, strict=True)):
            of_mean = summary.mean, summary.lower, summary.upper, summary.standard_error
            mean, low, high, error = (float(getattr(own, field)) for own in of_mean)
            other_low, other_high = (own[place] for own in bca.confidence_interval)
            row |= {
                f"{symbol} error": f"{mean - expected[place]:.5f}",
                f"{symbol} standard error": f"{error:.5f}",
                f"{symbol} percentile": int(low <= expected[place] <= high),
                f"{symbol} BCa": int(other_low <= expected[place] <= other_high),
            }
        rows.append(row)
    return rows


def setting_of(row: dict) -> tuple[str, str, str]:
    """Task, number of samples and fit of a row, as text, whether it was read or measured."""
    return row["task"], str(row["n"]), row["fit"]


def table(rows: list[dict]) -> str:
    """Share of intervals that contain the truth, errors and standard errors, by task, number of samples and fit."""
    lines = []
    for setting in dict.fromkeys(map(setting_of, rows)):
        own = [row for row in rows if setting_of(row) == setting]
        name = ", ".join(filter(None, setting))
        for kind in ("percentile", "BCa"):
            cells = [_short(share, bold=share < LOW) for share in _columns(own, kind).mean(0)]
            lines.append([f"{name} ({len(own)})" if kind == "percentile" else "", kind, *cells])
        errors, standard_errors = _columns(own, "error"), _columns(own, "standard error")
        lines.append(["", "mean error", *(_short(error, sign="+") for error in errors.mean(0))])
        lines.append(["", "spread", *map(_short, errors.std(0))])
        lines.append(["", "standard error", *map(_short, standard_errors.mean(0))])
    return markdown(["task, n (data sets)", "", *SYMBOLS], lines)


def verdict(rows: list[dict]) -> str:
    """The sentences of docs/uncertainty.md about the table."""
    settings = [[row for row in rows if setting_of(row) == setting] for setting in dict.fromkeys(map(setting_of, rows))]
    plain = [own for own in settings if not own[0]["fit"]]
    shares = np.array([_columns(own, "percentile").mean(0) for own in plain])
    errors = np.array([abs(_columns(own, "error").mean(0)) for own in plain])
    spreads = np.array([_columns(own, "error").std(0) for own in plain])
    of_information, of_parts = shares[:, : len(INFORMATION)], shares[:, len(INFORMATION) :]
    return (
        f"Intervals of I1, I2 and I12 contain the truth in {of_information.min():.2f} to {of_information.max():.2f} of "
        f"the data sets, those of R, U1, U2 and S in {of_parts.min():.2f} to {of_parts.max():.2f}. Means are off by at "
        f"most {errors.max():.3f} nats, at most {(errors / spreads).max():.2f} of the spread over data sets."
    )


def other_fits(rows: list[dict]) -> str:
    """The sentences of docs/uncertainty.md about unique information of zero."""
    settings = [[row for row in rows if setting_of(row) == setting] for setting in dict.fromkeys(map(setting_of, rows))]
    texts = []
    for own in settings:
        task, size, fit = setting_of(own[0])
        first, second = SYMBOLS.index("U1"), SYMBOLS.index("U2")
        shares = _columns(own, "percentile").mean(0)
        if fit:
            texts.append(
                f"With {fit}, the intervals of U1 and U2 of {task} (n={size}) contain the truth in {shares[first]:.2f} "
                f"and {shares[second]:.2f} of {len(own)} data sets."
            )
        elif (task, size) == ("OR", "500"):
            errors = _columns(own, "error")
            gap = abs(errors[:, SYMBOLS.index("I1")] - errors[:, SYMBOLS.index("I2")])
            unique = errors[:, first] + errors[:, second]
            is_near = gap <= np.median(gap)
            both = [first, second]
            ratio = _columns(own, "standard error")[:, both].mean() / errors[:, both].std(0).mean()
            near, far = (_columns(own, "percentile")[part][:, both].mean() for part in (is_near, ~is_near))
            texts.append(
                f"For OR (n={size}), where both are zero, their standard errors are {ratio:.2f} of the spread. "
                "U1 + U2 has a correlation of "
                f"{np.corrcoef(gap, unique)[0, 1]:.2f} with the absolute difference of the estimates of I1 and I2. "
                f"Intervals of U1 and U2 contain the truth in {near:.2f} of the half of the data sets in which I1 and "
                f"I2 are closest, and in {far:.2f} of the others."
            )
    return " ".join(texts)


def _columns(rows: list[dict], name: str) -> np.ndarray:
    """One value of each data set and quantity."""
    return np.array([[float(row[f"{symbol} {name}"]) for symbol in SYMBOLS] for row in rows])


def _short(value: float, *, sign: str = "", bold: bool = False) -> str:
    """Three decimals, in bold if asked for."""
    text = f"{value:{sign}.3f}"
    return f"**{text}**" if bold else text


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
    add = parser.add_argument
    add("--datasets", type=int, default=200, help="data sets per task and size; 0 to skip them (%(default)s)")
    add("--tasks", default="", help="only tasks whose names contain this")
    add("--num-seeds", type=int, default=1, help="fits per data set (%(default)s)")
    add("--exact", action="store_true", help="exact posteriors in place of discriminators")
    add("--sizes", default="500,2000", help="numbers of samples, comma-separated")
    add("--null", type=int, default=200, help="data sets without information; 0 to skip them (%(default)s)")
    add("--num-permutations", type=int, default=19, help="per data set (%(default)s)")
    add("--out", type=Path, default=Path("docs/results"))
    add("--read", action="store_true", help="only print the table of the CSV file that is there")
    arguments = parser.parse_args()
    path = arguments.out / "coverage.csv"
    rows: list[dict] = list(read_rows(path)) if path.exists() else []
    if arguments.read:
        print(table(rows), verdict(rows), other_fits(rows), sep="\n\n")
        return
    for name in (name for name in TASKS if arguments.tasks in name and arguments.datasets):
        for size in map(int, arguments.sizes.split(",")):
            new = coverage(name, size, arguments.datasets, arguments.num_seeds, arguments.exact)
            print(table(new), flush=True)
            rows = [row for row in rows if setting_of(row) != setting_of(new[0])] + new
            write_rows(path, rows)  # after every task, so that an interrupted run keeps its rows
    if arguments.null:
        uniformity(arguments.null, arguments.num_permutations)
    print(table(rows))


if __name__ == "__main__":
    main()
