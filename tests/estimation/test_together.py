import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax import MinimumInformation, UnionInformation, estimate, estimate_pairs, fit_estimator, score
from lsmi_jax.inputs import pairs_of

KEY = jax.random.key(0)
SIZE = 400
LOG2 = np.log(2)
FIRST, SECOND, THIRD = np.unravel_index(np.arange(SIZE) % 8, (2, 2, 2))
BITS = (FIRST, SECOND, THIRD)
OTHER = np.arange(SIZE) // 8 % 2  # a bit beside these


def exact_logits(modalities, labels):
    """Exact log-posteriors of each modality, each pair, and all, from the counts of discrete values."""
    subsets = [*((m,) for m in range(len(modalities))), *pairs_of(len(modalities)), tuple(range(len(modalities)))]
    logits = []
    for subset in subsets:
        _, value = np.unique(np.stack([modalities[m] for m in subset]), axis=1, return_inverse=True)
        counts = np.zeros((value.max() + 1, labels.max() + 1))
        np.add.at(counts, (value, labels), 1)
        logits.append(np.log(np.maximum(counts, 1e-9) / counts.sum(1, keepdims=True))[value].astype(np.float32))
    return logits


def together(modalities, labels, **options):
    logits = exact_logits(modalities, labels)
    few = UnionInformation(num_cells=24)  # for values as few as these
    return estimate(KEY, None, labels, logits=logits, num_folds=2, redundancy=few, **options)


def close(values, expected, atol=2e-3):
    np.testing.assert_allclose(values, np.broadcast_to(expected, values.shape), atol=atol)


@pytest.fixture(scope="module")
def exclusive_or():
    return together(BITS, FIRST ^ SECOND ^ THIRD, names=("a", "b", "c"))


@pytest.mark.slow
def test_exclusive_or_of_three_is_synergy_of_three(exclusive_or):
    parts = exclusive_or.together.parts
    close(parts.synergy, LOG2)
    for values in (parts.shared, *parts.unique, *parts.information, parts.i_union):
        close(values, 0)
    for pair in exclusive_or:
        for values in (*pair.information, *pair.interactions):
            close(values, 0)


@pytest.mark.slow
def test_three_copies_share_all():
    parts = together((FIRST, FIRST, FIRST), FIRST).together.parts
    close(parts.shared, LOG2)
    for values in (*parts.unique, parts.synergy):
        close(values, 0)


@pytest.mark.slow
def test_one_informative_of_three_is_unique():
    parts = together((SECOND, FIRST, OTHER), FIRST).together.parts
    close(parts.unique[1], LOG2)
    for values in (parts.shared, parts.unique[0], parts.unique[2], parts.synergy):
        close(values, 0)


@pytest.mark.slow
def test_exclusive_or_of_two_of_three_is_synergy():
    found = together((OTHER, FIRST, SECOND), FIRST ^ SECOND)
    close(found.together.parts.synergy, LOG2)
    close(found["x2", "x3"].interactions.synergy, LOG2)
    for values in (found.together.parts.shared, *found.together.parts.unique):
        close(values, 0)


@pytest.mark.slow
def test_parts_add_up_and_have_names(exclusive_or):
    whole = exclusive_or.together
    parts = whole.parts
    np.testing.assert_allclose(parts.shared + sum(parts.unique) + parts.synergy, parts.i_all, atol=1e-5)
    names = ["shared", "unique_a", "unique_b", "unique_c", "synergy", "i_a", "i_b", "i_c", "i_all", "i_union"]
    assert list(whole.columns()) == list(whole.mean()) == list(whole.to_pandas().columns) == names
    assert whole.mean()["synergy"][0] == pytest.approx(LOG2, abs=2e-3)
    assert "synergy" in repr(whole)
    assert "3 modalities together, 400 samples" in repr(whole)


@pytest.mark.slow
def test_rows_that_lack_a_modality_are_in_no_mean():
    labels = FIRST
    lacks = np.arange(SIZE) % 5 == 0
    masks = (lacks, np.zeros(SIZE, bool), np.zeros(SIZE, bool))
    whole = together((FIRST, FIRST, FIRST), labels, missing=masks).together
    np.testing.assert_array_equal(np.isnan(whole.parts.shared), lacks)
    close(np.asarray(whole.parts.shared)[~lacks], LOG2)
    assert whole.mean()["shared"][0] == pytest.approx(LOG2, abs=2e-3)


@pytest.mark.slow
def test_the_order_of_modalities_changes_only_the_order_of_the_parts():
    """Three different noisy copies of the label."""
    rng = np.random.default_rng(0)
    labels = FIRST
    noisy = [labels ^ (rng.random(SIZE) < p) for p in (0.1, 0.2, 0.3)]
    one, other = (together([noisy[m] for m in order], labels).together.parts for order in ((0, 1, 2), (2, 0, 1)))
    np.testing.assert_allclose(one.shared, other.shared, atol=5e-3)
    for m, values in zip((2, 0, 1), other.unique, strict=True):
        np.testing.assert_allclose(one.unique[m], values, atol=5e-3)


