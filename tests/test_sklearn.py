import re
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import lsmi_jax
from lsmi_jax import MinimumInformation, SpecificityAmbiguity
from lsmi_jax import sklearn as ours
from lsmi_jax.sklearn import LSMI

REDUNDANCY = SpecificityAmbiguity(num_components=4)


@pytest.fixture(scope="module")
def data(blobs):
    features, labels = blobs
    return np.concatenate(features, axis=1), np.array(["cat", "dog", "eel"])[labels]


@pytest.fixture(scope="module")
def fitted(data):
    return LSMI(split=2, redundancy=REDUNDANCY, random_state=0).fit(*data)


def test_it_returns_the_scores_of_fit_estimator_and_score(data, blobs, fitted):
    X, labels = data
    key = jax.random.key(np.random.RandomState(0).randint(2**31 - 1))
    estimator = lsmi_jax.fit_estimator(key, *blobs, redundancy=REDUNDANCY)
    expected = np.stack(lsmi_jax.score(estimator, *blobs).interactions, axis=1)
    np.testing.assert_array_equal(fitted.score_samples(X, labels), expected)


def test_the_redundancy_is_a_parameter_like_any_other(fitted):
    assert clone(fitted).get_params() == fitted.get_params()
    assert fitted.get_params()["redundancy"] == REDUNDANCY
    assert "redundancy=SpecificityAmbiguity(num_components=4" in re.sub(r"\s", "", repr(fitted))
    assert "redundancy" not in repr(LSMI(split=1))  # defaults are not shown
    changed = clone(fitted).set_params(redundancy=MinimumInformation())
    assert repr(changed) == "LSMI(random_state=0, redundancy=MinimumInformation(), split=2)"


def test_the_score_is_the_mean_information_of_both(data, fitted):
    X, labels = data
    codes = np.searchsorted(fitted.classes_, labels)
    prior = np.bincount(codes) / len(codes)
    chances = fitted.predict_proba(X)
    np.testing.assert_allclose(chances.sum(1), 1, rtol=1e-5)
    expected = np.log(chances[np.arange(len(codes)), codes] / prior[codes]).mean()
    np.testing.assert_allclose(fitted.score(X, labels), expected, rtol=1e-4)


def test_without_labels_interactions_are_means_over_the_labels(data, fitted):
    X, labels = data
    np.testing.assert_array_equal(fitted.transform(X, labels), fitted.score_samples(X, labels))
    of_classes = [fitted.score_samples(X, np.full(len(X), name)) for name in fitted.classes_]
    expected = sum(own * chance[:, None] for own, chance in zip(of_classes, fitted.predict_proba(X).T, strict=True))
    np.testing.assert_allclose(fitted.transform(X), expected, atol=2e-5)
    assert fitted.get_feature_names_out().tolist() == ["r", "u1", "u2", "s"]


@pytest.mark.slow
def test_searches_pipelines_and_groups_of_scikit_learn(rng):
    labels = np.arange(90) % 2
    X = rng.normal(size=(90, 4)) + labels[:, None]
    pipeline = make_pipeline(StandardScaler(), LSMI(split=2, random_state=0))
    groups, folds = np.arange(90) // 2, GroupKFold(2)
    search = GridSearchCV(pipeline, {"lsmi__split": [1, 2]}, cv=folds).fit(X, labels, groups=groups)
    assert set(search.cv_results_["param_lsmi__split"]) == {1, 2}
    # The better of two splits of the same columns: both say the same together.
    np.testing.assert_allclose(*search.cv_results_["mean_test_score"], atol=0.1)
    assert 0.1 < search.best_score_ < np.log(2)
    search.best_estimator_[-1].set_output(transform="pandas")
    assert search.best_estimator_.transform(X).columns.tolist() == ["r", "u1", "u2", "s"]


def test_bad_input_is_named(data, fitted):
    X, labels = data
    with pytest.raises(ValueError, match="split: expected 1 to 4 of 5 columns, got 5"):
        LSMI(split=5).fit(X, labels)
    with pytest.raises(ValueError, match=r"y: expected labels among those fitted, got \['cow'\]"):
        fitted.score_samples(X, np.where(labels == "cat", "cow", labels))
    with pytest.raises(TypeError, match=r"redundancy: expected an object such as lsmi_jax\.MinimumInformation\(\)"):
        LSMI(2, redundancy="minimum_information").fit(X, labels)


NEEDS_LABELS = "interactions belong to a sample and its label: score_samples takes both"
UNFIT = dict.fromkeys(("check_methods_sample_order_invariance", "check_methods_subset_invariance"), NEEDS_LABELS)


def fit_nothing(key, blocks, labels, **options):
    assert all(block.dtype == np.float32 and np.isfinite(block).all() for block in blocks)
    return blocks, labels


def score_something(estimator, blocks, labels, **options):
    part = blocks[0].sum(1) + labels.astype(np.float32)
    return SimpleNamespace(interactions=(part,) * 4, information=(part,) * 3)


def expect_something(estimator, blocks, **options):
    return (blocks[0].sum(1),) * 4


def even_chances(estimator, blocks):
    return (np.full((len(blocks[0]), 2), -np.log(2)),) * 3


@pytest.mark.parametrize("real", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_estimator_checks_of_scikit_learn(real, monkeypatch):
    """Each check compiles for another shape: the quick run replaces the fit, which has its own tests."""
    if not real:
        monkeypatch.setattr(ours, "fit_estimator", fit_nothing)
        monkeypatch.setattr(ours, "score", score_something)
        monkeypatch.setattr(ours, "expected_interactions", expect_something)
        monkeypatch.setattr(ours, "log_posteriors", even_chances)
    estimator = LSMI(1, redundancy=SpecificityAmbiguity(num_components=2), random_state=0)
    results = check_estimator(estimator, expected_failed_checks=UNFIT, on_fail=None, on_skip=None)
    failed = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    assert failed == {}
    assert sum(result["status"] == "passed" for result in results) > 30
