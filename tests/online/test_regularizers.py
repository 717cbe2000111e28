import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsmi_jax import (
    Interactions,
    batch_interactions,
    decompose,
    interaction_penalty,
    shared_exclusions,
    soft_decompose,
)
from lsmi_jax.union import fit_potentials

WEIGHTS = (0.7, -0.3, 0.2, -1.0)
NUM_CLASSES = 3
LOG_PRIOR = jnp.log(jnp.full(NUM_CLASSES, 1 / NUM_CLASSES))


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    logits = tuple(jnp.asarray(rng.normal(size=(20, NUM_CLASSES)), jnp.float32) for _ in range(3))
    return logits, jnp.asarray(rng.integers(0, NUM_CLASSES, 20))


@pytest.fixture(scope="module")
def potentials(batch):
    return jax.jit(fit_potentials, static_argnames="num_cells")(
        jax.random.key(0), batch[0][:2], LOG_PRIOR, num_cells=16
    )


def penalty(logits, labels, potentials, weights=WEIGHTS):
    return interaction_penalty(batch_interactions(logits, labels, LOG_PRIOR, potentials), weights=weights)


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


def test_parts_add_up_to_the_information(batch, potentials):
    logits, labels = batch
    r, u1, u2, s = batch_interactions(logits, labels, LOG_PRIOR, potentials)
    rows = jnp.arange(len(labels))
    i1, i2, i12 = (jax.nn.log_softmax(view)[rows, labels] - LOG_PRIOR[labels] for view in logits)
    for left, right in ((r + u1, i1), (r + u2, i2), (r + u1 + u2 + s, i12)):
        np.testing.assert_allclose(left, right, atol=1e-5)


@pytest.mark.slow
def test_gradients_agree_with_finite_differences(batch, potentials):
    logits, labels = batch
    loss = jax.jit(lambda logits: penalty(logits, labels, potentials))
    slopes = jax.grad(loss)(logits)
    rng = np.random.default_rng(1)
    for _ in range(5):
        direction = tuple(jnp.asarray(rng.normal(size=view.shape), jnp.float32) for view in logits)

        def along(t, direction=direction):
            return loss(tuple(view + t * own for view, own in zip(logits, direction, strict=True)))

        difference = (along(1e-2) - along(-1e-2)) / 2e-2
        total = sum((slope * own).sum() for slope, own in zip(slopes, direction, strict=True))
        np.testing.assert_allclose(total, difference, atol=5e-3)


def test_potentials_take_no_gradient(batch, potentials):
    logits, labels = batch
    of_logits, of_potentials = jax.jit(jax.grad(penalty, argnums=(0, 2)))(logits, labels, potentials)
    assert all(bool((leaf != 0).any()) for leaf in of_logits)
    assert all(bool((leaf == 0).all()) for leaf in jax.tree.leaves(of_potentials))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_finite_at_the_edges(batch, potentials, dtype):
    """Ties, and logits that are sure and wrong."""
    logits, labels = batch
    edges = jax.tree.map(lambda x: x.at[:5].set(0).at[5:8].multiply(1e3).astype(dtype), logits)
    value, grads = jax.value_and_grad(penalty)(edges, labels, potentials)
    assert value.dtype == jnp.float32
    chex.assert_tree_all_finite((value, grads))
    assert all(leaf.dtype == dtype for leaf in grads)


@pytest.mark.slow
def test_compiled_mapped_checkpointed_and_scanned_it_is_the_same(batch, potentials):
    logits, labels = batch

    def slope(scale):
        def loss(scale):
            return penalty(tuple(scale * one for one in logits), labels, potentials)

        return jax.grad(loss)(scale), jax.grad(jax.checkpoint(loss))(scale)

    scales = jnp.array([0.5, 1.0, 2.0])
    plain = [slope(scale)[0] for scale in scales]
    for mapped in jax.jit(jax.vmap(slope))(scales):
        np.testing.assert_allclose(mapped, plain, rtol=1e-3, atol=1e-5)
    scanned = jax.lax.scan(lambda carry, scale: (carry, slope(scale)[0]), 0, scales)[1]
    np.testing.assert_allclose(scanned, plain, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("part", range(4))
def test_descending_the_penalty_lowers_what_it_penalizes(batch, potentials, part):
    logits, labels = batch
    weights = tuple(float(k == part) for k in range(4))
    loss = jax.jit(lambda logits: penalty(logits, labels, potentials, weights))
    slope = jax.grad(loss)(logits)
    moved = jax.tree.map(lambda one, g: one - 0.5 * g, logits, slope)
    assert float(loss(moved)) < float(loss(logits))


def test_bad_input_is_refused(batch, potentials):
    logits, labels = batch
    with pytest.raises(ValueError, match="temperature: expected a positive"):
        soft_decompose(0.0, 0.0, 0.0, 0.0, 0.0, temperature=0.0)
    with pytest.raises(ValueError, match="logits: expected a tuple of 3 arrays, got 2"):
        batch_interactions(logits[:2], labels, LOG_PRIOR, potentials)
    with pytest.raises(TypeError, match="potentials: expected"):
        batch_interactions(logits, labels, LOG_PRIOR, logits)
    with pytest.raises(ValueError, match="weights: expected a tuple of 4"):
        interaction_penalty(Interactions(*jnp.zeros((4, 2))), weights=(1, 2))