@pytest.mark.slow
def test_models_of_all_find_what_no_pair_knows():
    """Three noisy signs whose product is the label: learned, i_all beyond every pair."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 2000)
    signs = rng.choice([-1, 1], (2, 2000))
    third = signs[0] * signs[1] * (2 * labels - 1)
    blocks = [(sign[:, None] + 0.2 * rng.normal(size=(2000, 1))).astype(np.float32) for sign in (*signs, third)]
    found = estimate(KEY, blocks, labels, num_folds=3, redundancy=MinimumInformation())
    means = found.together.mean()
    assert means["synergy"][0] > 0.55
    for name in ("shared", "unique_x1", "unique_x2", "unique_x3"):
        assert abs(means[name][0]) < 4 * means[name][1] + 0.01
    assert all(abs(float(pair.information[2].mean())) < 0.03 for pair in found)
    assert jnp.isfinite(found.together.union_gap)


@pytest.mark.slow
def test_seeds_and_weights(blobs):
    blocks, labels = blobs
    options = {"num_folds": 2, "num_seeds": 2, "weights": np.linspace(1, 2, len(labels))}
    whole = estimate(KEY, (*blocks, blocks[0][:, :1]), labels, **options).together
    assert whole.seeds.shared.shape == (2, len(labels))
    np.testing.assert_allclose(whole.seeds.synergy.mean(0), whole.parts.synergy, atol=1e-5)
    by_hand = np.average(np.asarray(whole.parts.i_all), weights=options["weights"])
    assert whole.mean()["i_all"][0] == pytest.approx(by_hand, abs=1e-5)


FEW = UnionInformation(num_cells=16)


@pytest.fixture(scope="module")
def noisy():
    """Three noisy copies of the label, their exact log-posteriors, and the label."""
    rng = np.random.default_rng(0)
    copies = [FIRST ^ (rng.random(SIZE) < p) for p in (0.1, 0.2, 0.3)]
    return copies, exact_logits(copies, FIRST), FIRST


def test_pairs_of_all_modalities_are_those_of_estimate_pairs(noisy):
    _, logits, labels = noisy
    names = ("a", "b", "c")
    options = {"names": names, "num_folds": 2, "redundancy": FEW}
    found = estimate(KEY, None, labels, logits=logits, **options)
    chex.assert_trees_all_equal(
        found.estimates, estimate_pairs(KEY, None, labels, logits=logits[:6], **options).estimates
    )
    assert found.names == found.together.names == names
    assert found.pairs == (("a", "b"), ("a", "c"), ("b", "c"))


def test_an_estimator_of_three_modalities_scores_saves_and_takes_batches(noisy, tmp_path):
    _, logits, labels = noisy
    blocks = [np.zeros((SIZE, 1), np.float32)] * 3
    fitted = fit_estimator(KEY, blocks, labels, names=("a", "b", "c"), logits=logits, redundancy=FEW)
    found = score(fitted, blocks, labels, logits=logits)
    assert found.names == ("a", "b", "c")
    np.testing.assert_allclose(
        found.together.parts.synergy, found.together.parts.i_all - found.together.parts.i_union, atol=1e-6
    )
    lsmi_jax.save(tmp_path / "three", fitted)
    chex.assert_trees_all_equal(score(lsmi_jax.load(tmp_path / "three"), blocks, labels, logits=logits), found)
    halves = [slice(0, SIZE // 2), slice(SIZE // 2, SIZE)]
    batches = [(tuple(b[h] for b in blocks), labels[h], tuple(view[h] for view in logits)) for h in halves]
    in_batches = score(fitted, batches)
    np.testing.assert_allclose(in_batches.together.parts.shared, found.together.parts.shared, atol=1e-6)
    np.testing.assert_allclose(in_batches.together.cross_entropy, found.together.cross_entropy, atol=1e-5)
    np.testing.assert_allclose(
        in_batches["b", "a"].interactions.unique1, found["a", "b"].interactions.unique2, atol=1e-6
    )
    for refuses in (lsmi_jax.export_score, lambda one: lsmi_jax.score_to_file(tmp_path / "rows.npy", one, batches)):
        with pytest.raises(ValueError, match="estimator: expected one of two modalities, got one of 3"):
            refuses(fitted)


@pytest.mark.slow
def test_a_learned_estimator_of_three_modalities_scores_other_rows(noisy, tmp_path):
    copies, _, labels = noisy
    rng = np.random.default_rng(1)
    blocks = [(copy[:, None] + 0.1 * rng.normal(size=(SIZE, 1))).astype(np.float32) for copy in copies]
    train, test = slice(0, None, 2), slice(1, None, 2)
    fitted = fit_estimator(KEY, [block[train] for block in blocks], labels[train])
    lsmi_jax.save(tmp_path / "three", fitted)
    found = score(lsmi_jax.load(tmp_path / "three"), [block[test] for block in blocks], labels[test])
    log_prior = jnp.log(jnp.full(2, 0.5))
    exact = [lsmi_jax.pointwise_information(view, labels, log_prior)[test] for view in exact_logits(copies, labels)]
    ours = *found.together.parts.information, found.together.parts.i_all
    for own, truth in zip(ours, (*exact[:3], exact[-1]), strict=True):
        # The posterior is learned from 200 rows: two standard errors of their mean, and as many of these.
        error = float(truth.std()) / np.sqrt(SIZE / 2)
        assert abs(float(own.mean() - truth.mean())) < 4 * error


def test_batches_of_three_modalities_are_fitted(noisy):
    _, logits, labels = noisy
    blocks = (np.zeros((SIZE, 1), np.float32),) * 3
    batches = [(tuple(b[:200] for b in blocks), labels[:200], tuple(view[:200] for view in logits))]
    fitted = fit_estimator(KEY, batches, redundancy=MinimumInformation())
    assert fitted.names == ("x1", "x2", "x3")
    assert fitted.whole is not None
