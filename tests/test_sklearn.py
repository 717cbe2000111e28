import re
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from sklearn.base import clone
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


def test_bad_input_is_named(data, fitted):
    X, labels = data
    with pytest.raises(ValueError, match="split: expected 1 to 4 of 5 columns, got 5"):
        LSMI(split=5).fit(X, labels)
    with pytest.raises(ValueError, match=r"y: expected labels among those fitted, got \['cow'\]"):
        fitted.score_samples(X, np.where(labels == "cat", "cow", labels))
    with pytest.raises(TypeError, match=r"redundancy: expected an object such as lsmi_jax\.MinimumInformation\(\)"):
        LSMI(redundancy="minimum_information").fit(X, labels)


NEEDS_LABELS = "interactions belong to a sample and its label: score_samples takes both"
UNFIT = dict.fromkeys(("check_methods_sample_order_invariance", "check_methods_subset_invariance"), NEEDS_LABELS)


def fit_nothing(key, blocks, labels, **options):
    assert all(block.dtype == np.float32 and np.isfinite(block).all() for block in blocks)
    return blocks, labels


def score_something(estimator, blocks, labels, **options):
    part = blocks[0].sum(1) + labels
    return SimpleNamespace(interactions=(part,) * 4)


@pytest.mark.parametrize("real", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_estimator_checks_of_scikit_learn(real, monkeypatch):
    """Each check compiles for another shape: the quick run replaces the fit, which has its own tests."""
    if not real:
        monkeypatch.setattr(ours, "fit_estimator", fit_nothing)
        monkeypatch.setattr(ours, "score", score_something)
    estimator = LSMI(redundancy=SpecificityAmbiguity(num_components=2), random_state=0)
    results = check_estimator(estimator, expected_failed_checks=UNFIT, on_fail=None, on_skip=None)
    failed = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    assert failed == {}
    assert sum(result["status"] == "passed" for result in results) > 30
