import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax import Interactions, SpecificityAmbiguity, datasets, summarize

FAST = {"num_folds": 2, "redundancy": SpecificityAmbiguity(num_components=4)}


def quantities(rng, n, shift=0.0):
    parts = Interactions(*(jnp.asarray(x + shift, jnp.float32) for x in rng.normal(size=(4, n))))
    return parts, (parts.redundancy + parts.unique1, parts.redundancy + parts.unique2, sum(parts))


@pytest.mark.parametrize(
    "n", [300, pytest.param(20_000, marks=pytest.mark.slow)]
)  # resampled one by one, and in blocks
def test_errors_and_intervals_are_those_of_a_mean(key, rng, n):
    parts, information = quantities(rng, n)
    summary = summarize(key, parts, information, num_resamples=2000)
    columns = summary.mean, summary.standard_error, summary.lower, summary.upper
    for values, mean, error, low, high in zip((*parts, *information), *columns, strict=True):
        expected = np.std(values, ddof=1) / np.sqrt(n)
        np.testing.assert_allclose(mean, np.mean(values), atol=1e-5)
        np.testing.assert_allclose(error, expected, rtol=4 / np.sqrt(2 * 2000) + 4 / np.sqrt(2 * min(n, 8192)))
        np.testing.assert_allclose([low - mean, high - mean], [-1.96 * expected, 1.96 * expected], rtol=0.2)


def test_adjusted_means_are_those_of_the_adjusted_interactions(key, rng):
    parts, information = quantities(rng, 200)
    parts = parts._replace(redundancy=parts.redundancy + 2, unique1=parts.unique1 - 1, synergy=parts.synergy + 2)
    summary = summarize(key, parts, information, adjusted=True)
    np.testing.assert_allclose(summary.mean[:4], [part.mean() for part in lsmi_jax.adjust(parts)], atol=1e-5)
    np.testing.assert_allclose(summary.mean[4:], [i.mean() for i in information], atol=1e-5)
    assert float(summary.standard_error.unique1) < 1e-5  # pinned at zero in every resample
    assert summary.set_to_zero() == ("unique1",)
    np.testing.assert_allclose(summary.shift, parts.unique1.mean(), rtol=1e-5)
    by_group = summarize(key, parts, information, np.arange(200) % 2, adjusted=True)
    assert by_group.set_to_zero() == summarize(key, parts, information).set_to_zero() == ()
    np.testing.assert_allclose(by_group.shift, [summary.shift] * 2, rtol=1e-5)


def seeds_around(parts, rng, m, scale):
    """Parts of m seeds that each add one constant to all samples, and their means over seeds."""
    offsets = jnp.asarray(rng.normal(size=(4, m, 1)) * scale, jnp.float32)
    seeds = Interactions(*(part[None] + offset for part, offset in zip(parts, offsets, strict=True)))
    return seeds, Interactions(*(part.mean(0) for part in seeds)), np.asarray(offsets)[..., 0]


def with_information(parts):
    return parts, (parts.redundancy + parts.unique1, parts.redundancy + parts.unique2, sum(parts))


def test_the_variance_over_fits_is_added(key, rng):
    seeds, means, offsets = seeds_around(quantities(rng, 400)[0], rng, m=4, scale=0.5)
    without, summary = (summarize(key, *with_information(means), seeds=given) for given in (None, seeds))
    assert without.fit_error is None
    np.testing.assert_array_equal(summary.mean, without.mean)
    r, u1, u2, s = offsets
    for column, offset in enumerate((r, u1, u2, s, r + u1, r + u2, r + u1 + u2 + s)):
        fit = offset.std(ddof=1) / np.sqrt(4)
        np.testing.assert_allclose(summary.fit_error[column], fit, rtol=1e-3)
        np.testing.assert_allclose(
            summary.standard_error[column], np.hypot(without.standard_error[column], fit), rtol=1e-3
        )
        for end in ("lower", "upper"):
            sampling = getattr(without, end)[column] - without.mean[column]
            total = np.copysign(np.hypot(sampling, 1.96 * fit), sampling)
            np.testing.assert_allclose(getattr(summary, end)[column] - summary.mean[column], total, rtol=1e-3)


def test_groups_have_their_own_error_of_the_fit(key, rng):
    parts, group = quantities(rng, 300)[0], np.arange(300) % 3
    seeds, _, offsets = seeds_around(parts, rng, m=3, scale=0.5)
    seeds = jax.tree.map(lambda part: part * jnp.asarray(group, jnp.float32)[None], seeds)  # none in group 0
    means = Interactions(*(part.mean(0) for part in seeds))
    summary = summarize(key, *with_information(means), group, seeds=seeds)
    expected = np.arange(3) * offsets[0].std(ddof=1) / np.sqrt(3)
    np.testing.assert_allclose(summary.fit_error.redundancy, expected, rtol=1e-3, atol=1e-6)


def test_the_shift_of_each_seed_is_its_own(key, rng):
    parts = quantities(rng, 200)[0]
    parts = parts._replace(unique1=parts.unique1 - 3, redundancy=parts.redundancy + 5, synergy=parts.synergy + 5)
    seeds, means, _ = seeds_around(parts, rng, m=3, scale=0.1)
    summary = summarize(key, *with_information(means), seeds=seeds, adjusted=True)
    information1 = (seeds.redundancy + seeds.unique1).mean(1)  # R is I1 where U1 is set to zero
    assert summary.set_to_zero() == ("unique1",)
    assert float(summary.fit_error.unique1) < 1e-5
    np.testing.assert_allclose(summary.fit_error.redundancy, information1.std(ddof=1) / np.sqrt(3), rtol=1e-3)


