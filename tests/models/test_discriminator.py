import jax
import jax.numpy as jnp
import numpy as np

from lsmi_jax.models import fit_discriminator, inner_splits


def test_pure_noise_gives_the_prior(key, rng):
    features = jnp.asarray(rng.normal(size=(300, 20)), jnp.float32)
    labels = jnp.asarray((rng.random(300) < 0.05).astype(np.int32))
    fit = jax.jit(fit_discriminator, static_argnames="num_classes")
    discriminator = fit(key, features, labels, inner_splits(key, labels, jnp.arange(300)), num_classes=2)
    fresh = jnp.asarray(rng.normal(size=(500, 20)), jnp.float32)
    log_posterior = discriminator.log_posterior(fresh)
    np.testing.assert_allclose(jnp.exp(log_posterior).sum(1), 1, atol=1e-5)
    information = log_posterior - discriminator.log_prior[None]
    expected_information = (jnp.exp(discriminator.log_prior)[None] * information).sum(1)
    assert abs(float(expected_information.mean())) < 0.02
