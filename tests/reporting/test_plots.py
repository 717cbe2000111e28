from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import lsmi_jax
from lsmi_jax import Interactions, gain, kind, summarize
from lsmi_jax.decomposition import THRESHOLD
from lsmi_jax.reporting import (
    COLORS,
    NAMES,
    plot_classes,
    plot_radar,
    plot_samples,
    plot_summary,
    plot_top_images,
    plot_training,
)


def interactions(rng, n=30):
    return Interactions(*(jnp.asarray(part, jnp.float32) for part in rng.normal(size=(4, n))))


def test_bars_stand_at_the_means(key, rng):
    parts = interactions(rng)
    summary = summarize(key, parts, tuple(parts[:3]), np.array(["a", "b", "c"])[np.arange(30) % 3])
    ax = plot_classes(summary, ax=Figure().subplots())
    heights = [bar.get_height() for container in ax.containers if hasattr(container, "patches") for bar in container]
    np.testing.assert_allclose(heights, np.concatenate([np.asarray(part) for part in summary.mean[:4]]), rtol=1e-6)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b", "c"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(NAMES)
    ax = plot_classes(summary, ["x", "y", "z"], ax=Figure().subplots())
    assert [text.get_text() for text in ax.get_xticklabels()] == ["x", "y", "z"]
    ax = plot_classes(summarize(key, parts, tuple(parts[:3]), np.arange(30) % 3), ax=Figure().subplots())
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0", "1", "2"]


def test_a_part_that_the_shift_sets_to_zero_has_no_interval(key, rng):
    parts = Interactions(
        *(part + offset for part, offset in zip(interactions(rng), (1.0, 0.0, -1.0, 1.0), strict=True))
    )
    summary = summarize(key, parts, tuple(parts[:3]), adjusted=True)
    assert summary.set_to_zero() == ("unique2",)
    ax = plot_summary(summary, ax=Figure().subplots())
    (label,) = ax.texts
    assert (label.get_text(), label.xy) == ("set to 0", (0, 2))
    (bars,) = (container for container in ax.containers if hasattr(container, "patches"))
    (lines,) = bars.errorbar.lines[2]
    lengths = [np.ptp(segment[:, 0]) for segment in lines.get_segments()]
    assert [length > 0 for length in lengths] == [True, True, False, True, True, True, True]


def test_images_of_the_highest_samples_are_shown_in_order(rng):
    estimate = estimate_of(interactions(rng))
    images = np.arange(30)[:, None, None] * np.ones((30, 4, 5))
    axes = plot_top_images(estimate, images, axes=Figure().subplots(4), count=3)

    def shown(ax):
        return ax.images[0].get_array()[2].reshape(-1, 7)[:, 2].astype(int)

    for part, ax, name in zip(estimate.interactions[:3], axes, NAMES, strict=False):
        np.testing.assert_array_equal(shown(ax), np.argsort(-np.asarray(part))[:3])
        assert ax.get_title(loc="left") == f"highest in {name}, nats below"
    together = shown(axes[3])
    assert np.stack(estimate.information[:2])[:, together].max() < THRESHOLD
    assert (np.diff(np.asarray(estimate.gain)[together]) <= 0).all()
    assert axes[3].get_title(loc="left").startswith("synergy: known only together (")


def test_a_part_without_samples_has_an_empty_row(rng):
    parts = Interactions(*(jnp.zeros(30),) * 4)
    axes = plot_top_images(estimate_of(parts), np.ones((30, 4, 5)), axes=Figure().subplots(4))
    assert not axes[3].images
    assert [text.get_text() for text in axes[3].texts] == ["no such sample"]
    assert {ax.images[0].get_array().shape for ax in axes[:3]} == {(6, 12 * 7)}
    assert axes[3].get_title(loc="left") == "synergy: known only together (0 samples), by gain, nats below"


