import jax
import jax.numpy as jnp
import numpy as np
import optax

from lsmi_jax.models import scale_by_vector_adam


def steps(optimizer, params, grads):
    state, updates = optimizer.init(params), []
    for grad in grads:
        with jax.numpy_dtype_promotion("standard"):
            update, state = optimizer.update(grad, state)
        updates.append(update)
    return updates


def test_steps_rotate_with_the_gradients(rng):
    grads = jnp.asarray(rng.normal(size=(5, 4, 3)), jnp.float32)
    rotation = jnp.asarray(np.linalg.qr(rng.normal(size=(4, 4)))[0], jnp.float32)
    updates = steps(scale_by_vector_adam(), grads[0], grads)
    rotated = steps(scale_by_vector_adam(), grads[0], [rotation @ grad for grad in grads])
    np.testing.assert_allclose(rotated, [rotation @ update for update in updates], atol=1e-5)


def test_vectors_are_scaled_as_by_adam(rng):
    grads = jnp.asarray(rng.normal(size=(5, 7)), jnp.float32)
    expected = steps(optax.scale_by_adam(), grads[0], grads)
    np.testing.assert_allclose(steps(scale_by_vector_adam(), grads[0], grads), expected, rtol=1e-5)
