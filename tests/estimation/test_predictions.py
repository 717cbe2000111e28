"""The user's own predictions: logits or probabilities, with or without features, of two classes or more."""

import jax
import numpy as np
import pandas
import pytest

from lsmi_jax import (
    MinimumInformation,
    SpecificityAmbiguity,
    datasets,
    encode_labels,
    estimate,
    estimate_pairs,
    fit_estimator,
    load,
    save,
    score,
)

NUM_SAMPLES = 120
KEY = jax.random.key(0)
FAST = {"num_folds": 2, "redundancy": MinimumInformation()}


def softmax(logits):
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


@pytest.fixture(scope="module")
def given():
    """Blocks, labels of two classes, and logits."""
    num_classes = 2
    task = datasets.gaussian_mixture(jax.random.key(7), NUM_SAMPLES, num_classes=num_classes, correlation=0.4)
    rng = np.random.default_rng(0)
    logits = [rng.normal(size=(NUM_SAMPLES, num_classes)).astype(np.float32) for _ in range(3)]
    return [np.asarray(block) for block in task.features], np.asarray(task.labels), logits


def parts(result):
    return np.stack([*result.interactions, *result.information])


@pytest.mark.parametrize("options", [FAST, {"num_folds": 2}], ids=["minimum", "union"])
def test_probabilities_are_logits(given, options):
    features, labels, logits = given
    expected = estimate(KEY, features, labels, logits=logits, **options)
    result = estimate(KEY, features, labels, probabilities=list(map(softmax, logits)), **options)
    np.testing.assert_allclose(parts(result), parts(expected), atol=2e-4)


@pytest.mark.parametrize(
    "options", [FAST, pytest.param({"num_folds": 2}, marks=pytest.mark.slow)], ids=["minimum", "union"]
)
def test_features_may_be_left_out(given, options):
    features, labels, logits = given
    expected = estimate(KEY, features, labels, logits=logits, **options)
    result = estimate(KEY, None, labels, logits=logits, **options)
    np.testing.assert_allclose(parts(result), parts(expected), atol=1e-6)
    assert not any("column" in finding for finding in result.diagnostics.findings())


def test_a_fit_without_features_scores_and_is_saved(given, tmp_path):
    features, labels, logits = given
    options = {"logits": logits, "redundancy": MinimumInformation()}
    fitted = fit_estimator(KEY, None, labels, **options)
    assert fitted.num_features == (0, 0)
    expected = score(fit_estimator(KEY, features, labels, **options), features, labels, logits=logits)
    save(tmp_path / "saved", fitted)
    for one in (fitted, load(tmp_path / "saved")):
        result = score(one, None, labels, probabilities=list(map(softmax, logits)))
        np.testing.assert_allclose(parts(result), parts(expected), atol=1e-4)


def test_pairs_without_features(given):
    features, labels, logits = given
    six = [*logits, *(0.5 * view for view in logits)]
    pairs = estimate_pairs(KEY, None, labels, logits=six, names=("a", "b", "c"), **FAST)
    expected = estimate_pairs(KEY, [*features, features[0]], labels, logits=six, **FAST)
    for ours, theirs in zip(pairs.estimates, expected.estimates, strict=True):
        np.testing.assert_allclose(parts(ours), parts(theirs), atol=1e-6)


@pytest.mark.parametrize("shape", [(NUM_SAMPLES,), (NUM_SAMPLES, 1)])
def test_one_logit_of_two_classes(given, shape):
    features, labels, logits = given
    with pytest.raises(ValueError, match=r"^logits\[0\]: expected shape \(120, 3\)"):
        estimate(KEY, features, labels, logits=[view[:, 0] for view in logits], num_classes=3, **FAST)
    expected = estimate(KEY, features, labels, logits=logits, **FAST)
    single = [(view[:, 1] - view[:, 0]).reshape(shape) for view in logits]
    np.testing.assert_allclose(parts(estimate(KEY, None, labels, logits=single, **FAST)), parts(expected), atol=1e-5)
    chances = [1 / (1 + np.exp(-view)) for view in single]
    np.testing.assert_allclose(
        parts(estimate(KEY, None, labels, probabilities=chances, **FAST)), parts(expected), atol=1e-4
    )


