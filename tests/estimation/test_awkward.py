"""Small and awkward data, each with what must come out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax import SpecificityAmbiguity, encode_labels, estimate
from lsmi_jax.estimation import all_finite

FAST = {"num_folds": 2, "redundancy": SpecificityAmbiguity(num_components=4)}


def is_sound(result):
    assert float(result.diagnostics.finite_fraction) == 1
    return [float(i.mean()) for i in result.information]


def test_all_finite_is_exactly_one_in_any_number():
    """A float32 mean of 24635 ones is 0.99999994."""
    for size in (3, 1000, 24635):
        assert float(all_finite(jnp.ones(size))) == 1
    assert float(all_finite(jnp.ones(4), jnp.array([1.0, jnp.inf, jnp.nan, 1.0]))) == 0.5


@pytest.mark.slow
def test_few_samples_of_many_columns(key, rng):
    """No claim of information where there is none, and some found where every column says a little."""
    labels = np.arange(60) % 2
    noise = rng.normal(size=(60, 150))
    signal = rng.normal(size=(60, 150)) + labels[:, None]
    i1, i2, i12 = is_sound(estimate(key, (noise, signal), labels, **FAST))
    assert abs(i1) < 0.15
    assert i2 > 0.3
    assert i12 > 0.2


@pytest.mark.slow
def test_many_classes_of_few_samples(key, rng):
    labels = np.arange(1600) % 100
    centers = rng.normal(size=(100, 8)) * 2
    features = (centers[labels] + rng.normal(size=(1600, 8)), rng.normal(size=(1600, 4)))
    i1, i2, i12 = is_sound(estimate(key, features, labels, **FAST))
    assert 1.5 < i1 < np.log(100)
    assert abs(i2) < 0.1
    assert i12 > i1 - 0.3


@pytest.mark.slow
def test_a_rare_class_and_useless_features_give_nothing_not_log_k(key, rng):
    labels = (np.arange(1000) % 100 == 0).astype(int)
    features = (rng.normal(size=(1000, 3)), rng.normal(size=(1000, 3)))
    assert all(abs(i) < 0.02 for i in is_sound(estimate(key, features, labels, **FAST)))


@pytest.mark.slow
def test_a_modality_of_noise_adds_nothing(key, rng):
    labels = rng.integers(0, 2, 600)
    features = (rng.normal(size=(600, 2)) + 2 * labels[:, None], rng.normal(size=(600, 3)))
    result = estimate(key, features, labels, **FAST)
    i1, i2, i12 = is_sound(result)
    assert abs(i2) < 0.02
    assert abs(i12 - i1) < 0.03
    _, u1, u2, s = (float(part.mean()) for part in result.adjusted)
    assert u1 > 0.8 * i1
    assert abs(u2) < 0.02
    assert abs(s) < 0.05


@pytest.mark.slow
def test_identical_modalities_are_all_redundancy(key, rng):
    labels = rng.integers(0, 2, 600)
    x = rng.normal(size=(600, 2)) + labels[:, None]
    result = estimate(key, (x, x), labels, **FAST)
    i1, _, i12 = is_sound(result)
    r, u1, u2, s = (float(part.mean()) for part in result.adjusted)
    assert abs(i12 - i1) < 0.02
    assert r > 0.9 * i1
    assert max(abs(u1), abs(u2), abs(s)) < 0.1 * i1


@pytest.mark.slow
def test_ties_and_duplicates_keep_densities_bounded(key, rng):
    """Kernels are no narrower than a thousandth of a column's spread, so a column adds at most ln 1000."""
    labels = rng.integers(0, 2, 400)
    x1 = np.stack([labels ^ (rng.random(400) < 0.2), np.full(400, 3)], axis=1)
    x2 = np.repeat(rng.integers(0, 3, (100, 2)), 4, axis=0)
    options = FAST | {"redundancy": SpecificityAmbiguity(num_components=4)}
    result = estimate(key, (x1, x2), labels, **options)
    i1, _, _ = is_sound(result)
    assert abs(i1 - (np.log(2) + 0.2 * np.log(0.2) + 0.8 * np.log(0.8))) < 4 * 0.55 / np.sqrt(400)
    assert min(float(h.min()) for h in result.surprisal) > -3 * np.log(1000)


