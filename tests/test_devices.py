import importlib
from contextlib import nullcontext
from functools import cache, partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from lsmi_jax import (
    MinimumInformation,
    SpecificityAmbiguity,
    adjust,
    decompose,
    estimate,
    fit_estimator,
    label_log_prior,
    pointwise_information,
    score,
)


def test_eight_devices_agree_with_one(rng):
    assert jax.device_count() == 8
    sharding = NamedSharding(Mesh(np.array(jax.devices()), ("data",)), PartitionSpec("data"))
    logits = [jnp.asarray(rng.normal(size=(64, 3)), jnp.float32) for _ in range(3)]
    surprisals = [jnp.asarray(rng.normal(size=64), jnp.float32) for _ in range(2)]
    labels = jnp.asarray(rng.integers(0, 3, 64))

    @jax.jit
    def interactions(logits, surprisals, labels):
        log_prior = label_log_prior(labels, 3)
        informations = [pointwise_information(one, labels, log_prior) for one in logits]
        return adjust(decompose(*informations, *surprisals))

    one = interactions(logits, surprisals, labels)
    eight = interactions(*jax.device_put((logits, surprisals, labels), sharding))
    assert len(eight.redundancy.sharding.device_set) == 8
    np.testing.assert_allclose(eight, one, atol=1e-5)


@pytest.fixture(scope="module")
def data():
    """A number of rows that eight devices can share, but their folds of 50, or the 40 of a split, cannot."""
    rng = np.random.default_rng(0)
    labels = np.arange(248) % 2
    features = tuple(rng.normal(size=(248, 2)).astype(np.float32) + labels[:, None] for _ in range(2))
    return features, labels


def fit_and_score(data):
    return score(fit_estimator(jax.random.key(0), *data, redundancy=SpecificityAmbiguity(num_components=2)), *data)


def estimated(data):
    return estimate(jax.random.key(0), *data, num_folds=2, redundancy=SpecificityAmbiguity(num_components=2))


@pytest.fixture(scope="module")
def alone(data):
    """Results on one device, each computed when it is first asked for."""
    return cache(lambda call: call(data))


def estimated_by_default(data):
    return estimate(jax.random.key(0), *data, num_folds=2)


EVERY = pytest.mark.slow  # each way compiles every program anew


@pytest.mark.parametrize(
    ("call", "axis_type", "in_context"),
    [
        pytest.param(fit_and_score, AxisType.Auto, False, marks=EVERY),
        pytest.param(estimated, AxisType.Explicit, True, marks=EVERY),
        pytest.param(estimated, AxisType.Auto, False, marks=EVERY),
        pytest.param(fit_and_score, AxisType.Explicit, True, marks=EVERY),
    ],
)
def test_rows_spread_over_a_mesh_give_what_one_device_does(data, alone, call, axis_type, in_context):
    mesh = jax.make_mesh((8,), ("data",), axis_types=(axis_type,))
    rows = jax.device_put(jax.tree.map(jnp.asarray, data), NamedSharding(mesh, PartitionSpec("data")))
    with jax.set_mesh(mesh) if in_context else nullcontext():
        eight = call(rows)
    one = alone(call)
    for name in ("interactions", "adjusted", "information"):
        for left, right in zip(getattr(one, name), getattr(eight, name), strict=True):
            np.testing.assert_allclose(np.asarray(left), np.asarray(right), atol=2e-3)
    np.testing.assert_allclose(one.diagnostics.accuracy, np.asarray(eight.diagnostics.accuracy), atol=1e-6)


@EVERY
def test_rows_drawn_from_eight_devices_are_those_of_one(data):
    """Fits are the same up to round-off, and each device scores the rows it holds."""
    mesh = jax.make_mesh((8,), ("data",))
    rows = jax.device_put(jax.tree.map(jnp.asarray, data), NamedSharding(mesh, PartitionSpec("data")))
    one, eight = (
        estimate(jax.random.key(0), *given, num_folds=3, num_seeds=2, max_rows=80, redundancy=MinimumInformation())
        for given in (data, rows)
    )
    for left, right in zip(one.information, eight.information, strict=True):
        np.testing.assert_allclose(np.asarray(left), np.asarray(right), atol=2e-3)
    assert eight.interactions.redundancy.sharding.spec == PartitionSpec("data")


@EVERY
def test_the_union_information_of_eight_devices_is_that_of_one(data, alone):
    """Round-off moves samples to other cells, so samples may differ where means do not."""
    mesh = jax.make_mesh((8,), ("data",))
    rows = jax.device_put(jax.tree.map(jnp.asarray, data), NamedSharding(mesh, PartitionSpec("data")))
    one, eight = alone(estimated_by_default), estimated_by_default(rows)
    for left, right in zip(one.information, eight.information, strict=True):
        np.testing.assert_allclose(np.asarray(left), np.asarray(right), atol=2e-3)
    gaps = np.asarray(eight.i_union) - np.asarray(one.i_union)
    assert abs(gaps.mean()) < 2e-3
    assert np.quantile(np.abs(gaps), 0.8) < 0.01


@EVERY
def test_memory_of_a_device_falls_as_fits_spread_over_more(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    num_bytes = partial(importlib.import_module("speed").bytes_of_fit, num_samples=2000, num_columns=32, num_classes=4)
    assert num_bytes(5) < num_bytes(1) / 3
    assert num_bytes(8) < num_bytes(1) / 3


@EVERY
def test_memory_of_a_device_falls_as_rows_spread_over_more(monkeypatch):
    """Of arrays and scores together; the models, which every device holds, are small."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    num_bytes = importlib.import_module("speed").bytes_of_large
    one, eight = (num_bytes(count, num_samples=16000, num_columns=64, num_classes=4) for count in (1, 8))
    assert eight < 0.3 * one
