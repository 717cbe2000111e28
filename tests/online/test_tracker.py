from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from lsmi_jax import datasets, estimate, init_tracker, update_tracker

BATCH, NUM_STEPS, DECAY = 256, 200, 0.99
EFFECTIVE = BATCH * (1 + DECAY) / (1 - DECAY)  # samples that an exponentially weighted mean is worth


def stream_of(task):
    """The exact log-posteriors and labels of a task, in batches."""
    return jax.tree.map(lambda x: x.reshape(-1, BATCH, *x.shape[1:]), (tuple(task.log_posteriors), task.labels))


@pytest.fixture(scope="module")
def stream():
    return stream_of(datasets.gaussian_mixture(jax.random.key(0), BATCH * NUM_STEPS, num_classes=2, correlation=0.4))


def first_batch(stream):
    return jax.tree.map(lambda leaf: leaf[0], stream)


def tracker(num_classes=2, **options):
    return init_tracker(jax.random.key(1), num_classes=num_classes, **options)


@jax.jit
def tracked(state, batches):
    return jax.lax.scan(lambda state, batch: (update_tracker(state, *batch), None), state, batches)[0]


TASKS = {
    "mixture K=2": partial(datasets.gaussian_mixture, num_classes=2, correlation=0.4),
    "mixture K=10": partial(datasets.gaussian_mixture, num_classes=10, correlation=0.4),
    "OR": partial(datasets.circuit_logic, gate=datasets.OR),
    "preset": partial(datasets.preset, num_classes=4),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_it_converges_to_the_truth(name):
    task = TASKS[name](jax.random.key(3), BATCH * NUM_STEPS)
    state = tracked(tracker(len(task.log_prior), decay=DECAY), stream_of(task))
    spread = max(float(jnp.std(i)) for i in task.information)
    np.testing.assert_allclose(state.means, jnp.stack(task.truth), atol=0.02 + 4 * spread / np.sqrt(EFFECTIVE))


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_it_converges_to_the_offline_estimate_of_the_same_rows(name):
    task = TASKS[name](jax.random.key(3), 16 * BATCH)
    logits = list(map(np.asarray, task.log_posteriors))
    offline = estimate(jax.random.key(3), None, np.asarray(task.labels), logits=logits, log_prior=task.log_prior)
    again = jax.tree.map(lambda batches: jnp.concatenate([batches] * 12), stream_of(task))
    state = tracked(tracker(len(task.log_prior)), again)
    np.testing.assert_allclose(state.means, jnp.stack(offline.mean().mean[:4]), atol=0.02)


@pytest.mark.slow
def test_a_thousand_classes_stay_small():
    """Memory of the state and of a step grows with the number of classes, not with its square."""
    num_classes = 1000
    state = tracker(num_classes)
    size = sum(leaf.nbytes for leaf in jax.tree.leaves((state.potentials, state.recent, state.training)))
    assert size < 64 * 2**20
    labels = jax.random.randint(jax.random.key(2), (256,), 0, num_classes)
    logits = [6 * jax.nn.one_hot(labels, num_classes)] * 3
    step = jax.jit(update_tracker).lower(state, logits, labels).compile()
    assert step.memory_analysis().temp_size_in_bytes < 2**30
    new = step(state, logits, labels)
    posterior = jax.nn.log_softmax(logits[2])[jnp.arange(256), labels]
    np.testing.assert_allclose(sum(new.means), (posterior - new.log_prior[labels]).mean(), rtol=1e-4)


@pytest.mark.slow
def test_a_step_is_pure_and_the_same_compiled(stream):
    batch, state = first_batch(stream), tracker(num_cells=24, num_recent=128)
    before = jax.tree.map(jnp.copy, (state.training, state.recent, state.potentials))
    eager = update_tracker(state, *batch)
    chex.assert_trees_all_equal((state.training, state.recent, state.potentials), before)
    compiled = jax.jit(update_tracker)(state, *batch)
    chex.assert_trees_all_close(eager.training, compiled.training, rtol=1e-4, atol=1e-3)
    assert int(eager.num_batches) == 1


@pytest.mark.slow
def test_of_a_large_batch_a_random_part_is_scored_and_all_of_it_is_kept(stream):
    (first, second, both), labels = jax.tree.map(lambda leaf: leaf[:8].reshape(-1, *leaf.shape[2:]), stream)
    labels = labels.at[:30].set(-1)
    batch, size = ([first, second, both], labels), len(labels)
    whole = jax.jit(update_tracker)(tracker(num_cells=24, num_scored=size), *batch)
    part = jax.jit(update_tracker)(tracker(num_cells=24, num_scored=64), *batch)
    assert float(whole.training.counts.sum()) == size - 30
    assert 40 < float(part.training.counts.sum()) <= 64
    assert int(whole.num_left_out) == int(part.num_left_out) == 30
    np.testing.assert_array_equal(part.recent[0], whole.recent[0])
    gaps = np.abs(np.subtract(part.means, whole.means))
    assert 0 < gaps.max() < 4 * np.log(2) / np.sqrt(64)  # parts of two classes spread by less than log 2


def test_held_out_batches_have_means_of_their_own(stream):
    step = jax.jit(update_tracker)
    logits, labels = first_batch(stream)
    state = step(tracker(num_cells=24, num_recent=128), logits, labels)
    assert jnp.isnan(state.held_out.means.redundancy)
    wrong = tuple(-view for view in logits)
    new = step(state, wrong, labels, held_out=jnp.array(True))
    chex.assert_trees_all_equal(new.training, state.training)
    total = sum(float(part) for part in new.held_out.means)
    assert total < 0 < sum(float(part) for part in new.means)
    metrics = new.metrics()
    assert set(metrics) == {"r", "u1", "u2", "s", "held_out_r", "held_out_u1", "held_out_u2", "held_out_s"}
    assert float(metrics["held_out_s"]) == float(new.held_out.means.synergy)


def test_potentials_are_fitted_again_when_they_are_due(stream):
    step, fitted = jax.jit(update_tracker), []
    state = tracker(num_cells=24, num_recent=128, refit_every=8)
    for number in range(18):
        logits, labels = jax.tree.map(lambda leaf, number=number: leaf[number][:32], stream)
        new = step(state, logits, labels)
        fitted.append(bool(new.potentials.lower != state.potentials.lower))
        state = new
    assert np.flatnonzero(fitted).tolist() == [0, 1, 2, 4, 8, 16]
    assert state.is_filled.all()
    expected = jnp.concatenate([stream[0][0][number][:32] for number in (17, 16, 15, 14)])
    np.testing.assert_array_equal(state.recent[0], expected)


@pytest.mark.parametrize("axis_type", [AxisType.Auto, pytest.param(AxisType.Explicit, marks=pytest.mark.slow)])
def test_a_batch_spread_over_a_mesh_gives_the_same(stream, axis_type):
    batch, small = first_batch(stream), {"num_cells": 24, "num_recent": 128}
    mesh = jax.make_mesh((8,), ("data",), axis_types=(axis_type,))
    alone = jax.jit(update_tracker)(tracker(**small), *batch)
    with jax.set_mesh(mesh):
        spread = jax.device_put(batch, NamedSharding(mesh, PartitionSpec("data")))
        state = jax.device_put(tracker(**small), NamedSharding(mesh, PartitionSpec()))
        together = jax.jit(update_tracker)(state, *spread)
    np.testing.assert_allclose(
        np.asarray(together.training.sums), np.asarray(alone.training.sums), rtol=1e-3, atol=0.05
    )
    np.testing.assert_allclose(np.asarray(together.log_prior), np.asarray(alone.log_prior), rtol=1e-5)


@pytest.mark.slow
def test_it_sends_no_gradient_back(stream):
    logits, labels = first_batch(stream)
    slopes = jax.grad(lambda logits: update_tracker(tracker(), logits, labels).means.redundancy)(logits)
    assert all(bool((leaf == 0).all()) for leaf in jax.tree.leaves(slopes))


def test_half_precision_stays_finite(stream):
    logits, labels = first_batch(stream)
    halved = [view.astype(jnp.bfloat16) for view in logits]
    state, step = tracker(num_cells=24, num_recent=128), jax.jit(update_tracker)
    for _ in range(3):
        state = step(state, halved, labels)
    chex.assert_tree_all_finite((state.means, state.class_means))
    assert state.training.sums.dtype == jnp.float32


def test_a_class_not_yet_seen_is_nan_and_spoils_nothing_else(stream):
    logits, labels = first_batch(stream)
    state = jax.jit(update_tracker)(tracker(num_cells=24, num_recent=128), logits, jnp.zeros_like(labels))
    assert bool(jnp.isnan(state.class_means.redundancy[1]))
    assert bool(jnp.isfinite(state.class_means.redundancy[0]))
    assert bool(jnp.isfinite(jnp.stack(state.means)).all())


@pytest.mark.slow
def test_bad_rows_are_left_out_and_counted(stream):
    logits, labels = jax.tree.map(lambda leaf: leaf[0][:64], stream)
    step, small = jax.jit(update_tracker), {"num_cells": 24, "num_recent": 128}
    expected = step(tracker(**small), logits, labels)
    # The same rows, before others that have no label or no numbers.
    bad, values = [-1, 2, 0, 1, 0], [0.0, 0.0, jnp.nan, jnp.inf, -jnp.inf]
    more = [jnp.concatenate([x, jnp.tile(jnp.array(values)[:, None], 2)]) for x in logits]
    all_labels = jnp.concatenate([labels, jnp.array(bad)])
    state = step(tracker(**small), more, all_labels)
    assert state.num_left_out == len(bad)
    np.testing.assert_array_equal(state.training.counts, expected.training.counts)
    chex.assert_trees_all_close(state.means, expected.means, atol=0.05)  # codebooks of differently many rows
    again = step(state, [x[-5:] for x in more], all_labels[-5:])
    assert again.num_left_out == 2 * len(bad)
    chex.assert_trees_all_equal(again.training, state.training)
    chex.assert_trees_all_equal(again.recent, state.recent)


def test_bad_input_is_refused(stream):
    logits, labels = first_batch(stream)
    with pytest.raises(ValueError, match="num_classes: expected at least 2"):
        init_tracker(jax.random.key(0), num_classes=1)
    with pytest.raises(ValueError, match="decay: expected"):
        tracker(decay=1.0)
    with pytest.raises(ValueError, match="num_cells: expected an even number, got 7"):
        tracker(num_cells=7)
    with pytest.raises(ValueError, match="logits: expected a tuple of 3 arrays"):
        update_tracker(tracker(), logits[:2], labels)
    with pytest.raises(ValueError, match=r"logits: expected three of shape \[n, 3\]"):
        update_tracker(tracker(3), logits, labels)
