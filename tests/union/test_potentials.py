from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import special_ortho_group

import lsmi_jax
from lsmi_jax import datasets
from lsmi_jax.decomposition import score_information
from lsmi_jax.union import fit_potentials, largest_log_sums, log_union_scores, potentials_of_rows

fitted_to = jax.jit(fit_potentials)
scores_of = jax.jit(log_union_scores)


def interactions(task, train, test):
    """Interactions of held-out samples under potentials fitted to other samples, with exact posteriors."""
    first, second, _ = task.log_posteriors
    potentials = fitted_to(jax.random.key(0), (first[train], second[train]), task.log_prior)
    scores = scores_of(potentials, (first[test], second[test]))
    union = score_information(scores, task.labels[test], task.log_prior)
    return lsmi_jax.decompose(*(i[test] for i in task.information), i_union=union)


HALVES = slice(0, 2000), slice(2000, 4000)


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (datasets.XOR, lambda i1, i12: (0 * i1, i12)),
        pytest.param(datasets.COPY1, lambda i1, i12: (i1, 0 * i1), marks=pytest.mark.slow),
    ],
)
def test_exclusive_or_and_copy_are_exact_on_every_sample(key, gate, expected):
    task = datasets.circuit_logic(key, 4000, gate=gate)
    parts = interactions(task, *HALVES)
    i1, _, i12 = (i[HALVES[1]] for i in task.information)
    unique, synergy = expected(i1, i12)
    np.testing.assert_allclose(parts.redundancy, 0, atol=1e-3)
    np.testing.assert_allclose(parts.unique1, unique, atol=1e-3)
    np.testing.assert_allclose(parts.unique2, 0, atol=1e-3)
    np.testing.assert_allclose(parts.synergy, synergy, atol=1e-3)


@pytest.mark.parametrize(
    "gate",
    [
        datasets.OR,
        *(pytest.param(gate, marks=pytest.mark.slow) for gate in (datasets.AND, datasets.XOR_NOT, datasets.RDN)),
    ],
)
def test_means_of_gates_are_those_of_broja(key, gate):
    task = datasets.circuit_logic(key, 4000, gate=gate)
    parts = interactions(task, *HALVES)
    for part, truth, values in zip(parts, task.truth, task.interactions(), strict=True):
        error = float(values.std()) / np.sqrt(2000)
        assert abs(float(part.mean()) - float(truth)) < 4 * error + 0.005


@pytest.mark.parametrize("correlation", [-1.0, *(pytest.param(rho, marks=pytest.mark.slow) for rho in (0.4, 1.0))])
def test_alike_modalities_have_nothing_unique_whatever_their_correlation(key, correlation):
    task = datasets.gaussian_mixture(key, 4000, num_classes=10, correlation=correlation)
    parts = interactions(task, *HALVES)
    i1, i2, i12 = (i[HALVES[1]] for i in task.information)
    half = (i1 + i2) / 2  # exact potentials are half log-posteriors
    np.testing.assert_allclose(parts.redundancy.mean(), half.mean(), atol=0.02)
    np.testing.assert_allclose(parts.synergy.mean(), (i12 - half).mean(), atol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        *(partial(datasets.gaussian_mixture, num_classes=10, correlation=rho) for rho in (-0.8, -0.4, 0.0, 0.8)),
        *(partial(datasets.preset, num_classes=num_classes) for num_classes in (2, 4, 10)),
        partial(datasets.preset, num_classes=2, proportions=(0.5, 0.5, 0, 0)),
        partial(datasets.preset, num_classes=2, proportions=(0.1, 0.6, 0.1, 0.2)),
    ],
)
def test_means_are_those_of_broja_with_exact_posteriors(key, make):
    task = make(key, num_samples=10_000)
    parts = interactions(task, slice(0, 5000), slice(5000, 10_000))
    i1, i2, i12 = (float(i[5000:].mean()) for i in task.information)
    shared = i2 if float(task.truth.unique1) > 0 else (i1 + i2) / 2  # of these samples, to leave out their noise
    expected = (shared, i1 - shared, i2 - shared, i12 - i1 - i2 + shared)
    for part, truth in zip(parts, expected, strict=True):
        assert abs(float(part.mean()) - truth) < 0.02


