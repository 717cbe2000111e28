import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsmi_jax import SpecificityAmbiguity, estimate, fit_estimator, minimum_information
from lsmi_jax.estimation import _estimate
from lsmi_jax.inputs import check_logits
from lsmi_jax.inputs._missing import separate_missing, separate_unlabeled

KEY = jax.random.key(0)


def good():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(40, 3)), rng.normal(size=(40, 2))), np.arange(40) % 2


def broken(block, row=3, value=np.nan):
    block = block.copy()
    block[row, 0] = value
    return block


X, Y = good()
LOGITS = (np.zeros((40, 2)),) * 3

BAD = {
    "blocks of two lengths": (
        ((X[0], X[1][:30]), Y),
        {},
        ValueError,
        r"features: expected blocks of equal length, got 40",
    ),
    "labels of another length": ((X, Y[:30]), {}, ValueError, r"labels: expected shape \(40,\) to match the features"),
    "1-D features": (((X[0][:, 0], X[1]), Y), {}, ValueError, r"features\[0\]: expected shape \[n, d\], got \(40,\)"),
    "3-D features": (((X[0], X[1][None]), Y), {}, ValueError, r"features\[1\]: expected shape \[n, d\]"),
    "no rows": (((X[0][:0], X[1][:0]), Y[:0]), {}, ValueError, r"features\[0\]: expected at least one row"),
    "no columns": (
        ((X[0][:, :0], X[1]), Y),
        {},
        ValueError,
        r"features\[0\]: expected at least one row and one column",
    ),
    "one block": (((X[0],), Y), {}, ValueError, "features: expected a tuple of at least 2 arrays, got 1"),
    "an array for blocks": ((X[0], Y), {}, ValueError, "features: expected a tuple of at least 2 arrays, got ndarray"),
    "text features": (((X[0].astype(str), X[1]), Y), {}, TypeError, r"features\[0\]: expected real numbers"),
    "complex features": (((X[0] * 1j, X[1]), Y), {}, TypeError, r"features\[0\]: expected real numbers"),
    "NaN": (((X[0], broken(X[1])), Y), {}, ValueError, r"features\[1\]: expected finite .* in 1 of 40 rows"),
    "inf": (((broken(X[0], value=np.inf), X[1]), Y), {}, ValueError, r"features\[0\]: expected finite"),
    "too large": (((broken(X[0], value=1e300), X[1]), Y), {}, ValueError, r"features\[0\]: expected finite"),
    "float labels": ((X, Y.astype(float)), {}, TypeError, "labels: expected integers 0..K-1, got dtype float64"),
    "text labels": ((X, Y.astype(str)), {}, TypeError, "labels: expected integers"),
    "negative labels": ((X, Y - 1), {}, ValueError, "labels: expected 0..K-1, got -1"),
    "a gap in the labels": ((X, 2 * Y), {}, ValueError, r"labels: expected at least 5 samples .* of class 1 \(0\)"),
    "a far too large label": ((X, Y * 10**9), {}, ValueError, "without gaps, got 1000000000 among 40 samples"),
    "too large a label": ((X, Y + 1), {"num_classes": 2}, ValueError, "expected 0..1 for num_classes=2, got 2"),
    "one class": ((X, 0 * Y), {}, ValueError, "labels: expected at least 2 classes, got 1"),
    "one class of two": ((X, 0 * Y), {"num_classes": 2}, ValueError, "at least 2 classes with samples, got one"),
    "one class, not the first": ((X, 0 * Y + 1), {}, ValueError, "at least 2 classes with samples, got one"),
    "a small class": ((X, (np.arange(40) < 3) * 1), {}, ValueError, r"at least 5 samples .* num_folds=5.* 1 \(3\)"),
    "one fold": ((X, Y), {"num_folds": 1}, ValueError, "num_folds: expected at least 2, got 1"),
    "two logits": ((X, Y), {"logits": LOGITS[:2]}, ValueError, "logits: expected a tuple of 3 arrays, got 2"),
    "wide logits": (
        (X, Y),
        {"logits": (np.zeros((40, 3)), *LOGITS[:2])},
        ValueError,
        r"logits\[0\]: expected shape \(40, 2\), got \(40, 3\)",
    ),
    "NaN logits": (
        (X, Y),
        {"logits": (LOGITS[0], LOGITS[1] * np.nan, LOGITS[2])},
        ValueError,
        r"logits\[1\]: expected no NaN",
    ),
    "integer logits": (
        (X, Y),
        {"logits": (LOGITS[0].astype(int),) * 3},
        TypeError,
        r"logits\[0\]: expected a floating",
    ),
    "a prior of 1.2": (
        (X, Y),
        {"log_prior": np.log([0.6, 0.6])},
        ValueError,
        "log_prior: .* sum to 1, got a sum of 1.2",
    ),
    "a prior of NaN": ((X, Y), {"log_prior": np.array([np.nan, 0.0])}, ValueError, "log_prior: .* sum to 1"),
    "a prior of 3": ((X, Y), {"log_prior": np.log([0.2, 0.3, 0.5])}, ValueError, r"log_prior: expected shape \(2,\)"),
    "a string for a redundancy": (
        (X, Y),
        {"redundancy": "minimum-information"},
        TypeError,
        r"redundancy: expected an object such as lsmi_jax.MinimumInformation\(\), got 'minimum-information'",
    ),
    "an unknown string": ((X, Y), {"redundancy": "all"}, TypeError, r"lsmi_jax.UnionInformation\(\), got 'all'"),
    "a function": (
        (X, Y),
        {"redundancy": minimum_information},
        TypeError,
        r"redundancy: expected an object such as lsmi_jax.MinimumInformation\(\), got <function",
    ),
    "a function of the user": ((X, Y), {"redundancy": lambda *_: 0}, TypeError, "CustomRedundancy"),
    "a class": (
        (X, Y),
        {"redundancy": SpecificityAmbiguity},
        TypeError,
        r"lsmi_jax.SpecificityAmbiguity\(\), got <class",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_before_any_work(name, monkeypatch):
    def no_work(*_args, **_kwargs):
        raise AssertionError("work was begun")

    monkeypatch.setattr(_estimate, "fit_stacked", no_work)
    (features, labels), options, error, message = BAD[name]
    with pytest.raises(error, match=message):
        estimate(KEY, features, labels, **options)


BAD_OPTIONS = {
    "num_components: expected at least 1, got 0": {"num_components": 0},
    "covariance: expected": {"covariance": "round"},
}


@pytest.mark.parametrize("message", BAD_OPTIONS)
def test_a_redundancy_checks_its_options(message):
    with pytest.raises(ValueError, match=message):
        SpecificityAmbiguity(**BAD_OPTIONS[message])


KEYS = {
    r"jax.random.key\(0\), got 0": 0,
    r"jax.random.key\(0\), got tuple": X,
    r"got an array of dtype float64 and shape \(40, 3\)": X[0],
    r"got an array of dtype int32 and shape \(2,\)": jnp.zeros(2, jnp.int32),
}


@pytest.mark.parametrize("message", KEYS)
def test_what_is_no_key_is_named(message):
    for call in (estimate, fit_estimator):
        with pytest.raises(TypeError, match="key: expected a random key such as .*" + message):
            call(KEYS[message], X, Y)


@pytest.mark.slow
def test_legacy_keys_are_those_of_the_same_seed():
    logits = tuple(np.random.default_rng(0).normal(size=(3, 40, 2)).astype(np.float32))
    options = {"logits": logits, "redundancy": SpecificityAmbiguity(num_components=2), "num_folds": 2}
    new, old = (estimate(key, X, Y, **options) for key in (jax.random.key(3), jax.random.PRNGKey(3)))
    np.testing.assert_array_equal(new.surprisal[0], old.surprisal[0])


def test_fitting_refuses_the_same():
    with pytest.raises(ValueError, match=r"features\[1\]: expected finite"):
        fit_estimator(KEY, (X[0], broken(X[1])), Y)
    with pytest.raises(ValueError, match="at least 2 samples of every class"):
        fit_estimator(KEY, X, np.minimum(np.arange(40), 1) * 1 - 0 * Y + (np.arange(40) == 5))


def test_jax_arrays_are_checked_too():
    with pytest.raises(ValueError, match=r"features\[0\]: expected finite"):
        estimate(KEY, (jnp.asarray(X[0]).at[0, 0].set(jnp.nan), jnp.asarray(X[1])), jnp.asarray(Y))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_missing_rows_of_any_precision(dtype):
    block = jnp.array([[1.0, 2.0], [jnp.nan, jnp.nan], [3.0, 4.0]], dtype)
    _, present = separate_missing((block, np.ones((3, 1))), "mask", only_two=True)
    np.testing.assert_array_equal(present[0], [True, False, True])


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
def test_targets_of_any_precision_may_lack(dtype):
    _, labeled = separate_unlabeled(jnp.array([1.0, jnp.nan, 2.0], dtype), "use", 3)
    np.testing.assert_array_equal(labeled, [True, False, True])


def test_probabilities_are_not_logits_where_rows_are_missing():
    chances = np.full((4, 2), 0.5, np.float32)
    present = [np.array([True, True, False, True])] * 3
    with pytest.raises(ValueError, match=r"^logits\[0\]: expected logits, got probabilities"):
        check_logits((chances,) * 3, 4, 2, present=present)
    # Nothing is known of rows that are all missing.
    check_logits((chances,) * 3, 4, 2, present=[np.zeros(4, bool)] * 3)
