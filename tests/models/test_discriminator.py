import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsmi_jax.models import fit_discriminator, inner_splits

FIT = jax.jit(fit_discriminator, static_argnames="num_classes")  # all tests have data of one shape
SHAPE = (300, 20)


def test_splits_with_and_without_groups_have_fits_of_one_form(key, rng):
    features, labels = jnp.asarray(rng.normal(size=SHAPE), jnp.float32), jnp.asarray(np.arange(300) % 2)
    splits = inner_splits(key, labels)
    grouped = splits._replace(
        train_weights=jnp.ones(splits.train.shape), left_out_weights=jnp.ones(splits.left_out.shape)
    )
    forms = [jax.eval_shape(FIT, key, features, labels, own, num_classes=2) for own in (splits, grouped)]
    assert jax.tree.structure(forms[0]) == jax.tree.structure(forms[1])
    assert [leaf.shape for leaf in jax.tree.leaves(forms[0])] == [leaf.shape for leaf in jax.tree.leaves(forms[1])]


@pytest.mark.slow
def test_pure_noise_gives_the_prior(key, rng):
    features = jnp.asarray(rng.normal(size=SHAPE), jnp.float32)
    labels = jnp.asarray((rng.random(300) < 0.05).astype(np.int32))
    discriminator, _ = FIT(key, features, labels, inner_splits(key, labels), num_classes=2)
    fresh = jnp.asarray(rng.normal(size=(500, 20)), jnp.float32)
    log_posterior = discriminator.log_posterior(fresh)
    np.testing.assert_allclose(jnp.exp(log_posterior).sum(1), 1, atol=1e-5)
    information = log_posterior - discriminator.log_prior[None]
    expected_information = (jnp.exp(discriminator.log_prior)[None] * information).sum(1)
    assert abs(float(expected_information.mean())) < 0.02


@pytest.mark.slow
def test_held_out_posteriors_are_of_members_that_did_not_see_the_rows(key, rng):
    """Labels that only a model that saw them can know."""
    features, labels = jnp.asarray(rng.normal(size=SHAPE), jnp.float32), jnp.asarray(rng.integers(0, 2, 300))
    splits = inner_splits(key, labels)
    discriminator, held_out = FIT(key, features, labels, splits, num_classes=2)
    assert held_out.shape == (*splits.left_out.shape, 2)
    np.testing.assert_allclose(jnp.exp(held_out).sum(2), 1, atol=1e-5)
    losses = -jnp.take_along_axis(held_out, labels[splits.left_out][..., None], axis=2)
    assert losses.mean() > np.log(2) - 0.02
    np.testing.assert_allclose(losses.mean(), discriminator.held_out_loss, rtol=1e-5)


@pytest.mark.slow
def test_no_posterior_is_surer_than_its_rows_support(key, rng):
    """Of n held-out rows, the prior gets the weight of one at least."""
    labels = jnp.asarray(np.arange(300) % 2)
    features = 10 * jax.nn.one_hot(labels, 20) + jnp.asarray(rng.normal(size=SHAPE), jnp.float32)
    splits = inner_splits(key, labels)
    discriminator, _ = FIT(key, features, labels, splits, num_classes=2)
    least = discriminator.log_posterior(features) - discriminator.log_prior[None]
    assert least.min() >= -np.log(splits.left_out.size + 1) - 1e-3


@pytest.mark.slow
def test_half_of_the_labels_at_random_leave_a_posterior_that_is_sure_enough(key, rng):
    """However clear a sample is, its class has no more than .625, which neither logits nor a temperature express."""
    num_classes, num_rows = 4, 1000

    def draw(size):
        clean = rng.integers(0, num_classes, size)
        labels = np.where(rng.random(size) < 0.5, rng.integers(0, num_classes, size), clean)
        return jnp.asarray(4 * np.eye(20)[clean] + rng.normal(size=(size, 20)), jnp.float32), jnp.asarray(labels)

    features, labels = draw(num_rows)
    discriminator, _ = FIT(key, features, labels, inner_splits(key, labels), num_classes=num_classes)
    fresh, own = draw(5000)
    exact = jnp.log(0.5 * jax.nn.softmax(4 * fresh[:, :num_classes]) + 0.5 / num_classes)
    excess = jnp.take_along_axis(exact - discriminator.log_posterior(fresh), own[:, None], axis=1)[:, 0]
    # A linear classifier of p parameters loses about p / 2n.
    assert excess.mean() < 21 * (num_classes - 1) / (2 * num_rows)
