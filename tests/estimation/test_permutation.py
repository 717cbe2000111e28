import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import lsmi_jax
from lsmi_jax import MinimumInformation, SpecificityAmbiguity
from lsmi_jax.estimation import _permutation

FAST = {"num_folds": 2, "redundancy": SpecificityAmbiguity(num_components=4)}
NO_DENSITY = {"num_folds": 2, "redundancy": MinimumInformation()}
NUM_ROWS = 30


@pytest.fixture
def seen(monkeypatch):
    """Features and labels of every estimate; nothing is fitted."""
    calls = []

    def record(key, features, labels, **_):
        calls.append((*map(np.asarray, features), np.asarray(labels)))

    zeros = lsmi_jax.Means(*(jnp.zeros(()),) * 7)
    monkeypatch.setattr(_permutation, "estimate", record)
    monkeypatch.setattr(_permutation, "_means", lambda _: zeros)
    return calls


def numbered():
    rows = np.arange(NUM_ROWS, dtype=np.float32)
    return (rows[:, None], 100 + rows[:, None]), np.arange(NUM_ROWS) % 3


@pytest.mark.parametrize(
    ("null", "block", "moved"),
    [("labels", None, 2), ("rows", 0, 0), ("rows", 1, 1), ("within_class", 0, 0), ("within_class", None, 1)],
)
def test_a_null_permutes_what_it_names_and_nothing_else(null, block, moved, seen, key):
    features, labels = numbered()
    test = lsmi_jax.permutation_test(key, features, labels, null=null, block=block, num_permutations=5)
    given, permuted = seen[0], seen[1:]
    assert (test.null, test.block) == (null, None if moved == 2 else moved)
    for array, expected in zip(given, (*features, labels), strict=True):
        np.testing.assert_array_equal(array, expected)
    for arrays in permuted:
        for index, (array, original) in enumerate(zip(arrays, given, strict=True)):
            if index != moved:
                np.testing.assert_array_equal(array, original)
        np.testing.assert_array_equal(np.sort(arrays[moved], axis=0), np.sort(given[moved], axis=0))
        if null == "within_class":
            np.testing.assert_array_equal(arrays[moved][:, 0] % 100 % 3, labels)
    orders = {tuple(arrays[moved].ravel()) for arrays in permuted}
    assert len(orders) == 5
    assert tuple(given[moved].ravel()) not in orders


@pytest.mark.usefixtures("seen")
def test_progress_counts_the_permutations(key):
    reports = []
    lsmi_jax.permutation_test(key, *numbered(), num_permutations=2, progress=reports.append)
    assert reports == ["data as they are", "permutation 1 of 2", "permutation 2 of 2"]


