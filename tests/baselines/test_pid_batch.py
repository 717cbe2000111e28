import jax
import numpy as np
import pytest

from lsmi_jax.baselines import pid_batch
from lsmi_jax.datasets import AND, circuit_logic, gaussian_mixture


def information_of_mass(mass):
    """How much a mass that misses its margin can change the information about two classes, in nats."""
    return mass * np.log(2 / mass)


@pytest.mark.slow
def test_pid_batch_of_a_gate(key):
    task = circuit_logic(jax.random.key(0), 2000, gate=AND)
    result = pid_batch(key, task.features, task.labels, num_folds=2, num_steps=20, batch_size=128)
    np.testing.assert_allclose(result[:4], (0.2158, 0, 0, 0.3466), atol=0.04)  # two errors of 0.5 / sqrt(2000), folds
    assert information_of_mass(float(result.violation)) < 0.02


@pytest.mark.slow
def test_pid_batch_of_given_posteriors(key):
    """Exact posteriors of a gate, which leave the frequencies of its rows as the only error."""
    task = circuit_logic(jax.random.key(1), 2000, gate=AND)
    result = pid_batch(key, None, task.labels, logits=task.log_posteriors, num_steps=20, batch_size=128)
    np.testing.assert_allclose(result[:4], (0.2158, 0, 0, 0.3466), atol=0.03)  # two errors of 0.5 / sqrt(2000), and one
    assert information_of_mass(float(result.violation)) < 0.02


@pytest.mark.slow
def test_modalities_that_are_the_same_are_all_redundancy(key):
    """Rows hardly depend on the scales of columns then, and an unbounded Newton step would lose the margins."""
    task = gaussian_mixture(jax.random.key(0), 256, num_classes=10, correlation=1.0)
    result = pid_batch(key, None, task.labels, logits=task.log_posteriors, num_steps=5, batch_size=128)
    assert result.violation < 1e-3 + 1e-5  # its tolerance, and float32 over 10 x 128 margins
    np.testing.assert_allclose(result[1:3], 0, atol=information_of_mass(1e-3))
    assert abs(result.synergy) < 0.05  # I12 is over 256 rows, and R over the same


def test_logits_have_the_shape_of_the_labels(key):
    with pytest.raises(ValueError, match="logits"):
        pid_batch(key, None, np.arange(6) % 2, logits=[np.zeros((6, 3), np.float32)] * 3)


def test_features_are_not_ignored_beside_logits(key):
    features, logits = [np.zeros((6, 2), np.float32)] * 2, [np.zeros((6, 2), np.float32)] * 3
    with pytest.raises(ValueError, match="features: expected None with logits"):
        pid_batch(key, features, np.arange(6) % 2, logits=logits)
