import jax
import numpy as np
import pytest

import lsmi_jax


@pytest.fixture(scope="session")
def held_out():
    """An estimator, and features, logits and labels of held-out rows."""
    key = jax.random.key(0)
    task = lsmi_jax.datasets.gaussian_mixture(key, 200)
    logits = [4 * scores for scores in (*task.features, task.features[0] + task.features[1])]
    train, test = np.arange(120), np.arange(120, 200)
    blocks, train_logits = ([x[train] for x in arrays] for arrays in (task.features, logits))
    redundancy = lsmi_jax.SpecificityAmbiguity()
    estimator = lsmi_jax.fit_estimator(key, blocks, task.labels[train], logits=train_logits, redundancy=redundancy)
    return estimator, [x[test] for x in task.features], [x[test] for x in logits], task.labels[test]