def test_few_images_are_as_large_as_many(rng):
    parts = Interactions(*(jnp.zeros(2),) * 4)
    axes = plot_top_images(estimate_of(parts), np.ones((2, 4, 5)), axes=Figure().subplots(4), count=3)
    picture = axes[0].images[0].get_array()
    assert picture.shape == (6, 3 * 7)
    np.testing.assert_array_equal(picture[1:-1].any(0).reshape(3, 7).any(1), [True, True, False])
    assert len(axes[0].get_xticks()) == 2


def estimate_of(parts):
    r, u1, u2, s = parts
    information = (r + u1, r + u2, r + u1 + u2 + s)
    return SimpleNamespace(
        interactions=parts, information=information, gain=gain(*information), kind=kind(*information)
    )


def test_a_summary_shows_means_and_intervals(key, rng):
    parts = interactions(rng)
    summary = summarize(key, parts, tuple(parts[:3]))
    ax = plot_summary(summary, ax=Figure().subplots())
    bars, whiskers = ax.containers[1].patches, ax.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose([bar.get_width() for bar in bars], np.asarray(summary.mean), rtol=1e-5)
    assert [to_hex(bar.get_facecolor()) for bar in bars[:4]] == [color.lower() for color in COLORS]
    np.testing.assert_allclose([ends[0, 0] for ends in whiskers], np.asarray(summary.lower), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="got means by category"):
        plot_summary(summarize(key, parts, tuple(parts[:3]), np.arange(30) % 3), ax=Figure().subplots())


def test_a_radar_has_a_polygon_for_each_class(key, rng):
    parts = interactions(rng)
    summary = summarize(key, parts, tuple(parts[:3]), np.array(["a", "b", "c"])[np.arange(30) % 3])
    ax = plot_radar(summary, ax=Figure().subplots(subplot_kw={"projection": "polar"}))
    assert [line.get_label() for line in ax.lines] == ["a", "b", "c"]
    means = np.stack([np.asarray(part) for part in summary.mean[:4]])
    for line, own in zip(ax.lines, means.T, strict=True):
        np.testing.assert_allclose(line.get_ydata(), [*own, own[0]], rtol=1e-6)
    low, high = ax.get_ylim()
    assert low <= means.min()
    assert high >= means.max()
    with pytest.raises(ValueError, match="ax: expected polar axes, got rectilinear"):
        plot_radar(summary, ax=Figure().subplots())


def test_plots_take_an_estimate():
    labels = np.arange(60) % 3
    logits = tuple(np.float32(2 * np.eye(3)[labels] + np.random.default_rng(0).normal(size=(60, 3))) for _ in range(3))
    options = {"logits": logits, "redundancy": lsmi_jax.MinimumInformation(), "num_folds": 2}
    result = lsmi_jax.estimate(jax.random.key(0), None, labels, **options)
    ax = plot_summary(result)
    np.testing.assert_allclose(ax.patches[0].get_width(), result.mean().mean.redundancy, rtol=1e-6)
    ax = plot_classes(result, labels)
    assert len(ax.patches) == 4 * 3
    np.testing.assert_allclose(ax.patches[0].get_height(), result.mean(labels).mean.redundancy[0], rtol=1e-6)
    assert plot_samples(result).get_xlabel() == "nats"
    with pytest.raises(ValueError, match="class_names: expected the labels of the samples"):
        plot_classes(result)
    with pytest.raises(ValueError, match=r"class_names: expected the label of each of 60 samples .*, got shape \(3,\)"):
        plot_classes(result, ["cat", "dog", "eel"])


def test_histograms_hold_every_sample(rng):
    parts = interactions(rng)
    ax = plot_samples(parts, ax=Figure().subplots())
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["redundancy", "unique 1", "unique 2", "synergy"]
    assert {to_hex(patch.get_edgecolor()) for patch in ax.patches} == {color.lower() for color in COLORS}


def test_training_is_drawn_over_steps_held_out_dashed(rng):
    parts = interactions(rng, n=5)
    ax = plot_training(np.arange(5), parts, parts, ax=Figure().subplots())
    assert [line.get_linestyle() for line in ax.lines] == ["-"] * 4 + ["--"] * 4
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), np.asarray(parts.unique1))
    assert ax.lines[1].get_color() == ax.lines[5].get_color() == COLORS[1]
