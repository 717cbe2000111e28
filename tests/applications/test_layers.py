"""Layers whose activations hold what is known."""

import jax
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax import MinimumInformation
from lsmi_jax.applications import probe_layers
from lsmi_jax.reporting import plot_layers

KEY = jax.random.key(0)
OPTIONS = {"num_folds": 2, "redundancy": MinimumInformation()}


@pytest.fixture(scope="module")
def layers(blobs):
    (first, second), labels = blobs
    rng = np.random.default_rng(0)
    noise = [rng.normal(size=block.shape) for block in (first, second)]
    clear = np.eye(3)[labels] * 6 + rng.normal(size=(len(labels), 3))
    blank = rng.normal(size=clear.shape)
    activations = {
        "input": (noise[0], noise[1]),
        "branches": (first, second),
        "fused": clear,
        "tokens": (clear[:, None] + np.array([-1, 1])[None, :, None], blank, clear),
    }
    done = []
    found = probe_layers(KEY, activations, labels, progress=done.append, **OPTIONS)
    assert done == list(activations)
    return found, activations, labels


@pytest.mark.slow
def test_two_branches_are_an_estimate(layers):
    found, activations, labels = layers
    expected = lsmi_jax.estimate(KEY, activations["branches"], labels, **OPTIONS)
    np.testing.assert_array_equal(found["branches"].information[2], expected.information[2])
    assert found["branches"].num_samples == len(labels)


@pytest.mark.slow
def test_depth_shows(layers):
    found, _, _ = layers
    means = found.means().mean
    entropy = float(found[0].diagnostics.prior_entropy)
    assert means.information12[0] < 0.15
    assert means.information12[1] > 0.3
    # A fused layer that separates the classes: what the branches do not say is synergy.
    assert means.information12[2] > 0.85 * entropy
    np.testing.assert_allclose(means.information1[2], means.information1[1], atol=0.1)
    assert means.synergy[2] > means.synergy[1]
    # Masked: all is in the first modality, whose tokens are averaged.
    assert means.unique1[3] > 0.85 * entropy
    assert abs(means.unique2[3]) < 0.1
    np.testing.assert_allclose(means.information1[3], means.information12[2], atol=1e-5)


@pytest.mark.slow
def test_the_table_and_the_plot(layers):
    pytest.importorskip("pandas")
    figure = pytest.importorskip("matplotlib.figure").Figure()
    found, activations, _ = layers
    assert list(found.to_pandas().index) == list(activations)
    assert repr(found).splitlines()[0] == "4 layers, 72 samples: raw means in nats"
    ax = plot_layers(found.means(), found.names, ax=figure.subplots())
    assert [text.get_text() for text in ax.get_xticklabels()] == list(activations)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), found.means().mean.redundancy, rtol=1e-6)
    with pytest.raises(ValueError, match=r"^means: expected those of layers"):
        plot_layers(found[0].mean(), ["one"])
    with pytest.raises(KeyError, match="layer: expected one of input"):
        found["output"]


@pytest.mark.slow
def test_groups_and_weights_reach_every_layer(blobs):
    _, labels = blobs
    rng = np.random.default_rng(0)
    clear, blank = np.eye(3)[labels] * 6 + rng.normal(size=(72, 3)), rng.normal(size=(72, 3))
    groups, weights = np.arange(len(labels)) // 2, 1.0 + (labels == 0)
    masked = {"fused": (clear[:, None] + np.array([-1, 1])[None, :, None], blank, clear)}
    found = probe_layers(KEY, masked, labels, groups=groups, weights=weights, **OPTIONS)
    assert found[0].groups is not None
    np.testing.assert_allclose(found[0].weights, weights / weights.mean(), rtol=1e-5)
    assert found.means().mean.unique1[0] > 0.7


@pytest.mark.parametrize(
    ("activations", "message"),
    [
        ([np.ones((72, 2))], "activations: expected arrays by the name of the layer, got list"),
        ({}, "activations: expected at least one layer"),
        ({"a": np.ones((72, 2))}, "activations: expected two or three arrays of the first layer, got one of a"),
        ({"a": [np.ones((72, 2))] * 4}, "activations: expected one, two or three arrays of a layer, got 4 of a"),
        ({"a": [np.ones(72)] * 2}, r"activations: expected arrays \[n, ..., d\], got shape \(72,\) of a"),
        ({"a": [np.ones((72, 2)), np.ones((71, 2))]}, r"features.*\(layer a\)"),
    ],
)
def test_mistakes_are_named(activations, message, blobs):
    _, labels = blobs
    with pytest.raises((TypeError, ValueError), match=message):
        probe_layers(KEY, activations, labels, **OPTIONS)
    with pytest.raises(ValueError, match=r"^redundancy: expected one without densities"):
        probe_layers(KEY, activations, labels, redundancy=lsmi_jax.SpecificityAmbiguity())


@pytest.mark.slow
def test_layers_of_one_width_share_one_program(blobs, caplog):
    (first, _), labels = blobs
    rng = np.random.default_rng(0)
    others = [first + rng.normal(size=first.shape) for _ in range(5)]
    probe_layers(KEY, {"one": (first, others[0])}, labels, **OPTIONS)
    with jax.log_compiles(), caplog.at_level("WARNING"):
        jax.jit(lambda x: x - 1)(first)  # compiled: shows that programs are logged
        layers = {"two": (others[1], others[2]), "three": (others[3], others[4])}
        probe_layers(KEY, layers, labels, **OPTIONS)
    compiled = [record.getMessage() for record in caplog.records if "Finished XLA compilation" in record.getMessage()]
    assert len(compiled) == 1
    assert "lambda" in compiled[0]
