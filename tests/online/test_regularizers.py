import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsmi_jax import (
    Interactions,
    Knife,
    batch_interactions,
    decompose,
    interaction_penalty,
    posterior_coordinates,
    shared_exclusions,
    soft_decompose,
)

WEIGHTS = (0.7, -0.3, 0.2, -1.0)
NUM_CLASSES = 3


@pytest.fixture
def batch(rng):
    features = tuple(jnp.asarray(rng.normal(size=(20, d)), jnp.float32) for d in (2, 4))
    logits = tuple(jnp.asarray(rng.normal(size=(20, NUM_CLASSES)), jnp.float32) for _ in range(3))
    return features, logits, jnp.asarray(rng.integers(0, NUM_CLASSES, 20))


@pytest.fixture
def densities(key, batch):
    return tuple(Knife(key, block, num_components=3) for block in batch[0])


LOG_PRIOR = jnp.log(jnp.full(NUM_CLASSES, 1 / NUM_CLASSES))


def penalty(features, logits, labels, densities, **options):
    return interaction_penalty(
        batch_interactions(features, logits, labels, LOG_PRIOR, densities, **options), weights=WEIGHTS
    )


@pytest.mark.parametrize("temperature", [3.0, 0.3, 1e-3])
def test_soft_parts_are_within_the_stated_bound_of_the_exact_ones(rng, temperature):
    arrays = [jnp.asarray(rng.normal(size=2000) * scale, jnp.float32) for scale in (1, 1, 1, 3, 3)]
    exact, soft = decompose(*arrays), soft_decompose(*arrays, temperature=temperature)
    round_off = 1e-5
    for one, other in zip(exact, soft, strict=True):
        assert float(jnp.abs(one - other).max()) <= temperature * np.log(2) + round_off
    low, high = jnp.minimum(*arrays[:2]), jnp.maximum(*arrays[:2])
    assert bool(((soft.redundancy >= low - round_off) & (soft.redundancy <= high + round_off)).all())
    for left, right in (
        (soft.redundancy + soft.unique1, arrays[0]),
        (soft.redundancy + soft.unique2, arrays[1]),
        (sum(soft), arrays[2]),
    ):
        np.testing.assert_allclose(left, right, atol=round_off)


def test_at_one_nat_it_is_shared_exclusions(rng):
    arrays = [jnp.asarray(rng.normal(size=100), jnp.float32) for _ in range(5)]
    expected = decompose(*arrays, redundancy=shared_exclusions)
    chex.assert_trees_all_close(soft_decompose(*arrays, temperature=1.0), expected, atol=1e-5)


@pytest.mark.parametrize("temperature", [None, 0.5])
def test_gradients_agree_with_finite_differences(batch, densities, temperature, x64):
    """In float64, away from the kinks of the exact minimum, which random rows are almost surely."""
    features, logits, labels = jax.tree.map(lambda x: x.astype(float) if x.dtype == jnp.float32 else x, batch)
    options = {"temperature": temperature, "through_surprisals": True}

    @jax.jit
    def loss(features, logits):
        return penalty(features, logits, labels, densities, **options).astype(float)

    jax.test_util.check_grads(lambda logits: loss(features, logits), (logits,), order=1, modes=["rev"], atol=1e-3)
    # Surprisals are float32 whatever the input, which bounds what differences can show.
    slopes = jax.grad(loss)(features, logits)
    for m in range(2):
        direction = jnp.ones_like(features[m]) / 10

        def along(t, m=m, direction=direction):
            moved = list(features)
            moved[m] = features[m] + t * direction
            return loss(tuple(moved), logits)

        difference = (along(1e-2) - along(-1e-2)) / 2e-2
        np.testing.assert_allclose((slopes[m] * direction).sum(), difference, atol=2e-3)


def test_features_and_densities_take_no_gradient_unless_asked(batch, densities):
    features, logits, labels = batch
    for through in (False, True):

        def loss(features, logits, densities, through=through):
            return penalty(features, logits, labels, densities, temperature=0.5, through_surprisals=through)

        of_features, of_logits, of_densities = jax.jit(jax.grad(loss, argnums=(0, 1, 2)))(features, logits, densities)
        assert all(bool((leaf != 0).any()) for leaf in of_logits)
        assert all(bool((leaf != 0).any()) == through for leaf in of_features)
        assert all(bool((leaf == 0).all()) for leaf in jax.tree.leaves(of_densities))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("temperature", [None, 1e-3, 1.0])
def test_finite_at_the_edges(batch, densities, dtype, temperature):
    """Ties, logits that are sure and wrong, features a thousand deviations away."""
    features, logits, labels = batch
    edges = jax.tree.map(lambda x: x.at[:5].set(0).at[5:8].multiply(1e3).astype(dtype), (features, logits))

    def loss(features, logits):
        return penalty(features, logits, labels, densities, temperature=temperature, through_surprisals=True)

    value, grads = jax.value_and_grad(loss, argnums=(0, 1))(*edges)
    assert value.dtype == jnp.float32
    chex.assert_tree_all_finite((value, grads))
    assert all(leaf.dtype == dtype for leaf in jax.tree.leaves(grads))


@pytest.mark.slow
def test_compiled_mapped_checkpointed_and_scanned_it_is_the_same(batch, densities):
    features, logits, labels = batch

    def slope(scale):
        def loss(scale):
            scaled = tuple(scale * one for one in logits)
            return penalty(features, scaled, labels, densities, temperature=0.1)

        return jax.grad(loss)(scale), jax.grad(jax.checkpoint(loss))(scale)

    scales = jnp.array([0.5, 1.0, 2.0])
    plain = [slope(scale)[0] for scale in scales]
    for mapped in jax.jit(jax.vmap(slope))(scales):
        np.testing.assert_allclose(mapped, plain, rtol=1e-4)
    scanned = jax.lax.scan(lambda carry, scale: (carry, slope(scale)[0]), 0, scales)[1]
    np.testing.assert_allclose(scanned, plain, rtol=1e-4)


def test_a_temperature_may_be_traced(batch, densities):
    features, logits, labels = batch

    def loss(temperature):
        return penalty(features, logits, labels, densities, temperature=temperature)

    np.testing.assert_allclose(jax.jit(loss)(0.3), loss(0.3), rtol=1e-5)


def test_descending_the_penalty_lowers_what_it_penalises(batch, key):
    """A redundancy penalty through posterior coordinates: the whole chain is differentiable."""
    _, logits, labels = batch
    densities = tuple(Knife(key, posterior_coordinates(one), num_components=2) for one in logits[:2])

    def redundancy(logits):
        points = tuple(map(posterior_coordinates, logits[:2]))
        parts = batch_interactions(
            points, logits, labels, LOG_PRIOR, densities, temperature=0.5, through_surprisals=True
        )
        return interaction_penalty(parts, weights=(1, 0, 0, 0))

    slope = jax.grad(redundancy)(logits)
    moved = jax.tree.map(lambda one, g: one - 0.5 * g, logits, slope)
    assert float(redundancy(moved)) < float(redundancy(logits))


def test_bad_input_is_refused(batch, densities):
    features, logits, labels = batch
    with pytest.raises(ValueError, match="temperature: expected a positive"):
        soft_decompose(0.0, 0.0, 0.0, 0.0, 0.0, temperature=0.0)
    with pytest.raises(ValueError, match="logits: expected a tuple of 3 arrays, got 2"):
        batch_interactions(features, logits[:2], labels, LOG_PRIOR, densities)
    with pytest.raises(ValueError, match="weights: expected a tuple of 4"):
        interaction_penalty(Interactions(*jnp.zeros((4, 2))), weights=(1, 2))
