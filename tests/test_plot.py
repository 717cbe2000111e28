import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from lsmi_jax import Interactions, summarize
from lsmi_jax.plot import COLORS, plot_groups, plot_top_images


def interactions(rng, n=30):
    return Interactions(*(jnp.asarray(part, jnp.float32) for part in rng.normal(size=(4, n))))


def test_bars_stand_at_the_means(key, rng):
    parts = interactions(rng)
    summary = summarize(key, parts, tuple(parts[:3]), np.arange(30) % 3)
    ax = plot_groups(summary, ["a", "b", "c"], ax=Figure().subplots())
    heights = [bar.get_height() for container in ax.containers if hasattr(container, "patches") for bar in container]
    np.testing.assert_allclose(heights, np.concatenate([np.asarray(part) for part in summary.mean[:4]]), rtol=1e-6)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b", "c"]


def test_images_of_the_highest_samples_are_shown_in_order(rng):
    parts = interactions(rng)
    images = np.arange(30)[:, None, None] * np.ones((30, 4, 5))
    axes = plot_top_images(parts, images, axes=Figure().subplots(4), count=3)
    for part, ax, color in zip(parts, axes, COLORS, strict=True):
        shown = ax.images[0].get_array()[2].reshape(3, -1)[:, 2]
        np.testing.assert_array_equal(shown, np.argsort(-np.asarray(part))[:3])
        assert ax.get_title(loc="left")
        assert color
