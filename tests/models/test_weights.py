"""Weights of rows: a row of weight three is three rows, and a row of weight zero is none."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lsmi_jax.decomposition import average, effective_size, label_log_prior, log_posterior
from lsmi_jax.inputs import evenly_spaced, spread_rows
from lsmi_jax.models import (
    Standardize,
    Whiten,
    fit,
    fit_density,
    fit_discriminant,
    fit_discriminator,
    fit_powers,
    fit_products,
    fit_ridge,
    fit_stack,
    inner_splits,
    kernel_features,
    linear_losses,
    mixture_log_weights,
)
from lsmi_jax.union import fit_potentials, log_union_scores

NUM_ROWS, NUM_CLASSES = 90, 3
PENALTIES = jnp.array([1e-1, 1e-2, 1e-3])


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    labels = np.arange(NUM_ROWS) % NUM_CLASSES
    features = rng.normal(size=(NUM_ROWS, 4)) @ rng.normal(size=(4, 4)) + labels[:, None] * [1, 0, 0.5, 0]
    return jnp.asarray(features, jnp.float32), jnp.asarray(labels, jnp.int32)


@pytest.fixture(scope="module")
def posteriors(rows):
    features, labels = rows
    rng = np.random.default_rng(4)
    logits = [features[:, m : m + 2] @ rng.normal(size=(2, 3)).astype(np.float32) for m in (0, 2)]
    return tuple(log_posterior(view + 0.5 * jax.nn.one_hot(labels, 3)) for view in logits)


COUNTS = jnp.asarray(np.random.default_rng(5).integers(1, 4, NUM_ROWS), jnp.float32)
REPEATED = np.repeat(np.arange(NUM_ROWS), np.asarray(COUNTS, int))


def close(ours, expected, tolerance=2e-4):
    """Equal but for the round-off of sums in another order."""
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance), ours, expected)


def test_averages_and_priors_are_those_of_repeated_rows(rows):
    features, labels = rows
    close(average(features, COUNTS), features[REPEATED].mean(0))
    close(label_log_prior(labels, 3, COUNTS), label_log_prior(labels[REPEATED], 3))
    assert float(average(jnp.array([1.0, jnp.nan]), jnp.array([2.0, 0.0]))) == 1.0
    with pytest.raises(ValueError, match=r"^weights: expected shape \(90,\)"):
        label_log_prior(labels, 3, COUNTS[:5])


def test_effective_size():
    assert effective_size(None, 7) == 7
    np.testing.assert_allclose(effective_size(jnp.array([2.0, 2.0, 0.0]), 3), 2.0)
    np.testing.assert_allclose(effective_size(jnp.array([3.0, 1.0]), 2), 16 / 10)


def test_standardizing_is_that_of_repeated_rows(rows):
    features, _ = rows
    close(Standardize(features, COUNTS)(features), Standardize(features[REPEATED])(features))
    ones, none = (Whiten(features, weights)(features) for weights in (jnp.ones(NUM_ROWS), None))
    close(ones, none)


def test_ridge_is_that_of_repeated_rows(rows):
    features, labels = rows
    left_out = jnp.asarray(np.arange(NUM_ROWS).reshape(3, -1))
    centered = features - features.mean(0, keepdims=True)
    fitted = fit_ridge(centered, labels, left_out, COUNTS, num_classes=3, penalties=PENALTIES)
    # The repeats of one row are held out together, and filled up by repeats of weight zero.
    parts = [np.flatnonzero(np.isin(REPEATED, part)) for part in np.asarray(left_out)]
    longest = max(map(len, parts))
    filled = jnp.asarray([np.resize(part, longest) for part in parts])
    counted = jnp.asarray([np.arange(longest) < len(part) for part in parts], jnp.float32)
    repeated = fit_ridge(
        centered[REPEATED],
        labels[REPEATED],
        filled,
        jnp.ones(len(REPEATED)),
        counted,
        num_classes=3,
        penalties=PENALTIES,
    )
    # Descent ends within 1e-5 nats of the optimum, where weights may differ by more.
    losses = [average(linear_losses(ridge.weights, centered, labels), COUNTS) for ridge in (fitted, repeated)]
    np.testing.assert_allclose(*losses, atol=5e-5)
    for member, other, part in zip(
        *(zip(*ridge.members, strict=True) for ridge in (fitted, repeated)), left_out, strict=True
    ):
        held_out = [average(linear_losses(w, centered[part], labels[part]), COUNTS[part]) for w in (member, other)]
        np.testing.assert_allclose(*held_out, atol=5e-3)


@pytest.mark.parametrize("num_columns", [4, 200])
def test_discriminant_analysis_is_that_of_repeated_rows(rng, rows, num_columns):
    _, labels = rows
    features = jnp.asarray(rng.normal(size=(NUM_ROWS, num_columns)) + np.asarray(labels)[:, None], jnp.float32)
    equal = jnp.full(NUM_ROWS, 2.0)
    close(
        fit_discriminant(features, labels, num_classes=3, weights=equal),
        fit_discriminant(features, labels, num_classes=3),
        2e-3,
    )
    # Weights that differ only say which rows count: those of half of them are zero.
    half = jnp.asarray(np.arange(NUM_ROWS) < 45, jnp.float32)
    close(
        fit_discriminant(features, labels, num_classes=3, weights=half),
        fit_discriminant(features[:45], labels[:45], num_classes=3),
        2e-3,
    )


@pytest.mark.slow
def test_powers_mixtures_and_stacks_are_those_of_repeated_rows(rows, posteriors):
    _, labels = rows
    prior = label_log_prior(labels, 3)
    both = jnp.stack(posteriors)
    # The priors of powers and mixtures count effective rows, which repeats change a little.
    close(fit_powers(both, labels, prior, COUNTS), fit_powers(both[:, REPEATED], labels[REPEATED], prior), 2e-2)
    likelihoods = jnp.stack([p[jnp.arange(NUM_ROWS), labels] for p in (*posteriors, prior[None].repeat(NUM_ROWS, 0))])
    weighted, repeated = (mixture_log_weights(*given) for given in ((likelihoods, COUNTS), (likelihoods[:, REPEATED],)))
    close(jnp.exp(weighted), jnp.exp(repeated), 2e-2)
    joint = log_posterior(both.sum(0))
    views, targets = [view.reshape(3, 30, 3) for view in (joint, *posteriors)], labels.reshape(3, 30)
    twice, _ = fit_stack(*views, targets, prior, jnp.full((3, 30), 2.0))
    once, _ = fit_stack(*views, targets, prior)
    close(twice.log_posterior(joint, *posteriors), once.log_posterior(joint, *posteriors))


def test_rows_of_weight_zero_are_not_taken(key, rows):
    kept = 60
    weights = jnp.asarray(np.arange(NUM_ROWS) < kept, jnp.float32)
    ruined = rows[0].at[kept:].set(1e3)
    landmarks = kernel_features(ruined, weights).landmarks
    assert float(abs(landmarks).max()) < 100
    assert int(evenly_spaced(NUM_ROWS, 500, weights).max()) < kept
    assert int(spread_rows(key, NUM_ROWS, 500, weights).max()) < kept


@pytest.mark.slow
def test_rows_of_weight_zero_are_nowhere(key, rows):
    features, labels = rows
    kept = 60
    weights = jnp.asarray(np.arange(NUM_ROWS) < kept, jnp.float32)
    ruined = features.at[kept:].set(1e3)
    splits = inner_splits(key, labels)
    fitted, _ = fit_discriminator(key, ruined, labels, splits, weights, num_classes=3)
    other, _ = fit_discriminator(key, features.at[kept:].set(-1e3), labels, splits, weights, num_classes=3)
    close(fitted.log_posterior(features[:kept]), other.log_posterior(features[:kept]), 2e-3)
    densities = [
        fit_density(key, x, weights, num_components=4, covariance="diagonal").surprisal(features[:kept])
        for x in (ruined, features.at[kept:].set(-1e3))
    ]
    close(*densities, 2e-3)


def test_batches_are_drawn_by_weight(key):
    weights = jnp.array([1.0, 0.0, 3.0])

    def loss(params, batch, key):
        return (params[0] - batch) ** 2

    done = fit(
        key,
        (jnp.zeros(()),),
        loss,
        jnp.array([0.0, 100.0, 4.0]),
        jnp.array([3.0, 100.0]),
        train_weights=weights,
        held_out_weights=jnp.array([1.0, 0.0]),
        optimizer=optax.sgd(0.01),
        num_rounds=20,
        steps_per_round=50,
        batch_size=64,
    )
    # The weighted mean is 3; batches of 64 leave a deviation of about sqrt(3) / 8 times the root of the step.
    assert abs(float(done.params[0]) - 3.0) < 0.1
    np.testing.assert_allclose(done.train_loss, (9 + 3 * 1) / 4, atol=0.5)


def test_products_are_those_of_repeated_rows(rows, posteriors):
    _, labels = rows
    views = [view.reshape(3, 30, 3) for view in posteriors]
    plain, _ = fit_products(*views, labels.reshape(3, 30))
    weighted, _ = fit_products(*views, labels.reshape(3, 30), jnp.full((3, 30), 5.0))
    close(plain.log_posterior(*posteriors), weighted.log_posterior(*posteriors), 2e-3)


@pytest.mark.slow
def test_potentials_are_those_of_repeated_rows(key, rows, posteriors):
    _, labels = rows
    prior = label_log_prior(labels, 3)
    plain = fit_potentials(key, posteriors, prior, num_cells=32)
    twice = fit_potentials(key, posteriors, prior, (jnp.full(NUM_ROWS, 2.0),) * 2, num_cells=32)
    close(log_union_scores(plain, posteriors), log_union_scores(twice, posteriors), 2e-3)


@pytest.mark.slow
def test_posteriors_of_missing_rows_are_in_no_potential(key, rows, posteriors):
    _, labels = rows
    prior = label_log_prior(labels, 3)
    has1, has2 = (jnp.asarray(np.arange(NUM_ROWS) % 5 != m, jnp.float32) for m in (0, 1))
    first, second = posteriors
    scores = [
        log_union_scores(
            fit_potentials(
                key, (first.at[::5].set(ruin), second.at[1::5].set(ruin[::-1])), prior, (has1, has2), num_cells=32
            ),
            posteriors,
        )
        for ruin in (jnp.array([0.0, -9.0, -9.0]), jnp.array([-3.0, 0.0, -9.0]))
    ]
    close(*scores, 2e-3)
