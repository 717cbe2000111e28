"""Rows that belong together, rows that count more than others, and rows that lack a modality."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from lsmi_jax import MinimumInformation, SpecificityAmbiguity, datasets, estimate, estimate_pairs, fit_estimator, score

NUM_SAMPLES = 120
OPTIONS = {"num_folds": 2}


@pytest.fixture(scope="module")
def task():
    return datasets.gaussian_mixture(jax.random.key(7), NUM_SAMPLES, num_classes=2, correlation=0.4)


@pytest.fixture(scope="module")
def blocks(task):
    return [np.asarray(block) for block in task.features], np.asarray(task.labels)


@pytest.fixture(scope="module")
def logits(blocks):
    (x1, x2), _ = blocks
    return [np.stack([z := x.sum(1), -z], 1) for x in (x1, x2, x1 + x2)]


GROUPS = np.arange(NUM_SAMPLES) // 4
MASKS = (np.arange(NUM_SAMPLES) % 5 == 0, np.arange(NUM_SAMPLES) % 7 == 0)
COMPLETE = ~(MASKS[0] | MASKS[1])


def per_sample(result):
    return [np.asarray(leaf) for leaf in jax.tree.leaves((result.interactions, result.information))]


@pytest.fixture(scope="module")
def grouped(blocks):
    return estimate(jax.random.key(0), *blocks, groups=GROUPS, **OPTIONS)


@pytest.mark.slow
def test_no_row_is_scored_by_a_model_that_saw_its_group(blocks, grouped):
    """Ruin one row: no row of its fold changes, and its whole group is in that fold."""
    (x1, x2), labels = blocks
    ruined = x1.copy()
    ruined[17] += 3.0
    after = estimate(jax.random.key(0), [ruined, x2], labels, groups=GROUPS, **OPTIONS)
    changed = np.stack([abs(a - b) > 1e-6 for a, b in zip(per_sample(grouped), per_sample(after), strict=True)]).any(0)
    others = changed & (np.arange(NUM_SAMPLES) != 17)
    assert others.any()
    assert not others[GROUPS[17] == GROUPS].any()
    assert not np.intersect1d(GROUPS[others], GROUPS[~changed]).size


@pytest.mark.slow
def test_names_of_groups_do_not_matter(blocks, grouped):
    named = np.array([f"speaker {group:02}" for group in GROUPS])
    other = estimate(jax.random.key(0), *blocks, groups=named, **OPTIONS)
    np.testing.assert_array_equal(np.stack(per_sample(other)), np.stack(per_sample(grouped)))


@pytest.mark.slow
def test_errors_of_means_are_those_of_groups(blocks, logits):
    """Twenty copies of each row are no more than one row."""
    (x1, x2), labels = blocks
    copies = np.repeat(np.arange(NUM_SAMPLES), 20)
    few = estimate(jax.random.key(0), [x1, x2], labels, logits=logits, redundancy=MinimumInformation(), **OPTIONS)
    many = estimate(
        jax.random.key(0),
        [x1[copies], x2[copies]],
        labels[copies],
        logits=[view[copies] for view in logits],
        groups=copies,
        redundancy=MinimumInformation(),
        **OPTIONS,
    )
    one, other = few.mean(num_resamples=4000), many.mean(num_resamples=4000)
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-5)
    # Two bootstraps of 4000 resamples differ by 4 sqrt(2 / 8000) at most.
    np.testing.assert_allclose(one.standard_error, other.standard_error, rtol=4 * np.sqrt(2 / 8000))
    errors = [[float(line.split(" to ")[0].split()[-2]) for line in repr(r).splitlines()[2:9]] for r in (few, many)]
    np.testing.assert_allclose(*errors, atol=1.1e-3)  # as printed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_voices_that_say_nothing_of_the_label_have_no_information(seed):
    """80 speakers of 10 rows, whose labels are constant and independent of their voices; what is said is known."""
    rng = np.random.default_rng(100 + seed)
    speakers = np.repeat(np.arange(80), 10)
    labels = rng.permutation(np.arange(80) % 2)[speakers]
    voices = rng.normal(size=(80, 8))[speakers] + 0.3 * rng.normal(size=(800, 8))
    said = rng.normal(size=(800, 1)) + 0.8 * (2 * labels[:, None] - 1)
    order = rng.permutation(800)
    features, labels, speakers = [voices[order], said[order]], labels[order], speakers[order]
    summary = estimate(jax.random.key(seed), features, labels, groups=speakers).mean()
    # log 2 minus the entropy of the posterior, by integration.
    grid = np.linspace(-9, 9, 4001)
    density = norm.pdf(grid, 0.8)
    truth = np.trapezoid(density * np.log(2 * density / (density + norm.pdf(grid, -0.8))), grid)
    error = summary.standard_error
    assert abs(summary.mean.information1) < 0.03
    assert summary.lower.information1 - 0.01 < 0 < summary.upper.information1 + 0.01
    assert abs(summary.mean.information2 - truth) < 0.03 + 2 * error.information2


@pytest.mark.slow
def test_weights_are_repeated_rows(blocks, logits, rng):
    (x1, x2), labels = blocks
    counts = rng.integers(1, 4, NUM_SAMPLES)
    rows = np.repeat(np.arange(NUM_SAMPLES), counts)
    options = OPTIONS | {"redundancy": MinimumInformation()}
    one = estimate(jax.random.key(0), [x1, x2], labels, logits=logits, weights=10 * counts, **options)
    many = estimate(
        jax.random.key(0),
        [x1[rows], x2[rows]],
        labels[rows],
        logits=[view[rows] for view in logits],
        groups=rows,
        **options,
    )
    np.testing.assert_allclose(one.information[2][rows], many.information[2], atol=1e-5)
    ours, expected = one.mean(num_resamples=4000), many.mean(num_resamples=4000)
    np.testing.assert_allclose(ours.mean[4:], expected.mean[4:], atol=1e-5)
    np.testing.assert_allclose(ours.standard_error[4:], expected.standard_error[4:], rtol=4 * np.sqrt(2 / 8000))
    assert int(ours.num_samples) == NUM_SAMPLES
    printed = [float(re.search(r"[+-][\d.]+", line)[0]) for line in repr(one).splitlines() if line[0] == "I"]
    np.testing.assert_allclose(printed, expected.mean[4:], atol=6e-4)
    np.testing.assert_allclose(one.diagnostics.cross_entropy, many.diagnostics.cross_entropy, atol=1e-5)
    np.testing.assert_allclose(one.diagnostics.accuracy, many.diagnostics.accuracy, atol=1e-5)
    assert (
        abs(float(np.average(one.adjusted.redundancy, weights=counts)) - float(one.mean(adjusted=True).mean[0])) < 1e-4
    )


@pytest.mark.slow
def test_weights_of_any_scale_are_the_same(blocks):
    weights = np.where(np.asarray(blocks[1]) == 0, 3.0, 1.0)
    one, other = (estimate(jax.random.key(0), *blocks, weights=w, **OPTIONS) for w in (weights, 0.125 * weights))
    np.testing.assert_allclose(np.stack(per_sample(one)), np.stack(per_sample(other)), atol=1e-4)
    share = 3 * (blocks[1] == 0).sum() / weights.sum()
    prior = fit_estimator(jax.random.key(0), *blocks, weights=weights).log_prior
    np.testing.assert_allclose(np.exp(prior)[0], share, rtol=1e-5)


@pytest.fixture(scope="module")
def incomplete(blocks, logits):
    return estimate(jax.random.key(0), *blocks, logits=logits, missing=MASKS, **OPTIONS)


def test_what_needs_a_missing_block_is_nan(incomplete):
    i1, i2, i12 = (np.asarray(i) for i in incomplete.information)
    np.testing.assert_array_equal(np.isnan(i1), MASKS[0])
    np.testing.assert_array_equal(np.isnan(i2), MASKS[1])
    for values in (i12, *incomplete.interactions, incomplete.i_union):
        np.testing.assert_array_equal(np.isnan(values), ~COMPLETE)
    summary = incomplete.mean()
    assert int(summary.num_samples) == COMPLETE.sum()
    np.testing.assert_allclose(summary.mean.information1, i1[COMPLETE].mean(), atol=1e-5)
    assert float(incomplete.diagnostics.finite_fraction) == 1
    (finding,) = [text for text in incomplete.diagnostics.findings() if "lack" in text]
    assert "20.0% of the samples lack the first modality and 15.0% the second" in finding
    assert np.isfinite(incomplete.diagnostics.cross_entropy).all()
    assert "nan" not in repr(incomplete)


@pytest.mark.slow
def test_values_of_missing_rows_do_not_matter(blocks):
    (x1, x2), labels = blocks
    ruined = [np.where(mask[:, None], ruin, x) for x, mask, ruin in zip((x1, x2), MASKS, (1e9, -7.0), strict=True)]
    one, other = (estimate(jax.random.key(0), x, labels, missing=MASKS, **OPTIONS) for x in ([x1, x2], ruined))
    np.testing.assert_array_equal(np.stack(per_sample(other)), np.stack(per_sample(one)))


@pytest.mark.parametrize("kind", ["NaN", "masked"])
def test_rows_of_nan_and_masked_rows_are_missing(blocks, logits, incomplete, kind):
    (x1, x2), labels = blocks
    if kind == "NaN":
        features = [np.where(mask[:, None], np.nan, x) for x, mask in zip((x1, x2), MASKS, strict=True)]
        options = {"missing": "mask"}
    else:
        masked = [np.repeat(mask[:, None], x.shape[1], 1) for x, mask in zip((x1, x2), MASKS, strict=True)]
        features = [np.ma.masked_array(x, mask) for x, mask in zip((x1, x2), masked, strict=True)]
        options = {}
    other = estimate(jax.random.key(0), features, labels, logits=logits, **options, **OPTIONS)
    np.testing.assert_array_equal(np.stack(per_sample(other)), np.stack(per_sample(incomplete)))


def test_rows_of_jax_arrays_are_missing(blocks, logits, incomplete):
    (x1, x2), labels = blocks
    features = [jnp.where(mask[:, None], jnp.nan, x) for x, mask in zip((x1, x2), MASKS, strict=True)]
    other = estimate(jax.random.key(0), features, labels, logits=logits, missing="mask", **OPTIONS)
    np.testing.assert_allclose(np.stack(per_sample(other)), np.stack(per_sample(incomplete)), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_means_of_complete_rows_are_right_where_many_lack_a_block(seed):
    """Where each block is missing for a third of the rows at random, means stay near the exact ones."""
    task = datasets.gaussian_mixture(jax.random.key(seed), 3000, num_classes=3, correlation=0.4)
    rng = np.random.default_rng(seed)
    lacking = rng.integers(0, 3, 3000)
    result = estimate(jax.random.key(seed), task.features, task.labels, missing=(lacking == 0, lacking == 1))
    has = lacking == 2
    for ours, exact in zip(result.information, task.information, strict=True):
        assert abs(float(np.asarray(ours)[has].mean() - np.asarray(exact)[has].mean())) < 0.03
        assert np.corrcoef(np.asarray(ours)[has], np.asarray(exact)[has])[0, 1] > 0.97
    np.testing.assert_array_equal(np.isnan(result.information[0]), lacking == 0)


@pytest.mark.slow
def test_groups_weights_and_missing_blocks_go_together(blocks):
    result = estimate(
        jax.random.key(0),
        *blocks,
        groups=GROUPS,
        weights=1 + np.arange(NUM_SAMPLES) % 3,
        missing=MASKS,
        num_seeds=2,
        redundancy=SpecificityAmbiguity(num_components=2),
        **OPTIONS,
    )
    for part in (*result.interactions, *result.adjusted, *result.spread):
        np.testing.assert_array_equal(np.isnan(part), ~COMPLETE)
    np.testing.assert_array_equal(np.isnan(result.surprisal[0]), MASKS[0])
    assert np.isfinite(result.mean(blocks[1], adjusted=True).standard_error.synergy).all()


@pytest.mark.slow
def test_pairs_know_what_each_pair_lacks(blocks):
    (x1, x2), labels = blocks
    masks = (*MASKS, np.arange(NUM_SAMPLES) % 3 == 0)
    pairs = estimate_pairs(jax.random.key(0), [x1, x2, x1 - x2], labels, missing=masks, weights=1.0 + labels, **OPTIONS)
    for (a, b), result in zip(((0, 1), (0, 2), (1, 2)), pairs.estimates, strict=True):
        np.testing.assert_array_equal(np.isnan(result.information[0]), masks[a])
        np.testing.assert_array_equal(np.isnan(result.interactions.synergy), masks[a] | masks[b])
    assert "nan" not in repr(pairs)


@pytest.mark.slow
def test_score_has_groups_weights_and_missing_blocks(blocks):
    (x1, x2), labels = blocks
    fitted = fit_estimator(jax.random.key(0), [x1, x2], labels, groups=GROUPS, missing=MASKS)
    plain = score(fitted, [x1, x2], labels)
    result = score(fitted, [x1, x2], labels, groups=GROUPS, weights=1.0 + labels, missing=MASKS)
    for ours, expected in zip(per_sample(result), per_sample(plain), strict=True):
        np.testing.assert_allclose(ours[COMPLETE], expected[COMPLETE], atol=1e-5)
    np.testing.assert_array_equal(result.groups, GROUPS)
    expected = np.average(np.asarray(plain.information[2])[COMPLETE], weights=1.0 + labels[COMPLETE])
    np.testing.assert_allclose(result.mean().mean.information12, expected, atol=1e-5)


PARTLY = np.ones((NUM_SAMPLES, 2), np.float32)
PARTLY[3:5, 0] = np.nan


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": GROUPS[:7]}, r"^groups: expected shape \(120,\)"),
        ({"groups": np.where(GROUPS == 2, np.nan, GROUPS)}, "^groups: expected no missing values, got 4 among 120"),
        ({"groups": np.zeros(NUM_SAMPLES, int)}, "^groups: expected at least 3 groups, got 1"),
        (
            {"groups": np.minimum(GROUPS, 3), "num_folds": 5},
            "^groups: expected every class in at least 5 groups",
        ),
        ({"weights": np.zeros(NUM_SAMPLES)}, "^weights: expected positive, finite weights, got 120 others"),
        ({"weights": np.ones(3)}, r"^weights: expected shape \(120,\)"),
        ({"missing": "drop"}, '^missing: expected "error", "mask", or a mask for each block'),
        ({"missing": MASKS[:1]}, "^missing: expected a tuple of 2 masks, got 1"),
        ({"missing": (MASKS[0], MASKS[1][:3])}, r"^missing\[1\]: expected shape \(120,\)"),
        ({"missing": (MASKS[0], ~MASKS[0])}, "^labels: expected at least 2 classes with samples"),
        ({"missing": (MASKS[0], np.ones(NUM_SAMPLES, bool))}, r"^features\[1\]: expected at least one row that has"),
    ],
)
def test_bad_rows_are_named_before_any_fit(blocks, options, message, monkeypatch):
    from lsmi_jax.estimation import _estimate

    monkeypatch.setattr(_estimate, "fit_stacked", lambda *_, **__: pytest.fail("a fit began"))
    with pytest.raises(ValueError, match=message):
        estimate(jax.random.key(0), *blocks, **OPTIONS | options)


@pytest.mark.parametrize("missing", ["mask", "error"])
def test_rows_that_lack_some_columns_are_counted(blocks, missing):
    (x1, _), labels = blocks
    with pytest.raises(ValueError, match=r"^features\[1\]: expected .* 2 of 120 rows"):
        estimate(jax.random.key(0), [x1, PARTLY], labels, missing=missing)


def test_types_of_groups_weights_and_masks(blocks):
    with pytest.raises(TypeError, match=r"^weights: expected real numbers"):
        estimate(jax.random.key(0), *blocks, weights=np.full(NUM_SAMPLES, "1"))
    with pytest.raises(TypeError, match=r"^missing\[0\]: expected booleans"):
        estimate(jax.random.key(0), *blocks, missing=(np.zeros(NUM_SAMPLES), MASKS[1]))
    mixed = np.array([*["a"] * 60, *[1] * 60], object)
    with pytest.raises(TypeError, match=r"^groups: expected values that can be sorted"):
        estimate(jax.random.key(0), *blocks, groups=mixed)


def test_batches_take_no_options_of_rows(blocks):
    batches = [([x[:60] for x in blocks[0]], blocks[1][:60])]
    with pytest.raises(ValueError, match=r"^groups: expected None with batches"):
        fit_estimator(jax.random.key(0), batches, groups=GROUPS)
