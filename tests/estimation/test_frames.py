import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsmi_jax import KINDS, SpecificityAmbiguity, estimate, gain, kind


@pytest.fixture(scope="module")
def result():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    features = tuple((rng.normal(size=(60, 2)) + labels[:, None]).astype(np.float32) for _ in range(2))
    logits = tuple(rng.normal(size=(3, 60, 2)).astype(np.float32))
    options = {"redundancy": SpecificityAmbiguity(num_components=2), "num_folds": 2, "num_seeds": 2}
    return estimate(jax.random.key(0), features, labels, logits=logits, **options)


def test_a_data_frame_holds_every_sample(result):
    names = [f"clip {i}" for i in range(60)]
    frame = result.to_pandas(names)
    assert list(frame.index) == names
    np.testing.assert_array_equal(frame["u2"], result.interactions.unique2)
    np.testing.assert_array_equal(frame["s_adjusted"], result.adjusted.synergy)
    np.testing.assert_array_equal(frame["r_spread"], result.spread.redundancy)
    np.testing.assert_allclose(frame.r + frame.u1, frame.i1, atol=1e-4)
    np.testing.assert_array_equal(frame["gain"], gain(*result.information))
    assert tuple(frame["kind"].cat.categories) == KINDS
    np.testing.assert_array_equal(frame["kind"].cat.codes, kind(*result.information))
    with pytest.raises(ValueError, match="index: expected 60 names, one per sample, got 2"):
        result.to_pandas(["a", "b"])


def test_an_xarray_says_what_each_axis_is(result):
    stored = result.to_xarray()
    assert stored.interactions.dims == ("sample", "part")
    np.testing.assert_array_equal(stored.interactions.sel(part="s"), result.interactions.synergy)
    np.testing.assert_array_equal(stored.information.sel(view="12"), result.information[2])
    np.testing.assert_array_equal(stored.accuracy, result.diagnostics.accuracy)
    assert stored.gain.dims == stored.kind.dims == ("sample",)
    np.testing.assert_array_equal(stored.kind, result.columns()["kind"])
    assert (stored.gain.attrs, stored.kind.attrs) == ({"units": "nats"}, {})
    assert stored.surprisal.attrs["units"] == "nats"


@pytest.mark.parametrize("name", ["pandas", "xarray"])
def test_a_missing_library_is_named(result, name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=f"needs {name}: pip install"):
        getattr(result, f"to_{name}")()


def test_an_estimate_shows_its_means(result):
    text, page = repr(result), result._repr_html_()
    for part in result.interactions:
        assert f"{float(part.mean()):+.3f}" in text
        assert f"{float(part.mean()):+.3f}" in page
    assert "60 samples" in text
    assert max(map(len, text.splitlines()[:9])) <= 100
    assert "<script" not in page


def test_estimates_of_tracers_and_stacks_show_their_fields(result):
    seen = []

    @jax.jit
    def twice(one):
        seen.append(repr(one))
        return jax.tree.map(lambda x: x, one)

    twice(result)
    assert seen[0].startswith("Estimate(interactions=")
    stacked = jax.tree.map(lambda x: jnp.stack([x, x]), result)
    assert repr(stacked).startswith("Estimate(interactions=")
    assert stacked._repr_html_() is None
    assert repr(jax.eval_shape(twice, result)).startswith("Estimate(")
