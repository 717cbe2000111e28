import jax
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax import MinimumInformation, estimate_labels

KEY = jax.random.key(0)
SIZE = 200
LABELS = np.stack([np.arange(SIZE) % 2, np.arange(SIZE) // 2 % 2, (np.arange(SIZE) % 5 == 0).astype(int)], axis=1)
NAMES = ("laugh", "speech", "rain")
OPTIONS = {"names": NAMES, "num_folds": 2, "redundancy": MinimumInformation()}


def logits_of(labels, knows):
    """Sure logits of the labels that each view knows, those of the prior for the others."""
    share = labels.mean(0)
    prior = np.log(share / (1 - share))
    return [np.where(np.array(own, bool), (2 * labels - 1) * 12, prior[None]).astype(np.float32) for own in knows]


@pytest.fixture(scope="module")
def tags():
    # The first modality knows laughter, the second speech, only both know rain.
    logits = logits_of(LABELS, [(1, 0, 0), (0, 1, 0), (1, 1, 1)])
    return estimate_labels(KEY, None, LABELS, logits=logits, **OPTIONS)


def test_each_label_has_its_own_interactions(tags):
    entropy = [float(own.diagnostics.prior_entropy) for own in tags.estimates]
    expected = {"laugh": "unique1", "speech": "unique2", "rain": "synergy"}
    for (name, part), size in zip(expected.items(), entropy, strict=True):
        means = tags[name].interactions._asdict()
        for other, values in means.items():
            assert float(values.mean()) == pytest.approx(size if other == part else 0, abs=1e-3)


def test_the_sum_is_that_of_the_labels(tags):
    total = tags.total()
    for part in total.interactions._fields:
        by_hand = sum(getattr(own.interactions, part) for own in tags.estimates)
        np.testing.assert_allclose(getattr(total.interactions, part), by_hand, atol=1e-6)
    i12 = sum(own.information[2] for own in tags.estimates)
    np.testing.assert_allclose(total.information[2], i12, atol=1e-6)
    losses = sum(own.diagnostics.cross_entropy for own in tags.estimates)
    np.testing.assert_allclose(total.diagnostics.cross_entropy, losses, rtol=1e-6)
    accuracy = np.mean([np.asarray(own.diagnostics.accuracy) for own in tags.estimates], axis=0)
    np.testing.assert_allclose(total.diagnostics.accuracy, accuracy, rtol=1e-6)
    # An estimate like any other: errors are of the sum of each row.
    assert "Estimate of 200 samples" in repr(total)
    summary = total.mean()
    error = np.std(np.asarray(total.interactions.synergy)) / np.sqrt(SIZE)
    assert float(summary.standard_error.synergy) == pytest.approx(error, rel=0.2)


def test_means_and_table(tags):
    means = tags.means()
    assert means.mean.synergy.shape == (3,)
    table = tags.to_pandas()
    assert list(table.index) == list(NAMES)
    np.testing.assert_allclose(table["raw"]["S"], means.mean.synergy, atol=1e-6)
    assert "sum of all labels" in repr(tags)
    with pytest.raises(KeyError, match="label: expected one of laugh, speech, rain, got 'snow'"):
        tags["snow"]


def test_seeds_of_the_sum(tags):
    logits = logits_of(LABELS, [(1, 0, 0), (0, 1, 0), (1, 1, 1)])
    total = estimate_labels(KEY, None, LABELS, logits=logits, num_seeds=2, **OPTIONS).total()
    assert total.seeds.synergy.shape == (2, SIZE)
    np.testing.assert_allclose(total.spread.synergy, total.seeds.synergy.std(0, ddof=1), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": LABELS[:, 0]}, r"labels: expected shape \[n, L\], one column per label, got \(200,\)"),
        ({"labels": 2 * LABELS}, "labels: expected 0 and 1, got values from 0 to 2"),
        ({"names": ("a", "a", "b")}, "names: expected 3 different names, one per label"),
        ({"logits": [np.zeros((SIZE, 2), np.float32)] * 3}, r"logits\[0\]: expected shape \(200, 3\) to match"),
        ({"logits": [np.zeros((SIZE, 3), np.float32)] * 2}, "logits: expected"),
    ],
)
def test_bad_arguments_are_named(change, message):
    arguments = {"labels": LABELS, "logits": logits_of(LABELS, [(1, 1, 1)] * 3)} | OPTIONS | change
    with pytest.raises(ValueError, match=message):
        estimate_labels(KEY, None, arguments.pop("labels"), **arguments)


def test_there_are_two_modalities():
    with pytest.raises(ValueError, match="features: expected a tuple of 2 arrays, got 3"):
        estimate_labels(KEY, [np.zeros((SIZE, 1), np.float32)] * 3, LABELS)


def test_a_rare_label_is_named():
    labels = LABELS.copy()
    labels[:, 2] = 0
    labels[:3, 2] = 1
    with pytest.raises(ValueError, match=r"num_folds=5.*\(label rain\)"):
        estimate_labels(KEY, None, labels, logits=logits_of(labels, [(1, 1, 1)] * 3), **OPTIONS | {"num_folds": 5})


@pytest.mark.parametrize("option", ["num_classes", "target", "log_prior"])
def test_options_without_a_choice_are_errors(option):
    with pytest.raises(TypeError, match=f"{option}: expected None"):
        estimate_labels(KEY, None, LABELS, logits=logits_of(LABELS, [(1, 1, 1)] * 3), **OPTIONS, **{option: 2})
    with pytest.raises(TypeError, match="labels: expected integers 0 and 1 or booleans, got dtype float64"):
        estimate_labels(KEY, None, LABELS / 1.0, **OPTIONS)


@pytest.mark.parametrize("columns", [LABELS, LABELS.astype(bool)])
def test_columns_of_labels_are_referred_here(columns):
    with pytest.raises((TypeError, ValueError), match="estimate_labels takes columns of"):
        lsmi_jax.estimate(KEY, [np.zeros((SIZE, 1), np.float32)] * 2, columns)


@pytest.mark.slow
def test_learned_labels_are_those_of_estimate(blobs):
    """The same programs and keys: a column is what `estimate` gives of it."""
    blocks, labels = blobs
    columns = np.stack([labels == k for k in range(3)], axis=1)
    tags = estimate_labels(KEY, blocks, columns, num_folds=2)
    for position in range(3):
        own = jax.random.fold_in(KEY, position)
        alone = lsmi_jax.estimate(own, blocks, columns[:, position].astype(int), num_classes=2, num_folds=2)
        np.testing.assert_array_equal(tags[position].interactions.synergy, alone.interactions.synergy)


@pytest.mark.slow
def test_a_checkpoint_makes_a_folder_for_each_label(tmp_path):
    logits = logits_of(LABELS, [(1, 0, 0), (0, 1, 0), (1, 1, 1)])
    options = OPTIONS | {"redundancy": lsmi_jax.UnionInformation(), "logits": logits}
    found = estimate_labels(KEY, None, LABELS, checkpoint=tmp_path / "kept", **options)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    assert [path.name for path in sorted((tmp_path / "kept").iterdir())] == ["label1", "label2", "label3"]
    assert len(kept) == 3
    again = estimate_labels(KEY, None, LABELS, checkpoint=tmp_path / "kept", **options)
    np.testing.assert_array_equal(again.total().interactions.synergy, found.total().interactions.synergy)
    assert kept == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    with pytest.raises(FileNotFoundError, match="checkpoint: expected a folder whose parent exists"):
        estimate_labels(KEY, None, LABELS, checkpoint=tmp_path / "no" / "kept", **options)
