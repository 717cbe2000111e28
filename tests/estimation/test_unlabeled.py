"""Rows without a label: only what needs no label learns from them, and they are never scored."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax import MinimumInformation, SpecificityAmbiguity, UnionInformation
from lsmi_jax.estimation import fit_stacked
from lsmi_jax.inputs import pack

KEY = jax.random.key(0)
SIZE, NUM_LABELED = 150, 100


def task(seed=0, size=SIZE):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, size)
    features = [rng.normal(size=(size, 2)) + labels[:, None] * shift for shift in (1.5, 0.7)]
    logits = [
        (2 * np.eye(3)[labels] * (rng.random((size, 1)) < 0.7) + rng.normal(size=(size, 3)) / 3).astype(np.float32)
        for _ in range(3)
    ]
    return features, labels, logits


def hidden(labels):
    """Labels of which those of the last rows are hidden."""
    return np.where(np.arange(len(labels)) < NUM_LABELED, labels, -1)


@pytest.mark.parametrize("redundancy", [MinimumInformation(), UnionInformation()])
def test_rows_without_a_label_are_nan_and_in_no_mean(redundancy):
    features, labels, logits = task()
    options = {"logits": logits, "num_folds": 2, "redundancy": redundancy}
    found = lsmi_jax.estimate(KEY, features, hidden(labels), unlabeled="use", **options)
    for values in (*found.interactions, *found.information, found.gain):
        assert np.isfinite(values[:NUM_LABELED]).all()
        assert np.isnan(values[NUM_LABELED:]).all()
    assert int(found.mean().num_samples) == NUM_LABELED
    # Logits are given: i needs nothing but the prior, which is that of the labels there are.
    log_prior = np.log(np.bincount(labels[:NUM_LABELED]) / NUM_LABELED)
    rows = np.arange(NUM_LABELED)
    posterior = jax.nn.log_softmax(jnp.asarray(logits[2]))[rows, labels[:NUM_LABELED]]
    np.testing.assert_allclose(
        found.information[2][:NUM_LABELED], posterior - log_prior[labels[:NUM_LABELED]], atol=1e-5
    )
    of_labeled = np.asarray(logits[2])[:NUM_LABELED].argmax(1) == labels[:NUM_LABELED]
    np.testing.assert_allclose(found.diagnostics.accuracy[2], of_labeled.mean(), rtol=1e-6)
    np.testing.assert_allclose(found.diagnostics.unlabeled_fraction, 1 / 3, rtol=1e-6)
    assert any("33.3% of the samples have no label" in finding for finding in found.diagnostics.findings())


@pytest.mark.slow
def test_codebooks_learn_from_rows_without_a_label():
    features, labels, logits = task()
    options = {"logits": logits, "num_folds": 2}
    found = lsmi_jax.estimate(KEY, features, hidden(labels), unlabeled="use", **options)
    # The potentials see no label: other posteriors of the unlabeled rows change what is said of the labeled ones.
    other = [np.where((np.arange(SIZE) < NUM_LABELED)[:, None], view, -view) for view in logits]
    changed = lsmi_jax.estimate(KEY, features, hidden(labels), unlabeled="use", **options | {"logits": other})
    np.testing.assert_array_equal(found.information[0][:NUM_LABELED], changed.information[0][:NUM_LABELED])
    assert np.abs(found.i_union - changed.i_union)[:NUM_LABELED].max() > 1e-3


@pytest.mark.slow
def test_the_label_that_is_filled_in_is_never_used():
    features, labels, _ = task()
    masked = np.ma.masked_array(labels, np.arange(SIZE) >= NUM_LABELED)
    data = pack(features, masked, unlabeled="use")
    by_number = pack(features, hidden(labels), unlabeled="use")
    chex.assert_trees_all_equal(data, by_number)
    rows = jnp.arange(SIZE)[None, None]
    fitted = fit_stacked(KEY, data, rows, UnionInformation(num_cells=24))
    other = data._replace(labels=jnp.where(data.labeled, data.labels, (data.labels + 1) % 3))
    again = fit_stacked(KEY, other, rows, UnionInformation(num_cells=24))
    chex.assert_trees_all_equal(*(jax.tree.leaves(own.discriminators) for own in (fitted, again)))
    chex.assert_trees_all_equal(*(jax.tree.leaves((own.stacks, own.potentials)) for own in (fitted, again)))


@pytest.mark.slow
def test_densities_learn_from_rows_without_a_label():
    features, labels, logits = task()
    options = {"logits": logits, "num_folds": 2, "redundancy": SpecificityAmbiguity(num_components=2)}
    found = lsmi_jax.estimate(KEY, features, hidden(labels), unlabeled="use", **options)
    full = lsmi_jax.estimate(KEY, features, labels, **options | {"log_prior": np.log(np.ones(3) / 3)})
    assert np.isfinite(found.surprisal[0]).all()
    # As many rows, and no label in a density: surprisals agree up to the folds.
    np.testing.assert_allclose(found.surprisal[0].mean(), full.surprisal[0].mean(), atol=0.1)


def test_every_fold_has_its_share_of_unlabeled_rows():
    features, labels, logits = task()
    groups = np.arange(SIZE) // 5
    options = {"logits": logits, "num_folds": 5, "redundancy": MinimumInformation(), "unlabeled": "use"}
    found = lsmi_jax.estimate(KEY, features, hidden(labels), groups=groups, weights=np.ones(SIZE), **options)
    assert np.isnan(found.interactions.synergy).sum() == SIZE - NUM_LABELED


@pytest.mark.slow
def test_a_continuous_target_may_be_missing():
    features, _, _ = task()
    target = features[0][:, 0] + np.random.default_rng(1).normal(size=SIZE)
    missing = np.where(np.arange(SIZE) < NUM_LABELED, target, np.nan)
    options = {"num_folds": 2, "redundancy": MinimumInformation(), "target": "continuous", "num_classes": 4}
    found = lsmi_jax.estimate(KEY, features, missing, unlabeled="use", **options)
    assert np.isnan(found.information[0]).sum() == SIZE - NUM_LABELED
    np.testing.assert_allclose(found.diagnostics.prior_entropy, np.log(4), atol=1e-3)  # bins of the rows with a target
    assert float(found.mean().mean.information1) > 0.1


def test_rows_may_lack_a_label_or_a_modality():
    features, labels, logits = task()
    features[1][::10] = np.nan
    options = {"logits": logits, "num_folds": 2, "redundancy": MinimumInformation(), "missing": "mask"}
    found = lsmi_jax.estimate(KEY, features, hidden(labels), unlabeled="use", **options)
    has = np.arange(SIZE) < NUM_LABELED
    np.testing.assert_array_equal(np.isfinite(found.information[0]), has)
    np.testing.assert_array_equal(np.isfinite(found.interactions.synergy), has & (np.arange(SIZE) % 10 > 0))
    np.testing.assert_allclose(found.diagnostics.missing_fraction, [0, 0.1, 0.1], atol=1e-6)
    pairs = lsmi_jax.estimate_pairs(KEY, features, hidden(labels), unlabeled="use", **options)
    np.testing.assert_array_equal(pairs[0].interactions.synergy, found.interactions.synergy)


def test_an_estimator_is_fitted_on_rows_without_a_label():
    features, labels, logits = task()
    options = {"logits": logits, "redundancy": MinimumInformation()}
    fitted = lsmi_jax.fit_estimator(KEY, features, hidden(labels), unlabeled="use", **options)
    np.testing.assert_allclose(np.exp(fitted.log_prior), np.bincount(labels[:NUM_LABELED]) / NUM_LABELED, rtol=1e-5)
    with pytest.raises(ValueError, match=r"^labels: expected 0..K-1, got -1"):
        lsmi_jax.score(fitted, features, hidden(labels), logits=logits)


def test_what_is_refused():
    features, labels, logits = task()
    options = {"logits": logits, "num_folds": 2, "redundancy": MinimumInformation()}

    def refused(given, message, **more):
        with pytest.raises(ValueError, match=message):
            lsmi_jax.estimate(KEY, features, given, **options | more)

    refused(hidden(labels), r'^labels: expected 0..K-1, got -1; pass unlabeled="use"')
    refused(np.ma.masked_array(labels, labels == 0), r"^labels: expected no masked values, got \d+; unlabeled=")
    refused(labels, "^unlabeled: expected one of error, use, got 'mask'", unlabeled="mask")
    refused(np.full(SIZE, -1), "^labels: expected at least one row with a label, got none", unlabeled="use")
    refused(np.where(np.arange(SIZE) < 1, 2, np.where(labels == 2, -1, labels)), "too few of class 2", unlabeled="use")
