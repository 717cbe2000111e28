"""Results print readably, and never fail to print."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsmi_jax import (
    Interactions,
    MinimumInformation,
    Pairs,
    SpecificityAmbiguity,
    adjust,
    estimate,
    fit_estimator,
    permutation_test,
    summarize,
)

LOGITS = tuple(np.random.default_rng(0).normal(size=(3, 60, 2)).astype(np.float32))
LABELS = np.arange(60) % 2
FEATURES = tuple(np.random.default_rng(1).normal(size=(2, 60, 2)))
OPTIONS = {"logits": LOGITS, "redundancy": MinimumInformation(), "num_folds": 2}


@pytest.fixture(scope="module")
def result():
    return estimate(jax.random.key(0), FEATURES, LABELS, **OPTIONS)


def lines(text, width=100):
    rows = text.splitlines()
    assert max(map(len, rows)) <= width
    return rows


def test_a_summary_shows_means_errors_and_intervals(result):
    summary = result.mean()
    first, header, *rows = lines(repr(summary))
    assert first == "Summary of 60 samples, in nats"
    assert header.split() == ["mean", "error", "interval"]
    assert rows[7:] == [
        "Note: Standard errors omit variation between fits. Use num_seeds=5 (--num-seeds 5) to include it."
    ]
    for row, mean, error in zip(rows[:7], summary.mean, summary.standard_error, strict=True):
        assert f"{float(mean):+z.3f}" in row
        assert f"{float(error):.3f}" in row


def test_an_estimate_shows_the_means_errors_and_intervals_of_its_summary(result):
    """The bootstrap's 95% intervals agree with those printed to 4 standard errors of a percentile of 4000 resamples."""
    first, header, *rows = lines("\n".join(repr(result).splitlines()[:9]))
    assert first == "Estimate of 60 samples: means in nats, 95% intervals; 1 bit = 0.693 nats"
    assert header.split() == ["raw", "error", "interval", "shifted", "cross-entropy", "accuracy"]
    summary = result.mean(num_resamples=4000)
    columns = zip(summary.mean, summary.standard_error, summary.lower, summary.upper, strict=True)
    for row, (mean, error, lower, upper) in zip(rows, columns, strict=True):
        printed = re.search(r"([+-][\d.]+) +([\d.]+) +([+-][\d.]+) to ([+-][\d.]+)", row)
        np.testing.assert_allclose(float(printed[1]), mean, atol=6e-4)
        np.testing.assert_allclose([float(end) for end in printed.groups()[2:]], [lower, upper], atol=0.2 * error)


def test_a_summary_of_groups_shows_one_row_each(result):
    first, header, *rows, note = lines(repr(result.mean(np.arange(60) % 3)))
    assert first == "Summary of 3 categories: means in nats"
    assert note.startswith("Note: Standard errors omit variation between fits")
    assert header.split() == ["samples", "R", "U1", "U2", "S", "I1", "I2", "I12"]
    assert [row.split()[:2] for row in rows] == [["0", "20"], ["1", "20"], ["2", "20"]]


@pytest.fixture
def shifted():
    """An estimate whose mean U2 is -1, so that the shift sets it to zero."""
    parts = Interactions(*(mean + np.linspace(-0.1, 0.1, 60) for mean in (2.0, 0.5, -1.0, 1.5)))
    information = (parts.redundancy + parts.unique1, parts.redundancy + parts.unique2, sum(parts))
    result = estimate(jax.random.key(0), FEATURES, LABELS, **OPTIONS)
    parts, information = jax.tree.map(lambda part: jnp.asarray(part, jnp.float32), (parts, information))
    return result._replace(interactions=parts, adjusted=adjust(parts), information=information)


