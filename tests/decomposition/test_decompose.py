from functools import partial
from itertools import product

import dit
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dit.pid import PID_CCS, PID_PM, PID_SX
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads

from lsmi_jax import (
    Interactions,
    adjust,
    common_change,
    decompose,
    minimum_information,
    shared_exclusions,
    single_source_fraction,
    specificity_ambiguity,
)
from lsmi_jax.decomposition import adjustment, information_of, set_to_zero

REDUNDANCIES = [specificity_ambiguity, common_change, shared_exclusions, minimum_information]
LN2 = np.log(2)


def random_joint(seed):
    """p[x1, x2, y] of a random distribution, a third of them with zeros."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(2, 4, size=3))
    joint = rng.dirichlet(np.ones(np.prod(shape))).reshape(shape)
    if seed % 3 == 0:
        joint = np.where(rng.random(shape) < 0.3, 0, joint)
    return joint / joint.sum()


def gate(function, shape=(2, 2, 2)):
    joint = np.zeros(shape)
    for a, b in product(range(shape[0]), range(shape[1])):
        joint[a, b, function(a, b)] += 1
    return joint / joint.sum()


def redundant():
    joint = np.zeros((2, 2, 2))
    joint[0, 0, 0] = joint[1, 1, 1] = 0.5
    return joint


JOINTS = {
    "AND": gate(lambda a, b: a & b),
    "OR": gate(lambda a, b: a | b),
    "XOR": gate(lambda a, b: a ^ b),
    "COPY": gate(lambda a, b: 2 * a + b, (2, 2, 4)),
    "UNQ": gate(lambda a, b: a),
    "RDN": redundant(),
    **{f"random{seed}": random_joint(seed) for seed in range(50)},
}


def arrays(joint):
    """Outcomes, probabilities, (i1, i2, i12, h1, h2) and h12 of a discrete joint, by enumeration."""
    p1, p2, p12, py = joint.sum((1, 2)), joint.sum((0, 2)), joint.sum(2), joint.sum((0, 1))
    p1y, p2y = joint.sum(1), joint.sum(0)
    outcomes = np.argwhere(joint > 0)
    a, b, y = outcomes.T
    i1 = np.log(p1y[a, y] / p1[a] / py[y])
    i2 = np.log(p2y[b, y] / p2[b] / py[y])
    i12 = np.log(joint[a, b, y] / p12[a, b] / py[y])
    return outcomes, joint[a, b, y], (i1, i2, i12, -np.log(p1[a]), -np.log(p2[b])), -np.log(p12[a, b])


def as_dit(joint):
    outcomes, probabilities, _, _ = arrays(joint)
    return dit.Distribution([tuple(map(int, o)) for o in outcomes], probabilities)


@pytest.mark.parametrize("name", JOINTS)
def test_pointwise_redundancy_agrees_with_dit(name, x64):
    outcomes, _, five, h12 = arrays(JOINTS[name])
    measures = [(PID_PM, specificity_ambiguity), (PID_SX, partial(shared_exclusions, h12=h12))]
    for oracle, redundancy in measures:
        theirs = oracle._pointwise_measure(as_dit(JOINTS[name]), ((0,), (1,)), (2,))
        expected = [LN2 * theirs[tuple(map(int, outcome))] for outcome in outcomes]
        ours = decompose(*five, redundancy=redundancy).redundancy
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", JOINTS)
def test_common_change_agrees_with_dit(name, x64, monkeypatch):
    # Ours is on the given distribution; dit first passes to the one of maximum entropy, and that by an
    # optimizer whose error is above 1e-9.
    monkeypatch.setattr("dit.pid.measures.iccs.maxent_dist", lambda distribution, marginals: distribution)
    _, probabilities, five, _ = arrays(JOINTS[name])
    five = tuple(np.where(np.isclose(part, 0), 0.0, part) for part in five)  # as dit does
    ours = probabilities @ np.asarray(common_change(*map(jnp.asarray, five)))
    expected = LN2 * PID_CCS._measure(as_dit(JOINTS[name]), ((0,), (1,)), (2,))
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9)


nats = st.floats(-50, 50, width=32, allow_subnormal=False)
surprisals = st.floats(-4000, 4000, width=32, allow_subnormal=False)
five_arrays = st.tuples(nats, nats, nats, surprisals, surprisals)


@pytest.mark.parametrize("redundancy", REDUNDANCIES)
@given(five=five_arrays)
def test_parts_add_up(enable_x64, redundancy, five):
    with enable_x64(True):
        i1, i2, i12, _, _ = five
        r, u1, u2, s = decompose(*map(np.float64, five), redundancy=redundancy)
        np.testing.assert_allclose([r + u1, r + u2, r + u1 + u2 + s], [i1, i2, i12], rtol=0, atol=1e-9)


@pytest.mark.parametrize("redundancy", [specificity_ambiguity, shared_exclusions, minimum_information])
@given(five=five_arrays)
def test_redundancy_lies_between_the_informations(enable_x64, redundancy, five):
    with enable_x64(True):
        i1, i2, _, _, _ = five
        r = decompose(*map(np.float64, five), redundancy=redundancy).redundancy
        assert min(i1, i2) - 1e-9 <= r <= max(i1, i2) + 1e-9


@given(five=five_arrays)
def test_definition_and_sign_of_the_paper(enable_x64, five):
    with enable_x64(True):
        i1, i2, _, h1, h2 = five
        r, u1, u2, _ = decompose(*map(np.float64, five))
        assert abs(r - (min(h1, h2) - min(h1 - i1, h2 - i2))) < 1e-9
        if h1 != h2:
            assert (u1 if h1 < h2 else u2) <= 1e-9


@given(i1=nats, i2=nats, i12=nats)
def test_a_far_smaller_surprisal_takes_both_minima(i1, i2, i12):
    r, u1, _, _ = decompose(np.float32(i1), np.float32(i2), np.float32(i12), np.float32(-1e6), np.float32(0))
    assert abs(r - np.float32(i1)) <= 0.13  # float32 resolution at 1e6
    assert abs(u1) <= 0.13


@pytest.mark.parametrize("redundancy", REDUNDANCIES)
def test_modalities_are_interchangeable(rng, redundancy):
    i1, i2, i12, h1, h2 = rng.normal(size=(5, 100)).astype(np.float32)
    r, u1, u2, s = decompose(i1, i2, i12, h1, h2, redundancy=redundancy)
    swapped = decompose(i2, i1, i12, h2, h1, redundancy=redundancy)
    np.testing.assert_allclose(swapped, (r, u2, u1, s), atol=1e-5)


def test_difference_form_keeps_its_digits_at_large_surprisal(enable_x64, rng):
    i1, i2, i12 = rng.normal(size=(3, 1000))
    h1 = 3000 + rng.normal(size=1000)
    h2 = h1 + rng.normal(size=1000)
    rounded = [part.astype(np.float32) for part in (i1, i2, i12, h1, h2)]
    exact = [part.astype(np.float64) for part in rounded]
    with enable_x64(True):
        expected = np.asarray(decompose(*exact).redundancy)
    ours = decompose(*rounded).redundancy
    assert ours.dtype == jnp.float32
    np.testing.assert_allclose(ours, expected, rtol=0, atol=8 * np.finfo(np.float32).eps)


def test_bfloat16_is_computed_in_float32(rng):
    five = jnp.asarray(rng.normal(size=(5, 50)), jnp.bfloat16)
    ours = decompose(*five)
    assert ours.redundancy.dtype == jnp.float32
    np.testing.assert_array_equal(ours, decompose(*five.astype(jnp.float32)))


@pytest.mark.parametrize("redundancy", REDUNDANCIES)
def test_eager_jit_and_vmap_agree_and_gradients_are_finite(rng, redundancy):
    five = jnp.asarray(rng.normal(size=(5, 64)), jnp.float32).at[:, :4].set(0.0)  # all ties among them
    function = partial(decompose, redundancy=redundancy)
    eager = function(*five)
    np.testing.assert_allclose(jax.jit(function)(*five), eager, atol=1e-6)
    np.testing.assert_allclose(jax.vmap(function)(*five), eager, atol=1e-6)
    grads = jax.grad(lambda five: sum(part.sum() for part in function(*five)))(five)
    assert jnp.isfinite(grads).all()


def test_gradients_agree_with_finite_differences(rng, x64):
    five = jnp.asarray(rng.normal(size=(5, 30)))
    for redundancy in (specificity_ambiguity, shared_exclusions, minimum_information):
        check_grads(lambda *a, f=redundancy: decompose(*a, redundancy=f), five, order=1, modes=["rev"])


def test_single_source_fraction_counts_by_definition(rng):
    i1, i2, h1, h2 = rng.normal(size=(4, 1000)).astype(np.float32)
    expected = np.mean((h1 <= h2) == (h1 - i1 <= h2 - i2))
    np.testing.assert_allclose(single_source_fraction(i1, i2, h1, h2), expected, atol=2e-3)
    assert single_source_fraction(i1, i2, h1 - 100, h2) == 1


@pytest.mark.parametrize(
    ("means", "shift"),
    [
        ((-0.2, 0.5, 0.6, 0.1), 0.2),
        ((0.3, 0.5, 0.6, -0.4), 0.4),
        ((-0.2, 0.5, 0.6, -0.4), 0.4),
        ((0.5, -0.1, -0.3, 0.2), -0.3),
        ((0.5, 0.1, 0.0, 0.2), 0.0),
    ],
)
def test_adjust_makes_the_least_mean_zero_and_keeps_the_informations(rng, means, shift):
    noise = rng.normal(size=(4, 200))
    parts = Interactions(*(jnp.asarray(m + z - z.mean(), jnp.float32) for m, z in zip(means, noise, strict=True)))
    r, u1, u2, s = adjust(parts)
    np.testing.assert_allclose(r - parts.redundancy, shift, atol=1e-5)
    raw, shifted = (Interactions(*(part.mean() for part in of)) for of in (parts, (r, u1, u2, s)))
    zero = np.isclose(shifted, 0, atol=1e-5) & (adjustment(raw) != 0)
    np.testing.assert_array_equal(set_to_zero(raw, adjustment(raw)), zero)
    before, after = parts, Interactions(r, u1, u2, s)
    for pair in (lambda p: p.redundancy + p.unique1, lambda p: p.redundancy + p.unique2, sum):
        np.testing.assert_allclose(pair(after), pair(before), atol=1e-5)


def test_errors_name_the_argument():
    zeros = jnp.zeros(3)
    with pytest.raises(ValueError, match=r"h2: expected shape \(3,\) as i1, got \(4,\)"):
        decompose(zeros, zeros, zeros, zeros, jnp.zeros(4))
    with pytest.raises(TypeError, match="i12: expected a floating dtype, got int32"):
        decompose(zeros, zeros, jnp.zeros(3, jnp.int32), zeros, zeros)


def test_one_surprisal_alone_is_an_error():
    with pytest.raises(ValueError, match=r"^h2: expected both surprisals or none, got one"):
        decompose(0.5, 0.25, 1.0, 3.0)
    with pytest.raises(ValueError, match=r"^h1: expected both surprisals or none, got one"):
        decompose(0.5, 0.25, 1.0, h2=3.0)


def test_parts_add_up_to_information(rng):
    information = rng.normal(size=(3, 50))
    parts = decompose(*information, *rng.normal(size=(2, 50)))
    np.testing.assert_allclose(information_of(parts), information, atol=1e-6)


def test_rows_of_weight_zero_are_in_no_fraction():
    i, h = jnp.zeros(4), jnp.arange(4.0)
    # One modality has both smaller surprisals where neither knows anything, unless the information decides otherwise.
    other = jnp.array([0.0, 0.0, 9.0, 9.0])
    assert single_source_fraction(i, other, h, h + 1) == 0.5
    assert single_source_fraction(i, other, h, h + 1, jnp.array([1.0, 1.0, 0.0, 0.0])) == 1