def test_logits_of_missing_rows_may_be_anything(given):
    features, labels, logits = given
    missing = (np.arange(NUM_SAMPLES) % 4 == 0, np.arange(NUM_SAMPLES) % 5 == 0)
    lacking = [missing[0], missing[1], missing[0] | missing[1]]
    ruined = [np.where(mask[:, None], np.nan, view) for mask, view in zip(lacking, logits, strict=True)]
    expected = estimate(KEY, features, labels, logits=logits, missing=missing, **FAST)
    result = estimate(KEY, None, labels, logits=ruined, missing=missing, **FAST)
    np.testing.assert_allclose(parts(result), parts(expected), atol=1e-5)
    np.testing.assert_array_equal(np.isnan(result.information[2]), lacking[2])


def test_mistakes_are_named(given):
    features, labels, logits = given
    chances = list(map(softmax, logits))
    for options, message in (
        ({"logits": chances}, r"^logits\[0\]: expected logits, got probabilities"),
        ({"logits": [logits[0], chances[1], logits[2]]}, r"^logits\[1\]: expected logits, got probabilities"),
        (
            {"logits": logits, "probabilities": chances},
            "^probabilities: expected either logits or probabilities, got both",
        ),
        ({"probabilities": logits}, r"^probabilities\[0\]: expected probabilities of at least 0"),
        (
            {"probabilities": [0.5 * view for view in chances]},
            r"^probabilities\[0\]: expected rows that sum to 1",
        ),
        ({"probabilities": chances[:2]}, "^probabilities: expected a tuple of 3 arrays, got 2"),
        (
            {"probabilities": [view[:5] for view in chances]},
            r"^probabilities\[0\]: expected shape \(120, ",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            estimate(KEY, features, labels, **options, **FAST)
    with pytest.raises(TypeError, match=r"^probabilities\[0\]: expected a floating dtype"):
        estimate(KEY, features, labels, probabilities=[view.astype(int) for view in chances], **FAST)
    with pytest.raises(ValueError, match=r"^features: expected feature blocks, as SpecificityAmbiguity"):
        estimate(KEY, None, labels, logits=logits, redundancy=SpecificityAmbiguity())
    with pytest.raises(ValueError, match=r"^features: expected a tuple"):
        estimate(KEY, None, labels)
    with pytest.raises(ValueError, match=r"^labels: expected labels"):
        fit_estimator(KEY, None)


def test_labels_of_pandas_of_every_type():
    ordered = pandas.Categorical(["low", "high", "low"], categories=["low", "middle", "high"], ordered=True)
    for labels, codes, classes in (
        (ordered, [0, 1, 0], ["low", "high"]),
        (pandas.Series(ordered), [0, 1, 0], ["low", "high"]),
        (pandas.Series(["b", "a", "b"], dtype="string"), [1, 0, 1], ["a", "b"]),
        (pandas.Series([7, 3, 7], dtype="Int64"), [1, 0, 1], [3, 7]),
        (pandas.Series([True, False, True], dtype="boolean"), [1, 0, 1], [False, True]),
        (np.array([True, False, True]), [1, 0, 1], [False, True]),
    ):
        encoded, found = encode_labels(labels)
        np.testing.assert_array_equal(encoded, codes)
        np.testing.assert_array_equal(found, classes)
        assert encoded.dtype == np.int32
    for lacking in (
        pandas.Series([1, None], dtype="Int64"),
        pandas.Series(["a", None], dtype="string"),
        pandas.Categorical(["a", None]),
    ):
        with pytest.raises(ValueError, match=r"^labels: expected no missing values, got 1 among 2"):
            encode_labels(lacking)
    with pytest.raises(
        ValueError, match=r"^labels: expected shape \[n\], got \(2, 2\); combine several columns into one"
    ):
        encode_labels([("a", "b"), ("c", "d")])