def test_every_permutation_within_classes_is_equally_likely():
    labels = np.array([1, 0, 1, 0, 0])
    rng = np.random.default_rng(0)
    counts = {}
    for _ in range(2400):
        order = tuple(_permutation._chosen_rows(rng.permutation(5), np.arange(5), labels).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 2 * 6
    assert all((labels[list(order)] == labels).all() for order in counts)
    assert stats.chisquare(list(counts.values())).pvalue > 0.001


@pytest.mark.parametrize("null", ["labels", "rows", "within_class"])
@pytest.mark.parametrize("constant", [True, False])
def test_groups_are_permuted_as_a_whole(null, constant, seen, key):
    features, labels = numbered()
    groups = np.arange(NUM_ROWS) // 3  # of one size
    labels = groups % 2 if constant else np.random.default_rng(0).integers(0, 3, NUM_ROWS)
    block = 0 if null == "rows" else None
    options = {"groups": groups[::-1].astype(str), "missing": ([True] + 29 * [False], [False] * 30)}
    lsmi_jax.permutation_test(key, features, labels, null=null, block=block, num_permutations=5, **options)
    moved = {"labels": 2, "rows": 0, "within_class": 1}[null]
    orders = set()
    for arrays in seen[1:]:
        values = arrays[moved].ravel()
        orders.add(tuple(values))
        if null == "labels":
            # Whole groups: three labels of one group stay together, in their order.
            allowed = {tuple(labels[groups == group]) for group in range(10)}
            assert {tuple(values[groups == group]) for group in range(10)} <= allowed
            np.testing.assert_array_equal(np.sort(values), np.sort(labels))
        elif null == "rows" or constant:
            first = values[::3] % 100
            assert (first % 3 == 0).all()
            np.testing.assert_array_equal(values % 100, np.repeat(first, 3) + np.tile([0, 1, 2], 10))
            if null == "within_class":
                np.testing.assert_array_equal(labels[first.astype(int)], labels[::3])
    assert len(orders) == 5


def test_masks_move_with_their_rows(key, monkeypatch):
    features, labels = numbered()
    masks = (np.arange(NUM_ROWS) < 4, np.zeros(NUM_ROWS, bool))
    calls = []
    monkeypatch.setattr(
        _permutation, "estimate", lambda key, features, labels, **options: calls.append((features, options))
    )
    monkeypatch.setattr(_permutation, "_means", lambda _: lsmi_jax.Means(*(jnp.zeros(()),) * 7))
    lsmi_jax.permutation_test(key, features, labels, null="rows", block=0, num_permutations=3, missing=masks)
    for blocks, options in calls:
        np.testing.assert_array_equal(options["missing"][0], blocks[0][:, 0] < 4)
        np.testing.assert_array_equal(options["missing"][1], masks[1])


def test_options_that_do_not_go_together_are_named(key):
    features, labels = numbered()
    for options, message in (
        ({"num_permutations": 0}, "num_permutations: expected at least 1, got 0"),
        ({"null": "columns"}, "null: expected one of labels, rows, within_class, got 'columns'"),
        ({"block": 0}, 'block: expected None for null="labels", got 0'),
        ({"null": "rows"}, 'block: expected 0 or 1 for null="rows", got None'),
        ({"null": "within_class", "block": 2}, 'block: expected 0 or 1 for null="within_class", got 2'),
        ({"null": "rows", "block": 0, "logits": (labels,) * 3}, 'logits: expected None for null="rows"'),
        ({"null": "within_class", "probabilities": (labels,) * 3}, 'probabilities: expected None for null="within_cl'),
        ({"probabilities": (labels,) * 7}, "probabilities: expected a tuple of 3 arrays, got 7"),
    ):
        with pytest.raises(ValueError, match=message):
            lsmi_jax.permutation_test(key, features, labels, **options)
    with pytest.raises(ValueError, match="features: expected a tuple of 2 arrays, got 3"):
        lsmi_jax.permutation_test(key, (*features, features[0]), labels)


def test_an_undefined_mean_is_never_significant(key, monkeypatch):
    features, labels = numbered()
    defined, undefined = (lsmi_jax.decomposition.Means(*jnp.full(7, value)) for value in (1.0, jnp.nan))
    for sequence, expected in (([undefined, defined, defined], 1.0), ([defined, undefined, undefined], 1.0)):
        means = iter(sequence)
        monkeypatch.setattr(_permutation, "estimate", lambda *_, **__: None)
        monkeypatch.setattr(_permutation, "_means", lambda _, means=means: next(means))
        result = lsmi_jax.permutation_test(key, features, labels, num_permutations=2)
        np.testing.assert_allclose(result.p_value, expected)


@pytest.mark.parametrize(
    ("null", "block", "phrase", "meaningful"),
    [
        ("labels", None, "the labels are independent of both blocks", ["I1", "I2", "I12"]),
        ("rows", 1, "the second block is independent of the first block and the labels", ["I2", "I12"]),
        ("within_class", None, "the blocks are independent given the label", ["S", "I12"]),
    ],
)
def test_the_result_prints_its_null_and_the_p_values_it_tests(null, block, phrase, meaningful, seen, key):
    test = lsmi_jax.permutation_test(key, *numbered(), null=null, block=block, num_permutations=3)
    *lines, first_note, _ = repr(test).splitlines()
    assert first_note == f"Note: The null hypothesis is that {phrase}."
    assert [line.split()[0] for line in lines[2:] if not line.endswith("-")] == meaningful
    assert float(test.p_value.synergy) == 1.0


@pytest.mark.slow
def test_permutations_find_information_and_only_where_it_is(key):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 160)
    features = (rng.normal(size=(160, 2)) + 2 * labels[:, None], rng.normal(size=(160, 2)))
    test = lsmi_jax.permutation_test(key, features, labels, num_permutations=4, **FAST)
    assert float(test.p_value.information12) == float(test.p_value.information1) == pytest.approx(0.2)
    assert float(test.p_value.information2) > 0.2
    assert test.permuted.synergy.shape == (4,)
    assert float(jnp.abs(test.permuted.information12).max()) < float(test.observed.information12)


@pytest.mark.slow
def test_permutation_p_values_are_uniform_under_the_null():
    p_values = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        features = (rng.normal(size=(100, 2)), rng.normal(size=(100, 2)))
        test = lsmi_jax.permutation_test(
            jax.random.key(seed), features, rng.integers(0, 2, 100), num_permutations=9, **FAST
        )
        p_values.append(float(test.p_value.information12) - rng.random() / 10)
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


@pytest.mark.slow
def test_rows_of_a_block_that_says_nothing_and_of_one_that_does(key):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    features = (rng.normal(size=(200, 2)) + 2 * labels[:, None], rng.normal(size=(200, 2)))
    options = {"null": "rows", "num_permutations": 9, **FAST}
    informative = lsmi_jax.permutation_test(key, features, labels, block=0, **options)
    noise = lsmi_jax.permutation_test(key, features, labels, block=1, **options)
    assert float(informative.p_value.information1) == float(informative.p_value.information12) == pytest.approx(0.1)
    assert float(noise.p_value.information2) > 0.1
    assert float(noise.p_value.information12) > 0.1


@pytest.mark.slow
def test_pairing_within_classes_matters_for_an_exclusive_or_only(key):
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, (2, 300))
    noise = 0.3 * rng.normal(size=(2, 300))
    features = tuple((bits + noise)[..., None])
    options = {"null": "within_class", "num_permutations": 9, **FAST}
    paired = lsmi_jax.permutation_test(key, features, bits[0] ^ bits[1], **options)
    assert float(paired.p_value.synergy) == float(paired.p_value.information12) == pytest.approx(0.1)
    labels = rng.integers(0, 2, 300)
    features = tuple((labels + rng.normal(size=(2, 300)))[..., None])
    independent = lsmi_jax.permutation_test(key, features, labels, **options)
    assert float(independent.p_value.synergy) > 0.1
    assert float(independent.p_value.information12) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize(("null", "field"), [("rows", "information2"), ("within_class", "synergy")])
def test_p_values_of_permuted_blocks_are_uniform_under_their_null(null, field):
    p_values = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 2, 100)
        second = rng.normal(size=(100, 2)) + (null == "within_class") * labels[:, None]
        features = (rng.normal(size=(100, 2)) + labels[:, None], second)
        block = 1 if null == "rows" else None
        test = lsmi_jax.permutation_test(
            jax.random.key(seed), features, labels, null=null, block=block, num_permutations=9, **NO_DENSITY
        )
        p_values.append(float(getattr(test.p_value, field)) - rng.random() / 10)
    assert stats.kstest(p_values, "uniform").pvalue > 0.01
