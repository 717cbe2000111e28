import jax.numpy as jnp
import numpy as np
import scipy.special
from sklearn.linear_model import LogisticRegression

from lsmi_jax.models import Whiten, fit_linear


def test_linear_part_agrees_with_scikit_learn(key, rng):
    features = rng.normal(size=(400, 6)) @ rng.normal(size=(6, 6))  # correlated columns
    labels = (features[:, 0] + rng.normal(size=400) > 0).astype(int) + (features[:, 1] > 0)
    whitened = Whiten(jnp.asarray(features, jnp.float32))(jnp.asarray(features, jnp.float32))
    penalties = (1e-1, 1e-2, 1e-3)  # each starts from the one before
    kernels, biases = fit_linear(
        whitened, jnp.asarray(labels), num_classes=3, penalties=jnp.array(penalties), num_steps=60
    )
    rows = np.asarray(whitened, float)
    for kernel, bias, penalty in zip(np.asarray(kernels, float), np.asarray(biases, float), penalties, strict=True):
        theirs = LogisticRegression(C=1 / (penalty * 400), tol=1e-8, max_iter=10000).fit(rows, labels)
        optimum = objective(theirs.coef_.T, theirs.intercept_, rows, labels, penalty)
        assert objective(kernel, bias, rows, labels, penalty) - optimum < 1e-5


def objective(weights, bias, features, labels, penalty):
    log_posterior = scipy.special.log_softmax(features @ weights + bias, axis=1)
    return -log_posterior[np.arange(len(labels)), labels].mean() + penalty / 2 * (weights**2).sum()
