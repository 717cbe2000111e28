"""What a network uses, where its outputs are known exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax import MinimumInformation
from lsmi_jax.applications import information_unused, masked_interactions, probe_layers

KEY = jax.random.key(0)
SIZE = 80
ONE, TWO = np.arange(SIZE) % 2, np.arange(SIZE) // 2 % 2
OPTIONS = {"num_folds": 2, "redundancy": MinimumInformation()}
LOG2 = np.log(2)


def blocks():
    return tuple((2.0 * own - 1).astype(np.float32)[:, None] * np.ones((1, 3), np.float32) for own in (ONE, TWO))


def logits_of(score):
    return np.stack([-12 * score, 12 * score], axis=1)


def first_only(x1, x2):
    return logits_of(x1[:, 0])


def either(x1, x2):
    return logits_of(np.clip(x1[:, 0] + x2[:, 0], -1, 1))


def exclusive(x1, x2):
    return logits_of(-x1[:, 0] * x2[:, 0])


@pytest.mark.parametrize(
    ("predict", "labels", "expected"),
    [
        (first_only, ONE, (0, LOG2, 0, 0)),
        (either, ONE, (0, LOG2, 0, 0)),
        (exclusive, ONE ^ TWO, (0, 0, 0, LOG2)),
    ],
)
def test_a_network_uses_what_its_masked_outputs_know(predict, labels, expected):
    features = blocks() if predict is not either else (blocks()[0], np.zeros((SIZE, 3), np.float32))
    used = masked_interactions(KEY, predict, features, labels, **OPTIONS)
    for part, value in zip(used.interactions, expected, strict=True):
        np.testing.assert_allclose(part, value, atol=1e-4)


@pytest.mark.slow
def test_both_modalities_may_say_the_same():
    features = (blocks()[0], blocks()[0])
    used = masked_interactions(KEY, either, features, ONE, **OPTIONS)
    np.testing.assert_allclose(used.interactions.redundancy, LOG2, atol=1e-4)
    np.testing.assert_allclose(used.interactions.synergy, 0, atol=1e-4)
    union = masked_interactions(KEY, either, features, ONE, num_folds=2)
    np.testing.assert_allclose(union.interactions.redundancy, LOG2, atol=2e-3)


def test_what_the_data_hold_and_the_network_leaves():
    features, labels = (blocks()[0], blocks()[0]), ONE
    contained = lsmi_jax.estimate(
        KEY, None, labels, logits=[logits_of(x[:, 0]) for x in (*features, features[0])], **OPTIONS
    )
    used = masked_interactions(KEY, first_only, features, labels, **OPTIONS)
    unused = information_unused(contained, used)
    np.testing.assert_allclose(unused.information1, 0, atol=1e-4)
    np.testing.assert_allclose(unused.information2, LOG2, atol=1e-4)
    np.testing.assert_allclose(unused.information12, 0, atol=1e-4)
    assert unused.mean()["i2"] == pytest.approx((LOG2, 0), abs=1e-4)
    reports = []
    rows = [x[:40] for x in features]
    few = masked_interactions(KEY, first_only, rows, labels[:40], progress=reports.append, **OPTIONS)
    assert reports[0] == "outputs of the network"
    assert reports[-1] == "scores"
    with pytest.raises(ValueError, match=r"^used: expected 80 samples"):
        information_unused(contained, few)
    with pytest.raises(TypeError, match=r"^data: expected"):
        information_unused(contained.information, used)


def test_baselines_batches_and_kinds_of_arrays(rng):
    images, sounds = rng.normal(size=(SIZE, 4, 5)), jnp.asarray(rng.normal(size=(SIZE, 3)), jnp.float32)
    seen = []

    def predict(x1, x2):
        seen.append((x1, x2))
        assert x1.shape[1:] == (4, 5)
        return jnp.asarray(np.stack([x1.mean((1, 2)), x2.mean(1)], axis=1))

    whole = masked_interactions(KEY, predict, (images, sounds), ONE, **OPTIONS)
    np.testing.assert_allclose(seen[0][1], np.tile(np.asarray(sounds).mean(0), (SIZE, 1)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(seen[1][0][7], images.mean(0), rtol=1e-6)
    np.testing.assert_array_equal(seen[2][0], images)
    parts = masked_interactions(KEY, predict, (images, sounds), ONE, batch_size=7, **OPTIONS)
    np.testing.assert_allclose(parts.information[0], whole.information[0], atol=1e-6)
    assert max(len(x1) for x1, _ in seen[3:]) == 7
    zeros = np.zeros((4, 5)), np.zeros((SIZE, 3))  # a row, and all rows
    zero = masked_interactions(KEY, predict, (images, sounds), ONE, baseline=zeros, **OPTIONS)
    assert not seen[-2][0].any()
    assert np.isfinite(zero.mean().mean.information1)
    masked_interactions(KEY, predict, (images, sounds), ONE, baseline="noise", **OPTIONS)
    noise = seen[-2][0]
    np.testing.assert_allclose(noise.mean(), images.mean(), atol=5 * images.std() / np.sqrt(images.size))
    np.testing.assert_allclose(noise.std(), images.std(), rtol=0.05)
    with pytest.raises(ValueError, match=r"^baseline\[0\]: expected shape"):
        masked_interactions(KEY, predict, (images, sounds), ONE, baseline=(np.zeros(4), np.zeros(3)), **OPTIONS)


class Tensor:
    """What a tensor of PyTorch needs."""

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    def cpu(self):
        return self.array


def test_outputs_may_carry_gradients():
    used = masked_interactions(KEY, lambda x1, x2: Tensor(first_only(x1, x2)), blocks(), ONE, **OPTIONS)
    np.testing.assert_allclose(used.information[0], LOG2, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predict": 3}, "predict: expected a function"),
        ({"predict": lambda x1, x2: x1[:, 0]}, r"predict: expected logits \[80, K\], got shape \(80,\)"),
        (
            {"predict": lambda x1, x2: np.zeros((80, 2 + (x1[0, 0] == x2[0, 0])))},
            "predict: expected the same number of classes",
        ),
        ({"predict": lambda x1, x2: np.full((80, 2), np.nan)}, r"logits\[0\]: expected no NaN"),
        (
            {"features": (np.zeros((80, 3)), np.zeros((79, 3)))},
            "features: expected blocks of equal length, got 80 and 79",
        ),
        ({"features": (np.zeros((80, 3), int), np.zeros((80, 3)))}, r"features\[0\]: expected floats for baseline="),
        ({"baseline": "median"}, 'baseline: expected "mean", "noise"'),
        ({"batch_size": 0}, "batch_size: expected"),
        ({"redundancy": lsmi_jax.SpecificityAmbiguity()}, "redundancy: expected one without densities"),
        ({"labels": ONE + 1}, "labels: expected 0..1 for num_classes=2, got 2"),
    ],
)
def test_mistakes_are_named(change, message):
    given = {"predict": first_only, "features": blocks(), "labels": ONE, **OPTIONS} | change
    predict, features, labels = (given.pop(name) for name in ("predict", "features", "labels"))
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        masked_interactions(KEY, predict, features, labels, **given)


def test_half_precision_has_baselines():
    x1, x2 = (jnp.asarray(np.arange(40) % 2, jnp.bfloat16)[:, None] for _ in range(2))
    used = masked_interactions(
        jax.random.key(0),
        lambda a, b: np.concatenate([-9 * a, 9 * b], axis=1).astype(np.float32),
        (x1, x2),
        np.arange(40) % 2,
        redundancy=lsmi_jax.MinimumInformation(),
    )
    assert np.isfinite(used.interactions.redundancy).all()


@pytest.mark.parametrize("function", [masked_interactions, probe_layers])
def test_the_redundancy_is_an_object(function):
    arguments = (KEY, lambda *_: None, None, None) if function is masked_interactions else (KEY, {}, None)
    with pytest.raises(TypeError, match=r"^redundancy: expected an object such as lsmi_jax.UnionInformation\(\)"):
        function(*arguments, redundancy="union_information")
