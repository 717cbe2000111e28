import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from lsmi_jax import label_log_prior, pointwise_information


def test_log_prior_counts_labels():
    log_prior = label_log_prior(np.array([2, 0, 2, 2], np.uint8), 4)
    np.testing.assert_allclose(jnp.exp(log_prior), [0.25, 0, 0.75, 0])
    assert log_prior[1] == -jnp.inf


@pytest.mark.parametrize("label", [-1, 3, 127])
def test_a_label_out_of_range_poisons_instead_of_clamping(label):
    labels = jnp.array([0, label, 1])
    assert jnp.isnan(label_log_prior(labels, 3)).all()
    information = jax.jit(pointwise_information)(jnp.zeros((3, 3)), labels, jnp.log(jnp.full(3, 1 / 3)))
    np.testing.assert_array_equal(jnp.isnan(information), [False, True, False])


def test_information_agrees_with_scipy(rng, x64):
    logits, labels = rng.normal(size=(50, 4)) * 5, rng.integers(0, 4, 50)
    log_prior = scipy.special.log_softmax(rng.normal(size=4))
    expected = scipy.special.log_softmax(logits, axis=1)[np.arange(50), labels] - log_prior[labels]
    ours = pointwise_information(logits, labels, log_prior)
    assert ours.dtype == jnp.float64
    np.testing.assert_allclose(ours, expected, rtol=0, atol=50 * np.finfo(float).eps)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_half_precision_is_computed_in_float32(rng, dtype):
    logits = jnp.asarray(rng.normal(size=(20, 5)), dtype)
    labels, log_prior = jnp.asarray(rng.integers(0, 5, 20)), jnp.log(jnp.full(5, 0.2))
    ours = pointwise_information(logits, labels, log_prior)
    assert ours.dtype == jnp.float32
    np.testing.assert_array_equal(ours, pointwise_information(logits.astype(jnp.float32), labels, log_prior))


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 0)])
def test_any_leading_shape(rng, shape):
    logits, labels = jnp.asarray(rng.normal(size=(*shape, 3)), jnp.float32), jnp.asarray(rng.integers(0, 3, shape))
    log_prior = jnp.log(jnp.array([0.2, 0.3, 0.5]))
    ours = pointwise_information(logits, labels, log_prior)
    assert ours.shape == shape
    rows = zip(logits.reshape(-1, 3), labels.reshape(-1), strict=True)
    expected = [pointwise_information(row, label, log_prior) for row, label in rows]
    np.testing.assert_allclose(ours.reshape(-1), np.array(expected), atol=1e-6)
    np.testing.assert_allclose(jax.jit(pointwise_information)(logits, labels, log_prior), ours, atol=1e-6)


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ([1e30, -1e30, 0.0], np.log(3)),
        ([-1e30, 1e30, 0.0], -2e30),
        ([0.0, -np.inf, -np.inf], np.log(3)),
        ([0.0, 0.0, -np.inf], np.log(1.5)),
    ],
)
def test_extreme_logits_give_finite_values_and_gradients(logits, expected):
    logits, log_prior = jnp.array(logits, jnp.float32), jnp.log(jnp.full(3, 1 / 3))
    value, grad = jax.value_and_grad(pointwise_information)(logits, jnp.array(0), log_prior)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    assert jnp.isfinite(grad).all()


def test_mean_over_a_known_channel_is_its_mutual_information():
    joint = np.array([[0.3, 0.1], [0.05, 0.55]])  # p(x, y)
    log_prior = jnp.log(jnp.asarray(joint.sum(0), jnp.float32))
    logits = jnp.log(jnp.asarray(joint, jnp.float32))  # unnormalized p(y|x)
    x, y = np.indices(joint.shape).reshape(2, -1)
    mean = joint.ravel() @ np.asarray(pointwise_information(logits[x], y, log_prior))
    independent = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    np.testing.assert_allclose(mean, (joint * np.log(joint / independent)).sum(), atol=1e-6)


def test_errors_name_the_argument():
    prior = jnp.log(jnp.full(3, 1 / 3))
    with pytest.raises(TypeError, match="labels: expected an integer dtype, got float32"):
        pointwise_information(jnp.zeros((2, 3)), jnp.zeros(2), prior)
    with pytest.raises(TypeError, match="logits: expected a floating dtype, got int32"):
        pointwise_information(jnp.zeros((2, 3), jnp.int32), jnp.zeros(2, jnp.int32), prior)
    with pytest.raises(ValueError, match=r"labels: expected shape \(2,\) to match the logits, got \(3,\)"):
        pointwise_information(jnp.zeros((2, 3)), jnp.zeros(3, jnp.int32), prior)
    with pytest.raises(ValueError, match=r"log_prior: expected shape \(3,\)"):
        jax.jit(pointwise_information)(jnp.zeros((2, 3)), jnp.zeros(2, jnp.int32), prior[:2])
    with pytest.raises(ValueError, match="labels: expected an array of at least one"):
        label_log_prior(jnp.zeros(0, jnp.int32), 2)
    with pytest.raises(ValueError, match="num_classes: expected at least 1, got 0"):
        label_log_prior(jnp.zeros(1, jnp.int32), 0)