def test_a_modality_of_noise_says_nothing_on_any_sample(key):
    task = datasets.gaussian_mixture(key, 4000, num_classes=3)
    noise = jnp.broadcast_to(task.log_prior, (4000, 3))
    potentials = fitted_to(key, (task.log_posteriors[0][:2000], noise[:2000]), task.log_prior)
    scores = scores_of(potentials, (task.log_posteriors[0][2000:], noise[2000:]))
    exact = task.log_posteriors[0][2000:]
    likely = exact > -7  # the floor of 1e-7 shows in rarer classes
    np.testing.assert_allclose(scores[likely], exact[likely], atol=1e-3)


@pytest.mark.slow
def test_modalities_swap(key):
    task = datasets.preset(key, 2000, num_classes=3)
    first, second, _ = task.log_posteriors
    one = potentials_of_rows(fitted_to(key, (first, second), task.log_prior), (first, second))
    other = potentials_of_rows(fitted_to(key, (second, first), task.log_prior), (second, first))
    for left, right in zip(one, reversed(other), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)


def test_scores_are_at_most_a_probability_for_every_pair(key):
    task = datasets.preset(key, 4000, num_classes=3)
    first, second, _ = task.log_posteriors
    potentials = fitted_to(key, (first[:2000], second[:2000]), task.log_prior)
    a, b = potentials_of_rows(potentials, (first[2000:], second[2000:]))
    assert float(jax.nn.logsumexp(a + b, axis=1).max()) < 1e-5  # samples
    assert float(largest_log_sums(a, b).max()) < 0.1  # pairs that were never seen together
    assert -0.05 < float(potentials.upper - potentials.lower) < 0.05


@pytest.mark.slow
def test_it_can_be_differentiated_compiled_and_mapped(key):
    task = datasets.gaussian_mixture(key, 600, num_classes=3)
    first, second, _ = task.log_posteriors
    potentials = fitted_to(key, (first, second), task.log_prior)
    eager = log_union_scores(potentials, (first[:50], second[:50]))
    np.testing.assert_allclose(scores_of(potentials, (first[:50], second[:50])), eager, atol=1e-4)
    mapped = jax.vmap(partial(scores_of, potentials))((first[:50].reshape(2, 25, 3), second[:50].reshape(2, 25, 3)))
    np.testing.assert_allclose(mapped.reshape(50, 3), eager, atol=1e-4)
    gradient = jax.jit(jax.grad(lambda logits: log_union_scores(potentials, (logits, second[:50])).mean()))
    # Against central differences along a random direction; ties of the nearest cell have measure zero.
    direction = jnp.asarray(special_ortho_group.rvs(3, random_state=0)[0], jnp.float32)[None] * jnp.ones((50, 1))
    step = 1e-2
    values = [scores_of(potentials, (first[:50] + sign * step * direction, second[:50])).mean() for sign in (1, -1)]
    numeric = float(values[0] - values[1]) / (2 * step)
    np.testing.assert_allclose(float((gradient(first[:50]) * direction).sum()), numeric, rtol=0.1, atol=5e-3)
    for edge in (jnp.zeros((50, 3)), 1e4 * jax.nn.one_hot(jnp.arange(50) % 3, 3)):
        assert bool(jnp.isfinite(gradient(edge)).all())


@pytest.mark.slow
def test_a_thousand_classes(key):
    num_classes, num_rows = 1000, 3000
    labels = jnp.arange(num_rows) % num_classes
    logits = 6 * jax.nn.one_hot(labels, num_classes) + jax.random.normal(key, (num_rows, num_classes))
    log_prior = jnp.full(num_classes, -np.log(num_classes), jnp.float32)
    program = fitted_to.lower(key, (logits, logits[::-1]), log_prior).compile()
    assert program.memory_analysis().temp_size_in_bytes < 2**30
    potentials = program(key, (logits, logits[::-1]), log_prior)
    assert bool(jnp.isfinite(scores_of(potentials, (logits, logits[::-1]))).all())


def test_three_modalities_that_are_copies_say_what_one_says(key):
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(200, 2)) * 2, jnp.float32)
    log_prior = jnp.log(jnp.exp(jax.nn.log_softmax(logits)).mean(0))
    fitted = jax.jit(partial(fit_potentials, num_cells=24))(key, (logits,) * 3, log_prior)
    scores = jax.jit(log_union_scores)(fitted, (logits,) * 3)
    posterior = jax.nn.log_softmax(logits)
    assert float(jax.nn.logsumexp(scores, axis=1).max()) < 1e-4
    # Expected information of the scores, against that of one copy: cells lose a little.
    lost = (jnp.exp(posterior) * (posterior - scores)).sum(1).mean()
    assert 0 <= float(lost) < 0.03
