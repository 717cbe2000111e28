"""Units of columns: nothing changes but for columns that float32 cannot hold."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax.inputs import in_units, units_of

DRAWN = np.random.default_rng(0).normal(size=(200, 3)) * [1, 50, 0.01] + [0, 100, 3]


def test_ordinary_columns_stay_as_they_are():
    for block in (
        DRAWN,
        DRAWN.astype(np.float32),
        (DRAWN * 100).astype(int),
        DRAWN > 0,
        jnp.asarray(DRAWN, jnp.float32),
    ):
        units = units_of(block)
        assert not units.center.any()
        np.testing.assert_array_equal(units.scale, 1)
        np.testing.assert_array_equal(in_units(block, units), block.astype(np.float32))


@pytest.mark.parametrize("factor", [1e-300, 1e-28, 1e20])
def test_extreme_scales_are_powers_of_two(factor):
    rows = np.asarray(in_units(DRAWN * factor, units_of(DRAWN * factor)), np.float64)
    assert np.isfinite(rows).all()
    if factor > 1e-30:  # within the exponents of a float32 scale
        scale = np.asarray(units_of(DRAWN * factor).scale, np.float64)
        np.testing.assert_array_equal(np.log2(scale), np.round(np.log2(scale)))
        np.testing.assert_allclose(rows * scale, DRAWN * factor, rtol=np.finfo(np.float32).eps)
        assert (abs(rows).max(0) < 1e3).all()


@pytest.mark.parametrize("kind", [np.float64, np.int64])
def test_time_stamps_keep_their_differences(kind):
    seconds = (1.7e9 + np.arange(1000) * 60).astype(kind)[:, None]
    fine = (1.7e9 + np.arange(1000) / 1024)[:, None]
    for block in (seconds, fine):
        units = units_of(block)
        rows = np.asarray(in_units(block, units), np.float64)
        step = float(block[1, 0] - block[0, 0])
        np.testing.assert_allclose(np.diff(rows[:, 0]), step, rtol=1e-3 if block is fine else 1e-6)
    # New rows are in the units of the old ones.
    later = in_units(seconds[-1:] + 60, units_of(seconds))
    np.testing.assert_allclose(later[0, 0] - in_units(seconds, units_of(seconds))[-1, 0], 60)


def test_round_off_is_no_information():
    noise = 0.1 + np.random.default_rng(0).normal(size=(100, 1)) * 1e-16
    assert len(np.unique(np.asarray(in_units(noise, units_of(noise))))) == 1


def test_on_a_device_as_on_the_host():
    block = (DRAWN * [1e-28, 1, 1e20] + [0, 1e5, 0]).astype(np.float32)
    host, device = units_of(block), units_of(jnp.asarray(block))
    np.testing.assert_array_equal(host.scale, device.scale)
    np.testing.assert_allclose(host.center, device.center, rtol=1e-5)
    np.testing.assert_allclose(in_units(block, host), in_units(jnp.asarray(block), host), rtol=1e-6)


@pytest.mark.parametrize(
    "redundancy",
    [
        lsmi_jax.UnionInformation(),
        lsmi_jax.SpecificityAmbiguity(num_components=4),
    ],
)
@pytest.mark.slow
def test_extreme_units_change_nothing(blobs, redundancy, tmp_path):
    (x1, x2), labels = blobs
    key, factor = jax.random.key(0), 2.0**-93
    expected = lsmi_jax.fit_estimator(key, (x1, x2), labels, redundancy=redundancy)
    scaled = lsmi_jax.fit_estimator(key, (factor * x1, x2), labels, redundancy=redundancy)
    lsmi_jax.save(tmp_path / "saved", scaled)
    wanted = lsmi_jax.score(expected, (x1, x2), labels)
    got = lsmi_jax.score(lsmi_jax.load(tmp_path / "saved"), (factor * x1, x2), labels)
    for one, other in zip(wanted.information, got.information, strict=True):
        np.testing.assert_array_equal(one, other)
    if wanted.surprisal is not None:  # in the units of the data
        shift = x1.shape[1] * np.log(factor)
        np.testing.assert_allclose(got.surprisal[0] - shift, wanted.surprisal[0], atol=1e-4)
