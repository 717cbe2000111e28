"""Options of the data: the same names in every function, and an error for any other."""

import inspect

import jax
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax.inputs import DataOptions, pack

KEY = jax.random.key(0)
X, LABELS = (np.zeros((24, 2)), np.zeros((24, 3))), np.arange(24) % 3


@pytest.mark.parametrize("function", [lsmi_jax.estimate, pack])
def test_names_and_defaults_are_those_of_estimate(function):
    parameters = inspect.signature(function).parameters
    assert set(DataOptions.__annotations__) <= set(parameters)
    defaults = [parameters[name].default for name in DataOptions.__annotations__]
    assert defaults == [None] * 6 + ["error", "error", "classes"]


@pytest.mark.parametrize("function", [lsmi_jax.estimate_pairs, lsmi_jax.fit_estimator])
@pytest.mark.parametrize("name", ["weight", "knots", "only_two"])
def test_other_names_are_errors(function, name):
    with pytest.raises(TypeError, match=rf"^{name}: expected one of num_classes, .*, target, got an unknown argument"):
        function(KEY, X, LABELS, **{name: None})


@pytest.mark.parametrize(
    "option", [{"unlabeled": "use"}, {"target": "continuous"}, {"missing": "mask"}, {"weights": np.ones(24)}]
)
def test_batches_take_no_option_that_needs_all_rows(option):
    (name,) = option
    with pytest.raises(ValueError, match=rf"^{name}: expected None with batches; pass arrays of all rows"):
        lsmi_jax.fit_estimator(KEY, [(X, LABELS)], **option)
