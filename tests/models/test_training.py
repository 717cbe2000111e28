import jax
import jax.numpy as jnp
import numpy as np
import optax

from lsmi_jax.models import fit, schedule

OPTIONS = {"optimizer": optax.adam(0.1), "num_rounds": 10, "steps_per_round": 20, "batch_size": 16}


def squared_error(params, rows, key):
    x, y = rows
    return (x @ params - y) ** 2


def data(key, n=64):
    x = jax.random.normal(key, (n, 3))
    return x, x @ jnp.array([1.0, -2.0, 0.5])


def test_finds_the_minimum_and_keeps_the_best(key):
    done = fit(key, jnp.zeros(3), squared_error, data(key), data(jax.random.key(1)), **OPTIONS)
    np.testing.assert_allclose(done.params, [1.0, -2.0, 0.5], atol=1e-2)
    assert done.held_out_losses.shape == (11,)
    assert done.held_out_loss == done.held_out_losses.min()
    np.testing.assert_allclose(squared_error(done.params, data(jax.random.key(1)), None).mean(), done.held_out_loss)
    np.testing.assert_allclose(squared_error(done.params, data(key), None).mean(), done.train_loss, rtol=1e-5)


def test_what_never_improves_stays_as_it_came(key):
    x, y = data(key)
    best = jnp.array([1.0, -2.0, 0.5])
    done = fit(key, best, squared_error, (x, -y), (x, y), **OPTIONS)
    np.testing.assert_array_equal(done.params, best)


def test_divergence_is_never_adopted(key):
    options = OPTIONS | {"optimizer": optax.sgd(1e30)}
    done = fit(key, jnp.zeros(3), squared_error, data(key), data(key), **options)
    assert not jnp.isfinite(done.held_out_losses[-1])
    np.testing.assert_array_equal(done.params, 0)


def test_vmap_agrees_with_a_loop(key):
    starts = jax.random.normal(key, (3, 3))
    together = jax.vmap(lambda p: fit(key, p, squared_error, data(key), data(key), **OPTIONS))(starts)
    for i in range(3):
        alone = fit(key, starts[i], squared_error, data(key), data(key), **OPTIONS)
        np.testing.assert_allclose(together.params[i], alone.params, atol=1e-4)


def test_the_loss_is_given_a_key_in_training_only(key):
    def noisy(params, rows, key):
        noise = 0.0 if key is None else jax.random.normal(key)
        return squared_error(params, rows, key) + 0 * noise + (0.0 if key is None else 1e6)

    done = fit(key, jnp.zeros(3), noisy, data(key), data(key), **OPTIONS)
    assert done.held_out_losses.max() < 1e5


def test_training_is_longer_for_more_rows_within_limits():
    steps = [schedule(n).num_steps for n in (10, 1000, 4000, 8000, 10**6)]
    assert steps == sorted(steps)
    assert steps[0] == 500
    assert steps[-1] == 2000


def test_parameters_are_averages_over_the_last_steps(key):
    """Under gradient noise, a mean of many steps is nearer to the minimum than single steps are."""

    def noisy(params, rows, key):
        noise = 0.0 if key is None else jax.random.normal(key, params.shape)
        return ((params + noise) ** 2).sum() * jnp.ones(rows.shape[0])

    def error(key):
        options = OPTIONS | {"optimizer": optax.sgd(0.05), "num_rounds": 20, "steps_per_round": 100}
        return fit(key, jnp.full(20, 1.0), noisy, jnp.zeros(4), jnp.zeros(4), **options).held_out_losses[-1]

    # Each step contracts by .9 and adds noise of standard deviation .1: its variance is .01 / (1 - .81) per parameter.
    single = 20 * 0.01 / (1 - 0.81)
    errors = jax.vmap(error)(jax.random.split(key, 8))
    # The average over t steps (2 h - 1 of a moving one with share 1 / h) has the variance .01 / (.1^2 t).
    expected = 20 * 0.01 / (0.1**2 * (2 * 200 - 1))
    spread = expected * np.sqrt(2 / (20 * 8))
    assert abs(errors.mean() - expected) < 4 * spread < single - expected
