import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsmi_jax.models import fit_products, fit_stack


def losses_of(log_posterior, labels):
    return -np.take_along_axis(np.asarray(log_posterior), np.asarray(labels)[..., None], axis=-1)[..., 0]


def unsure(rng, labels, num_classes, sharpness=3.0):
    """Posteriors that favor the given classes, by parts."""
    logits = sharpness * np.eye(num_classes)[labels] + rng.normal(size=(*labels.shape, num_classes))
    return jax.nn.log_softmax(jnp.asarray(logits, jnp.float32))


@pytest.mark.parametrize("num_classes", [3, pytest.param(20, marks=pytest.mark.slow)])  # more than the directions
def test_products_find_what_only_pairs_of_classes_tell(rng, num_classes):
    hidden = rng.integers(0, num_classes if num_classes < 10 else 4, (2, 3, 500))
    labels = (hidden[0] + hidden[1]) % num_classes
    first, second = (unsure(rng, view, num_classes, sharpness=8.0) for view in hidden)
    products, held_out = jax.jit(fit_products)(first, second, jnp.asarray(labels))
    chance = -np.log(np.bincount(labels.ravel(), minlength=num_classes) / labels.size + 1e-9)[labels].mean()
    assert losses_of(held_out, labels).mean() < 0.2 * chance
    fitted = products.log_posterior(first[0], second[0])
    np.testing.assert_allclose(jnp.exp(fitted).sum(1), 1, rtol=1e-5)
    assert losses_of(fitted, labels[0]).mean() < 0.2 * chance
    # An exported program takes any number of rows.
    rows = jax.ShapeDtypeStruct((*jax.export.symbolic_shape("n"), num_classes), jnp.float32)
    assert jax.eval_shape(products.log_posterior, rows, rows).shape == rows.shape


def test_a_joint_that_says_nothing_is_replaced(rng):
    labels = rng.integers(0, 3, (3, 200))
    first, second = unsure(rng, labels, 3), unsure(rng, labels, 3)
    joint = jnp.broadcast_to(jnp.log(jnp.full(3, 1 / 3)), first.shape)
    stack, _ = jax.jit(fit_stack)(joint, first, second, jnp.asarray(labels), jnp.log(jnp.full(3, 1 / 3)))
    fresh = rng.integers(0, 3, 2000)
    parts = unsure(rng, fresh, 3), unsure(rng, fresh, 3)
    stacked = stack.log_posterior(jnp.full((2000, 3), -jnp.log(3.0)), *parts)
    exact = jax.nn.log_softmax(parts[0] + parts[1])
    assert losses_of(stacked, fresh).mean() < min(losses_of(part, fresh).mean() for part in parts)
    assert losses_of(stacked, fresh).mean() < losses_of(exact, fresh).mean() + 0.02
