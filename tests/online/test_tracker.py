from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from lsmi_jax import (
    datasets,
    decompose,
    init_tracker,
    pointwise_information,
    posterior_coordinates,
    update_tracker,
)
from lsmi_jax.models import blur, fit_density

BATCH, NUM_STEPS, DECAY = 256, 300, 0.99
EFFECTIVE = BATCH * (1 + DECAY) / (1 - DECAY)  # samples that an exponentially weighted mean is worth
DENSITY_ERROR = 0.01  # nats that two densities fitted in different ways may differ in the mean


@pytest.fixture(scope="module")
def stream():
    """Batches of a mixture of two classes, with the logits of the exact posteriors."""
    task = datasets.gaussian_mixture(jax.random.key(0), BATCH * NUM_STEPS, num_classes=2, correlation=0.4)
    logits = tuple(exact_logits(i, task) for i in task.information)
    return (task.features, logits, task.labels)


def exact_logits(information, task):
    log_p = jnp.minimum(information + task.log_prior[task.labels], -1e-6)
    log_other = jnp.log(-jnp.expm1(log_p))
    return jnp.where(jax.nn.one_hot(task.labels, 2) > 0, log_p[:, None], log_other[:, None])


def in_batches(stream):
    return jax.tree.map(lambda leaf: leaf.reshape(NUM_STEPS, BATCH, *leaf.shape[1:]), stream)


def tracker(space, **options):
    return init_tracker(
        jax.random.key(1), num_classes=2, num_features=(2, 2) if space == "features" else None, **options
    )


@jax.jit
def tracked(state, batches):
    return jax.lax.scan(lambda state, batch: (update_tracker(state, *batch), None), state, batches)[0]


@pytest.mark.slow
@pytest.mark.parametrize("space", ["posterior", "features"])
def test_converges_to_the_offline_estimate_on_a_stationary_stream(stream, space):
    features, logits, labels = stream
    state = tracked(tracker(space, decay=DECAY), in_batches(stream))
    log_prior = jnp.log(jnp.bincount(labels, length=2) / len(labels))
    np.testing.assert_allclose(jnp.exp(state.log_prior), jnp.exp(log_prior), atol=4 * 0.5 / np.sqrt(EFFECTIVE))
    surprisals = []
    for m in range(2):
        points = features[m] if space == "features" else posterior_coordinates(logits[m])
        train = points[:5000] if space == "features" else blur(jax.random.key(m), points[:5000])
        density = jax.jit(partial(fit_density, num_components=16, covariance="diagonal"))(jax.random.key(m), train)
        surprisals.append(density.surprisal(points))
    offline = decompose(*(pointwise_information(one, labels, log_prior) for one in logits), *surprisals)
    for name in offline._fields:
        part, running, by_class = (getattr(x, name) for x in (offline, state.means, state.class_means))
        error = 4 * float(part.std()) / np.sqrt(EFFECTIVE) + DENSITY_ERROR
        assert abs(float(part.mean() - running)) < error
        for label in (0, 1):
            assert abs(float(part[labels == label].mean() - by_class[label])) < 1.5 * error


@pytest.mark.slow
def test_a_step_is_pure_and_the_same_compiled(stream):
    batch = jax.tree.map(lambda leaf: leaf[0], in_batches(stream))
    state = tracker("features")
    before = jax.tree.map(jnp.copy, state)
    eager = update_tracker(state, *batch)
    chex.assert_trees_all_equal(*(jax.random.key_data(s.key) for s in (state, before)))
    chex.assert_trees_all_equal(*((s.densities, s.counts, s.sums) for s in (state, before)))
    compiled = jax.jit(update_tracker)(state, *batch)
    chex.assert_trees_all_close(eager.sums, compiled.sums, rtol=1e-4)
    chex.assert_trees_all_close(eager.densities, compiled.densities, atol=1e-4)


