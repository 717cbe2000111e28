import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lsmi_jax
from lsmi_jax import KINDS, gain, kind
from lsmi_jax.decomposition import THRESHOLD

T = THRESHOLD
SWAPPED = np.array([0, 2, 1, 3, 5, 4, 6])  # codes after the modalities swap
NATS = st.floats(-3, 3, width=32) | st.sampled_from([np.float32(T), -np.float32(T), np.float32(0)])


def name(i1, i2, i12, **options):
    return KINDS[kind(jnp.float32(i1), jnp.float32(i2), jnp.float32(i12), **options)]


@pytest.mark.parametrize(
    ("information", "expected"),
    [
        ((0.6, 0.6, 0.6), "both know"),
        ((0.6, 0.0, 0.6), "only x1"),
        ((0.6, 0.0, 2.0), "only x1"),  # whatever both add
        ((0.0, 0.6, 0.6), "only x2"),
        ((0.0, 0.0, 0.6), "only together"),
        ((-1.0, -1.0, 0.6), "only together"),
        ((-1.0, 0.0, 0.6), "only together"),
        ((-1.0, 0.0, 0.0), "x1 misleads"),
        ((-1.0, 0.6, -1.0), "x1 misleads"),
        ((0.6, -1.0, 0.0), "x2 misleads"),
        ((0.0, -1.0, -1.0), "x2 misleads"),
        ((0.0, 0.0, 0.0), "none knows"),
        ((-1.0, -1.0, -1.0), "none knows"),
        ((-3.0, -3.0, -1.0), "none knows"),  # a gain, and yet no knowledge
        ((0.3, 0.3, 0.5), "none knows"),  # knowledge, and yet hardly a gain
        ((np.nan, np.nan, np.nan), "none knows"),
        ((np.inf, -np.inf, np.inf), "x2 misleads"),
    ],
)
def test_kinds(information, expected):
    assert name(*information) == expected


@given(NATS, NATS, NATS)
def test_kinds_are_symmetric_and_keep_their_promise(i1, i2, i12):
    i1, i2, i12 = (jnp.float32(i) for i in (i1, i2, i12))
    code = int(kind(i1, i2, i12))
    assert 0 <= code < len(KINDS)
    assert int(kind(i2, i1, i12)) == SWAPPED[code]
    if KINDS[code] == "only together":
        assert max(i1, i2) < np.float32(T)
        assert gain(i1, i2, i12) >= np.float32(T)
    if KINDS[code] in ("both know", "only x1", "x2 misleads"):
        assert i1 > -np.float32(T)


def test_every_kind_exists_and_the_threshold_decides():
    grid = jnp.asarray(list(itertools.product([-1.0, 0.0, 1.0], repeat=3)), jnp.float32)
    assert set(map(int, kind(*grid.T))) == set(range(len(KINDS)))
    assert name(0.5, 0.0, 0.5, threshold=0.6) == "none knows"
    with pytest.raises(ValueError, match="threshold: expected a positive number, got 0"):
        name(0.5, 0.0, 0.5, threshold=0)


def test_transformations_and_dtypes():
    grid = jnp.asarray(list(itertools.product([-1.0, 0.0, 1.0], repeat=3)), jnp.float32)
    expected = kind(*grid.T)
    assert expected.dtype == jnp.int32
    np.testing.assert_array_equal(jax.jit(kind)(*grid.T), expected)
    np.testing.assert_array_equal(jax.vmap(kind)(*grid.T), expected)
    np.testing.assert_array_equal(kind(*grid.T.astype(jnp.bfloat16)), expected)
    np.testing.assert_array_equal(jax.vmap(jax.grad(gain, argnums=2))(*grid.T), 1)
    with pytest.raises(TypeError, match="i2: expected a floating dtype"):
        kind(grid[:, 0], np.zeros(27, int), grid[:, 2])
    with pytest.raises(ValueError, match=r"i12: expected shape \(27,\) as i1"):
        gain(grid[:, 0], grid[:, 1], grid[:5, 2])


def test_gain_is_synergy_and_the_smaller_uniqueness(rng):
    information = jnp.asarray(rng.normal(size=(3, 50)), jnp.float32)
    for redundancy in (lsmi_jax.minimum_information, lsmi_jax.common_change):
        parts = lsmi_jax.decompose(*information, None, None, redundancy=redundancy)
        expected = parts.synergy + jnp.minimum(parts.unique1, parts.unique2)
        np.testing.assert_allclose(gain(*information), expected, atol=1e-5)


def test_exclusive_or_is_only_together():
    log2 = np.float32(np.log(2))
    assert name(0, 0, log2) == "only together"
    assert float(gain(jnp.float32(0), jnp.float32(0), jnp.float32(log2))) == pytest.approx(2 * T)
