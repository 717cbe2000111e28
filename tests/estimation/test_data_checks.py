"""Findings about the rows themselves: copies, neighbors that are alike, constant columns, and sources of rows."""

import json

import jax
import numpy as np
import pandas
import pytest

from lsmi_jax import MinimumInformation, consecutive_groups, datasets, estimate
from lsmi_jax.__main__ import main
from lsmi_jax.estimation import check_data, told_apart
from lsmi_jax.inputs import pack


def checks(features, labels, **options):
    return check_data(pack(features, labels, **options))


def noise(rng, n=300):
    return [rng.normal(size=(n, 5)), rng.normal(size=(n, 20))], rng.integers(0, 2, n)


def slow(rng, n, width, steps=50):
    """An autoregressive series whose rows resemble each other over so many steps."""
    decay, values = np.exp(-1 / steps), np.zeros((n, width))
    for row in range(1, n):
        values[row] = decay * values[row - 1] + np.sqrt(1 - decay**2) * rng.normal(size=width)
    return values


@pytest.mark.parametrize("jitter", [0, 1e-3])
def test_copies_are_found_whatever_their_order(rng, jitter):
    (x1, x2), _ = noise(rng)
    order = rng.permutation(600)
    x1 = np.repeat(x1, 2, 0) + jitter * rng.normal(size=(600, 5))
    features, labels = [x1[order], np.repeat(x2, 2, 0)[order]], rng.integers(0, 2, 600)
    assert checks(features, labels).repeated.min() > 0.9
    # Nothing is left of it where the copies are one group.
    assert checks(features, labels, groups=np.repeat(np.arange(300), 2)[order]).repeated.max() < 0.02


@pytest.mark.parametrize(
    "features",
    [
        pytest.param(lambda rng: [rng.integers(0, 2, (500, 8)), rng.poisson(3, (500, 3))], id="discrete"),
        pytest.param(lambda rng: [rng.normal(size=(500, 1)), rng.normal(size=(500, 2))], id="few columns"),
        pytest.param(lambda rng: [rng.normal(size=(500, 300)), rng.standard_t(2, size=(500, 9))], id="many columns"),
        pytest.param(lambda rng: [np.round(rng.normal(size=(500, 4)), 1), np.eye(500)], id="rounded"),
    ],
)
def test_independent_rows_have_no_findings(rng, features):
    labels = np.sort(rng.integers(0, 3, 500))  # in the order of the class
    found = checks(features(rng), labels)
    assert found.repeated.max() <= 0.05
    assert found.alike.max() == 0


@pytest.mark.slow
def test_tasks_have_no_findings(key):
    for task in (
        datasets.circuit_logic(key, 1000, gate=datasets.XOR),
        datasets.gaussian_mixture(key, 1000, num_classes=5, correlation=-1.0),
    ):
        found = check_data(pack(task.features, task.labels))
        assert found.repeated.max() <= 0.05
        assert found.alike.max() == found.constant.max() == 0


def test_a_series_is_found_and_long_groups_are_the_answer(rng):
    features, labels = [slow(rng, 1000, 3), slow(rng, 1000, 3)], (slow(rng, 1000, 1)[:, 0] > 0).astype(int)
    assert checks(features, labels).alike.min() > 0.5
    shuffled = rng.permutation(1000)
    assert checks([x[shuffled] for x in features], labels[shuffled]).alike.max() == 0
    assert checks(features, rng.integers(0, 2, 1000)).alike.max() == 0
    assert checks(features, labels, groups=consecutive_groups(1000, 200)).alike.max() == 0


def test_constant_columns_are_counted(rng):
    (x1, x2), labels = noise(rng)
    x2[:, :15] = 3.0
    np.testing.assert_allclose(checks([np.ones_like(x1), x2], labels).constant, [1, 0.75])


def test_missing_rows_are_no_copies(rng):
    (x1, x2), labels = noise(rng)
    missing = (np.arange(300) % 2 == 0, np.zeros(300, bool))
    assert checks([x1, x2], labels, missing=missing).repeated.max() < 0.02


def test_findings_say_what_to_do(rng):
    (x1, _), labels = noise(rng, 60)
    twice = [np.repeat(x1, 2, 0), np.ones((120, 4))]
    logits = [rng.normal(size=(120, 2)) for _ in range(3)]
    options = {"num_folds": 2, "logits": logits, "redundancy": MinimumInformation()}
    result = estimate(jax.random.key(0), twice, np.repeat(labels, 2), **options)
    text = "\n".join(result.diagnostics.findings())
    assert "100% of the rows of the first modality are nearly repeated by another row" in text
    assert (
        "All columns of the second modality are constant, so it carries no information. Check how they were read."
        in text
    )
    assert "Use groups (--split-by) to keep the copies of a row together." in repr(result)


@pytest.fixture
def voices(rng):
    """Voices of 30 speakers whose labels are constant, beside what tells nothing of the speaker."""
    speakers = np.repeat(np.arange(30), 10)
    labels = rng.permutation(np.arange(30) % 2)[speakers]
    voice = rng.normal(size=(30, 8))[speakers] + 0.3 * rng.normal(size=(300, 8))
    return [voice, rng.normal(size=(300, 3)) + labels[:, None]], labels, speakers


def test_a_column_that_a_block_tells_apart_is_named(voices, rng):
    features, labels, speakers = voices
    columns = {"speaker": speakers, "label": labels, "coin": rng.integers(0, 2, 300)}
    (finding,) = told_apart(pack(features, labels), columns, ["voice", "text"])
    assert finding.startswith("Similar rows in voice mostly have the same speaker")
    balanced = np.arange(300) % 2  # a speaker says nothing of the label
    assert told_apart(pack(features, balanced), columns, ["voice", "text"]) == []


@pytest.mark.slow
def test_the_command_names_such_a_column(voices, tmp_path):
    (voice, text), labels, speakers = voices
    columns = {f"v{k}": voice[:, k] for k in range(8)} | {f"t{k}": text[:, k] for k in range(3)}
    columns |= {f"logits_{k}": np.arange(300) % 7 - 3.0 for k in range(2)}
    pandas.DataFrame(columns | {"y": labels, "speaker": speakers}).to_csv(tmp_path / "table.csv", index=False)
    words = ["estimate", str(tmp_path / "table.csv"), "--x1", "v", "--x2", "t", "--labels", "y", "--num-folds", "2"]
    words += ["--redundancy", "minimum_information", "--means-by", "speaker", "--out", str(tmp_path / "out")]
    words += ["--logits", "logits_", "logits_", "logits_"]
    assert main(words) == 0
    findings = json.loads((tmp_path / "out" / "summary.json").read_text())["findings"]
    assert any("(--split-by speaker)" in finding for finding in findings)
    assert main([*words, "--split-by", "speaker"]) == 0
    findings = json.loads((tmp_path / "out" / "summary.json").read_text())["findings"]
    assert not any("--split-by" in finding for finding in findings)