@pytest.mark.slow
def test_float16_features(key, rng):
    labels = rng.integers(0, 2, 200)
    x1, x2 = ((rng.normal(size=(200, 2)) + labels[:, None]).astype(np.float16) for _ in range(2))
    half = estimate(key, (jnp.asarray(x1), jnp.asarray(x2)), labels, **FAST)
    full = estimate(key, (x1.astype(np.float32), x2.astype(np.float32)), labels, **FAST)
    jax.tree.map(np.testing.assert_array_equal, half.interactions, full.interactions)


def test_labels_of_any_kind_are_numbered():
    encoded, classes = encode_labels(["dog", "cat", "dog", "eel"])
    np.testing.assert_array_equal(classes[encoded], ["dog", "cat", "dog", "eel"])
    assert encoded.dtype == np.int32
    np.testing.assert_array_equal(encode_labels(np.array([7, 3, 7]))[0], [1, 0, 1])
    for missing in (["a", None], [1.0, float("nan")]):
        with pytest.raises(ValueError, match="labels: expected no missing values, got 1 among 2"):
            encode_labels(missing)
    with pytest.raises(TypeError, match="labels: expected values of one type"):
        encode_labels(["a", 1])
    with pytest.raises(ValueError, match=r"labels: expected shape \[n\], got \(2, 2\)"):
        encode_labels(np.zeros((2, 2)))


def test_errors_of_estimate_name_the_helper(key, rng):
    features = (rng.normal(size=(40, 2)), rng.normal(size=(40, 2)))
    for labels, error in ((["a", "b"] * 20, TypeError), ([0, 2] * 20, ValueError), ([0, 10**6] * 20, ValueError)):
        with pytest.raises(error, match=r"labels: .*encode_labels"):
            estimate(key, features, np.array(labels))


def test_real_features_with_known_types(key, rng):
    pool1, pool2 = rng.normal(size=(300, 2)), rng.normal(size=(300, 3))
    digits1, digits2 = np.arange(300) % 5, np.arange(300) % 5
    pool1[:, 0], pool2[:, 0] = digits1, digits2
    samples = lsmi_jax.datasets.preset_from_pool(key, pool1, digits1, pool2, digits2, num_classes=3, num_samples=150)
    a, b = (np.asarray(x[:, 0]).astype(int) for x in samples.features)
    labels, types = np.asarray(samples.labels), np.asarray(samples.sample_types)
    np.testing.assert_array_equal(np.bincount(types, minlength=4) > 20, True)
    np.testing.assert_array_equal(a[types <= 1], labels[types <= 1])
    both = (types == 0) | (types == 2)
    np.testing.assert_array_equal(b[both], labels[both])
    np.testing.assert_array_equal(((a + b) % 3)[types == 3], labels[types == 3])
    assert len(np.unique(np.asarray(samples.features[0]), axis=0)) == 150  # no row twice
    assert len(np.unique(np.asarray(samples.features[1]), axis=0)) == 150
    with pytest.raises(ValueError, match=r"num_samples: expected at most \d+ for these pools, got 250"):
        lsmi_jax.datasets.preset_from_pool(key, pool1, digits1, pool2, digits2, num_classes=3, num_samples=250)


@pytest.mark.slow
def test_one_source_everywhere_is_said_in_words(key, rng):
    labels = rng.integers(0, 2, 200)
    x = rng.normal(size=(200, 2)) + labels[:, None]
    noisy = np.concatenate([x, rng.normal(size=(200, 30))], axis=1)
    options = FAST | {"redundancy": SpecificityAmbiguity(num_components=4)}
    result = estimate(key, (x, noisy), labels, **options)
    assert float(result.diagnostics.single_source_fraction) > 0.95
    assert any("not comparable" in finding for finding in result.diagnostics.findings())