def test_shifted_means_are_called_so_and_a_part_set_to_zero_has_no_interval(shifted):
    for text in (repr(shifted), repr(shifted.mean(adjusted=True))):
        zero = [line for line in text.splitlines() if line.startswith("U2 ")]
        assert [line.endswith("set to 0") for line in zero] == [True]
        assert text.count("set to 0") == 1
        assert "shifted" in text.splitlines()[1]
        assert "Note: Shifted means: -1.000 added to R and S, and subtracted from U1 and U2 (lsmi_jax.adjust)." in text
    assert "set to 0" not in repr(shifted.mean())
    assert repr(shifted.mean(LABELS, adjusted=True)).startswith("Summary of 2 categories: shifted means")
    frame = Pairs((shifted,), ("a", "b")).to_pandas()
    assert np.isnan(frame["adjusted error", "U2"].item())
    assert frame["adjusted error", "S"].item() > 0


def test_seeds_add_the_error_of_the_fit(result):
    offsets = jnp.asarray([[-0.3], [0.3]], jnp.float32)
    seeds = jax.tree.map(lambda part: part[None] + offsets, result.interactions)
    with_seeds = result._replace(seeds=seeds, spread=result.interactions)
    for text in (repr(with_seeds), repr(with_seeds.mean())):
        assert "do not include" not in text
    sampling, error = np.std(result.interactions.synergy, ddof=1) / np.sqrt(60), np.std([-0.3, 0.3], ddof=1) / 2**0.5
    (row,) = [line.split() for line in repr(with_seeds).splitlines() if line.startswith("S ")]
    expected = f"{float(result.interactions.synergy.mean()):+z.3f}", f"{np.hypot(sampling, error):.3f}"
    assert row[2:4] == list(expected)
    assert "Note: Standard errors omit variation between fits" in repr(result)


def test_a_permutation_test_shows_p_values(result):
    test = permutation_test(jax.random.key(0), FEATURES, LABELS, num_permutations=1, **OPTIONS)
    first, header, *rows = lines(repr(test))
    assert first.startswith("PermutationTest, 1 permutations")
    assert header.split() == ["observed", "null", "mean", "p-value"]
    assert len(rows) == 7 + 2
    assert rows[7] == "Note: The null hypothesis is that the labels are independent of both blocks."
    assert [row.split()[-1] == "-" for row in rows[:7]] == [True] * 4 + [False] * 3


def test_pairs_show_one_row_each(result):
    pairs = Pairs((result,) * 3, ("text", "audio", "video"))
    first, header, *rows = lines(repr(pairs))
    assert first.startswith("Pairs of 3 modalities, 60 samples")
    assert header.split() == ["R", "U1", "U2", "S", "I1", "I2", "I12"]
    assert [row.split()[:2] for row in rows] == [["text,", "audio"], ["text,", "video"], ["audio,", "video"]]
    assert f"{float(result.interactions.synergy.mean()):+z.3f}" in rows[0]


def test_an_estimator_is_one_line():
    fitted = fit_estimator(jax.random.key(0), FEATURES, LABELS, logits=LOGITS, redundancy=MinimumInformation())
    expected = "Estimator of (2, 2) columns and 2 classes for MinimumInformation(), with no models"
    assert repr(fitted) == expected
    options = SpecificityAmbiguity(num_components=2)
    fitted = fit_estimator(jax.random.key(0), FEATURES, LABELS, logits=LOGITS, redundancy=options)
    assert repr(fitted).endswith("with densities")
    assert "num_components=2" in repr(fitted)
    assert "\n" not in repr(jax.eval_shape(lambda x: x, fitted))


def test_what_cannot_be_read_is_printed_all_the_same(result):
    seen = []

    @jax.jit
    def show(*results):
        seen.extend(map(repr, results))
        return results

    pairs = Pairs((result,), ("a", "b"))
    parts = Interactions(*(np.ones(4, np.float32),) * 4)
    summary = summarize(jax.random.key(0), parts, (np.ones(4, np.float32),) * 3)
    show(result, summary, pairs)
    assert [text.partition("(")[0] for text in seen] == ["Estimate", "Summary", "Pairs"]
