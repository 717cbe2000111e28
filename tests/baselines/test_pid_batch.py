import jax
import numpy as np
import pytest

from lsmi_jax.baselines import pid_batch
from lsmi_jax.datasets import AND, circuit_logic


@pytest.mark.slow
def test_pid_batch_of_a_gate(key):
    task = circuit_logic(jax.random.key(0), 2000, gate=AND)
    result = pid_batch(key, task.features, task.labels, num_folds=2, num_steps=20, batch_size=128)
    np.testing.assert_allclose(result[:4], (0.2158, 0, 0, 0.3466), atol=0.04)  # two errors of 0.5 / sqrt(2000), folds
    assert float(result.violation) < 1e-3