@pytest.mark.parametrize(
    ("space", "axis_type"),
    [("features", AxisType.Auto), pytest.param("posterior", AxisType.Explicit, marks=pytest.mark.slow)],
)
def test_a_batch_spread_over_a_mesh_gives_the_same(stream, axis_type, space):
    batch = jax.tree.map(lambda leaf: leaf[0], in_batches(stream))
    mesh = jax.make_mesh((8,), ("data",), axis_types=(axis_type,))
    alone = jax.jit(update_tracker)(tracker(space), *batch)
    with jax.set_mesh(mesh):
        spread = jax.device_put(batch, NamedSharding(mesh, PartitionSpec("data")))
        state = jax.device_put(tracker(space), NamedSharding(mesh, PartitionSpec()))
        together = jax.jit(update_tracker)(state, *spread)
    np.testing.assert_allclose(np.asarray(together.sums), np.asarray(alone.sums), rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(np.asarray(together.log_prior), np.asarray(alone.log_prior), rtol=1e-5)


@pytest.mark.slow
def test_it_sends_no_gradient_back(stream):
    features, logits, labels = jax.tree.map(lambda leaf: leaf[0], in_batches(stream))

    def tracked_redundancy(features, logits):
        return update_tracker(tracker("features"), features, logits, labels).means.redundancy

    slopes = jax.grad(tracked_redundancy, argnums=(0, 1))(features, logits)
    assert all(bool((leaf == 0).all()) for leaf in jax.tree.leaves(slopes))


def test_half_precision_and_constant_columns_stay_finite(stream):
    features, logits, labels = jax.tree.map(lambda leaf: leaf[0], in_batches(stream))
    dead = features[0].at[:, 0].set(0)
    halved = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), ((dead, features[1]), logits))
    state = tracker("features")
    for _ in range(3):
        state = jax.jit(update_tracker)(state, *halved, labels)
    chex.assert_tree_all_finite((state.means, state.class_means))
    assert state.sums.dtype == jnp.float32


def test_a_class_not_yet_seen_is_nan_and_spoils_nothing_else(stream):
    _, logits, labels = jax.tree.map(lambda leaf: leaf[0], in_batches(stream))
    state = update_tracker(tracker("posterior"), None, logits, jnp.zeros_like(labels))
    assert bool(jnp.isnan(state.class_means.redundancy[1]))
    assert bool(jnp.isfinite(state.class_means.redundancy[0]))
    assert bool(jnp.isfinite(jnp.stack(state.means)).all())


@pytest.mark.parametrize("space", ["posterior", "features"])
def test_bad_rows_are_left_out_and_counted(stream, space):
    features, logits, labels = jax.tree.map(lambda leaf: leaf[:64], stream)
    step = jax.jit(update_tracker)
    expected = step(tracker(space), features, logits, labels)
    # The same rows, between others that have no label or no numbers; the noise of posteriors differs from row to row.
    bad = [-1, 2, 0, 1, 0]
    values = [0.0, 0.0, jnp.nan, jnp.inf, -jnp.inf]
    more = [jnp.concatenate([x, jnp.tile(jnp.array(values)[:, None], 2)]) for x in logits]
    blocks = [jnp.pad(x, ((0, 5), (0, 0))) for x in features]
    all_labels = jnp.concatenate([labels, jnp.array(bad)])
    state = step(tracker(space), blocks, more, all_labels)
    assert state.num_left_out == len(bad)
    chex.assert_tree_all_finite(state.densities[0].knife)
    np.testing.assert_array_equal(state.counts, expected.counts)
    atol = 1e-5 if space == "features" else 0.5  # nats; a step of densities that were fitted with other noise
    chex.assert_trees_all_close(state.means, expected.means, atol=atol)
    again = step(state, [x[-5:] for x in blocks], [x[-5:] for x in more], all_labels[-5:])
    assert again.num_left_out == 2 * len(bad)
    chex.assert_trees_all_equal(again.densities, state.densities)
    chex.assert_trees_all_equal(again.sums, state.sums)


def test_features_that_are_not_finite_are_left_out(stream):
    features, logits, labels = jax.tree.map(lambda leaf: leaf[:8], stream)
    features = (features[0].at[3].set(jnp.nan), features[1].at[5, 0].set(jnp.inf))
    state = jax.jit(update_tracker)(tracker("features"), features, logits, labels)
    assert state.num_left_out == 2
    assert jnp.isfinite(jnp.stack(state.means)).all()


def test_bad_input_is_refused(stream):
    features, logits, labels = jax.tree.map(lambda leaf: leaf[0], in_batches(stream))
    with pytest.raises(ValueError, match="num_classes: expected at least 2"):
        init_tracker(jax.random.key(0), num_classes=1)
    with pytest.raises(ValueError, match="decay: expected"):
        tracker("posterior", decay=1.0)
    with pytest.raises(ValueError, match="features: expected two blocks"):
        update_tracker(tracker("features"), None, logits, labels)
    with pytest.raises(ValueError, match="logits: expected a tuple of 3 arrays"):
        update_tracker(tracker("features"), features, logits[:2], labels)