def test_a_group_of_one_has_no_error(key, rng):
    parts, information = quantities(rng, 11)
    summary = summarize(key, parts, information, np.array([0] * 10 + [1]))
    assert np.isfinite(summary.mean.redundancy).all()
    assert np.isfinite(summary.lower.redundancy[0])
    assert np.isnan(summary.standard_error.redundancy[1])
    assert np.isnan(summary.upper.redundancy[1])


def test_bad_options_are_named(key, rng):
    parts, information = quantities(rng, 10)
    with pytest.raises(ValueError, match="level: expected between 0 and 1, got 95"):
        summarize(key, parts, information, level=95)
    with pytest.raises(ValueError, match="num_resamples"):
        summarize(key, parts, information, num_resamples=1)
    with pytest.raises(ValueError, match="num_seeds: expected at least 1, got 0"):
        lsmi_jax.estimate(key, (np.eye(4), np.eye(4)), np.array([0, 1, 0, 1]), num_seeds=0)


@pytest.mark.slow
def test_seeds_give_mean_and_spread(key):
    task = datasets.gaussian_mixture(jax.random.key(1), 240, num_classes=2)
    result = lsmi_jax.estimate(key, task.features, task.labels, num_seeds=3, **FAST)
    assert all(part.shape == (240,) and (part >= 0).all() and part.mean() > 0 for part in result.spread)
    np.testing.assert_allclose(
        result.interactions.redundancy + result.interactions.unique1, result.information[0], atol=1e-5
    )
    single = lsmi_jax.estimate(key, task.features, task.labels, **FAST)
    assert single.spread is None
    assert single.seeds is None
    assert single.mean().fit_error is None
    for part, by_seed in zip(result.interactions, result.seeds, strict=True):
        assert by_seed.shape == (3, 240)
        np.testing.assert_allclose(part, by_seed.mean(0), atol=1e-6)
    summary = result.mean()
    np.testing.assert_allclose(
        summary.fit_error.synergy, result.seeds.synergy.mean(1).std(ddof=1) / np.sqrt(3), rtol=1e-3, atol=1e-6
    )
    deviation = np.abs(single.interactions.redundancy - result.interactions.redundancy)
    assert np.mean(deviation < 6 * result.spread.redundancy + 0.05) > 0.9


@pytest.mark.parametrize("kind", ["strings", "objects", "booleans", "categories", "nullable"])
def test_parts_may_have_names(kind, key, rng):
    pandas = pytest.importorskip("pandas")
    parts, information = quantities(rng, 60)
    codes = np.arange(60) % 2
    words = np.array(["low", "high"])[codes]
    by = {
        "strings": words.tolist(),
        "objects": words.astype(object),
        "booleans": codes == 1,
        "categories": pandas.Series(pandas.Categorical(words, categories=["low", "none", "high"], ordered=True)),
        "nullable": pandas.Series(words, dtype="string"),
    }[kind]
    found = summarize(key, parts, information, by)
    order = {"strings": ("high", "low"), "objects": ("high", "low"), "booleans": ("False", "True")}
    order |= {"categories": ("low", "high"), "nullable": ("high", "low")}
    assert found.names == order[kind]
    expected = summarize(key, parts, information, codes if order[kind][1] in ("high", "True") else 1 - codes)
    assert expected.names is None
    np.testing.assert_array_equal(found.mean.synergy, expected.mean.synergy)
    np.testing.assert_array_equal(found.lower.redundancy, expected.lower.redundancy)
    assert repr(found).splitlines()[2].startswith(order[kind][0])


def test_parts_with_missing_names_are_refused(key, rng):
    parts, information = quantities(rng, 3)
    with pytest.raises(ValueError, match=r"^by: expected no missing values, got 1 among 3"):
        summarize(key, parts, information, np.array(["a", None, "b"], object))
    with pytest.raises(TypeError, match=r"^by: expected integers, strings, booleans or categories, got dtype float64"):
        summarize(key, parts, information, [0.5, 1.5, 2.5])


def test_groups_are_ranked_by_their_means(key, rng):
    parts, information = quantities(rng, 300)
    by = np.array(["a", "b", "c"])[np.arange(300) % 3]
    parts = parts._replace(synergy=parts.synergy + jnp.array([0.0, 2.0, -2.0] * 100))
    summary = summarize(key, parts, information, by)
    top = summary.top("s", 2)
    assert [group.name for group in top] == ["b", "a"]
    assert top == summary.top("synergy", 2) == summary.top("S", 2)
    assert all(group.lower < group.mean < group.upper and group.num_samples == 100 for group in top)
    assert [group.name for group in summary.top("s", 9)] == ["b", "a", "c"]


def test_what_cannot_be_ranked_is_refused(key, rng):
    parts, information = quantities(rng, 30)
    by_number = summarize(key, parts, information, np.arange(30) % 2)
    assert {group.name for group in by_number.top("r")} == {"0", "1"}
    assert {group.name for group in by_number.top("r", names=["no", "yes"])} == {"no", "yes"}
    with pytest.raises(ValueError, match="names: expected 2"):
        by_number.top("r", names=["one"])
    with pytest.raises(ValueError, match="expected means by category"):
        summarize(key, parts, information).top("r")
    with pytest.raises(ValueError, match="quantity: expected one of"):
        by_number.top("luck")
