"""Options of rows: --split-by, --weights and --missing do what the arguments of the library do."""

import json

import jax
import numpy as np
import pandas
import pytest

import lsmi_jax
from lsmi_jax.__main__ import main

NUM_ROWS = 60


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    labels = np.arange(NUM_ROWS) % 2
    columns = {f"{name}_{k}": rng.normal(size=NUM_ROWS) + labels for name in ("a", "b") for k in range(2)}
    table = pandas.DataFrame(columns | {"y": labels, "speaker": np.arange(NUM_ROWS) // 3, "w": 1.0 + labels})
    table.loc[::5, ["b_0", "b_1"]] = np.nan
    for m in range(3):
        table[f"logit{m}"] = rng.normal(size=NUM_ROWS) + labels
    return table


def estimate_of(table, **options):
    blocks = [table[[f"{name}_{k}" for k in range(2)]].to_numpy(np.float64) for name in ("a", "b")]
    logits = [table[f"logit{m}"].to_numpy() for m in range(3)]
    return lsmi_jax.estimate(
        jax.random.key(0), blocks, table["y"].to_numpy(), num_folds=2, logits=logits, redundancy=LEAST, **options
    )


LEAST = lsmi_jax.MinimumInformation()
OWN = ["--logits", "logit0", "logit1", "logit2"]
NAMES = [
    "--x1",
    "a_",
    "--x2",
    "b_",
    "--labels",
    "y",
    "--num-folds",
    "2",
    "--format",
    "csv",
    *OWN,
    "--redundancy",
    "minimum_information",
]
ROWS = ["--split-by", "speaker", "--weights", "w", "--missing", "mask"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_rows_are_those_of_the_library(table, tmp_path, suffix):
    path = tmp_path / f"table.{suffix}"
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    assert main(["estimate", str(path), *NAMES, *ROWS, "--out", str(tmp_path / "out")]) == 0
    expected = estimate_of(table, groups=table["speaker"], weights=table["w"], missing="mask")
    written = pandas.read_csv(tmp_path / "out" / "samples.csv")
    for name in ("r", "i1", "i2", "i12"):
        np.testing.assert_allclose(written[name], expected.columns()[name], atol=1e-5)
    assert written["r"].isna().sum() == written["i2"].isna().sum() == 12
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    overall = summary["means"]["overall"]
    np.testing.assert_allclose(overall["I12"]["mean"], expected.mean().mean.information12, atol=1e-6)
    assert overall["samples"] == 48
    assert any("20.0% the second" in finding for finding in summary["findings"])
    assert "20.0% the second" in (tmp_path / "out" / "report.html").read_text()


def test_a_list_that_is_null_is_a_missing_row(table, tmp_path):
    lists = pandas.DataFrame({name: list(table[[f"{name}_0", f"{name}_1"]].to_numpy()) for name in ("a", "b")})
    lists.loc[table["b_0"].isna(), "b"] = None
    lists = lists.join(table[["y", "logit0", "logit1", "logit2"]])
    lists.to_parquet(tmp_path / "table.parquet")
    words = ["--x1", "a", "--x2", "b", *NAMES[4:], "--out", str(tmp_path / "out")]
    assert main(["estimate", str(tmp_path / "table.parquet"), *words, "--missing", "mask"]) == 0
    written = pandas.read_csv(tmp_path / "out" / "samples.csv")
    np.testing.assert_allclose(written["i2"], estimate_of(table, missing="mask").columns()["i2"], atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--x2: expected finite values, got NaN or inf in 12 of 60 rows"),
        (["--missing", "mask", "--split-by", "gap"], "--split-by: expected no missing values, got 1 among 60"),
        (["--missing", "mask", "--weights", "y"], "--weights: expected positive, finite weights, got 30 others"),
        (["--missing", "mask", "--weights", "word"], "--weights: expected real numbers, got dtype"),
        (["--missing", "mask", "--split-by", "y"], "--split-by: expected at least 3 groups, got 2"),
    ],
)
def test_bad_rows_are_named(table, tmp_path, capsys, options, message):
    wrong = table.assign(gap=[None, *range(1, NUM_ROWS)], word="x")
    wrong.to_csv(tmp_path / "table.csv", index=False)
    assert main(["estimate", str(tmp_path / "table.csv"), *NAMES, *options, "--out", str(tmp_path / "out")]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("with_features", [True, False])
def test_probabilities_with_or_without_features(table, tmp_path, with_features):
    labels = table["y"].to_numpy()
    rng = np.random.default_rng(1)
    chances = {f"p{m}": 1 / (1 + np.exp(-rng.normal(2 * labels - 1))) for m in range(3)}
    table.drop(columns=["b_0", "b_1"]).assign(b_0=1.0, b_1=table["a_0"], **chances).to_csv(
        tmp_path / "t.csv", index=False
    )
    words = ["--labels", "y", "--num-folds", "2", "--format", "csv", "--probabilities", "p0", "p1", "p2"]
    words += ["--redundancy", "minimum_information"]
    words += ["--x1", "a_", "--x2", "b_"] if with_features else []
    assert main(["estimate", str(tmp_path / "t.csv"), *words, "--out", str(tmp_path / "out")]) == 0
    options = {"probabilities": list(chances.values()), "num_folds": 2, "redundancy": LEAST}
    expected = lsmi_jax.estimate(jax.random.key(0), None, labels, **options)
    written = pandas.read_csv(tmp_path / "out" / "samples.csv")
    for name in ("r", "i1", "i12"):
        np.testing.assert_allclose(written[name], expected.columns()[name], atol=1e-5)
    assert (tmp_path / "out" / "report.html").stat().st_size > 1000


@pytest.mark.parametrize("names", [[], ["--x1", "a_"], ["--x2", "b_", *OWN]])
def test_one_modality_cannot_be_left_out(table, tmp_path, capsys, names):
    table.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(SystemExit, match="2"):
        main(["estimate", str(tmp_path / "t.csv"), "--labels", "y", *names, "--out", str(tmp_path / "out")])
    assert "expected a name, unless --logits or --probabilities replaces all of them" in capsys.readouterr().err


def test_a_continuous_target_is_estimated_saved_and_scored(table, tmp_path):
    rating = np.random.default_rng(2).normal(size=NUM_ROWS)
    logits = {f"l{m}_{k:02}": np.zeros(NUM_ROWS) - abs(rating - k) for m in range(3) for k in range(4)}
    table.drop(columns="y").assign(rating=rating, b_0=1.0, b_1=2.0, **logits).to_csv(tmp_path / "t.csv", index=False)
    words = [str(tmp_path / "t.csv"), "--labels", "rating", "--logits", "l0_", "l1_", "l2_", "--format", "csv"]
    first = [*words, "--target", "continuous", "--num-folds", "2", "--save-estimator"]
    assert main(["estimate", *first, "--redundancy", "minimum_information", "--out", str(tmp_path / "out")]) == 0
    blocks = [table.assign(**logits)[[f"l{m}_{k:02}" for k in range(4)]].to_numpy() for m in range(3)]
    options = {"logits": blocks, "target": "continuous", "num_folds": 2, "redundancy": LEAST}
    expected = lsmi_jax.estimate(jax.random.key(0), None, rating, **options)
    written = pandas.read_csv(tmp_path / "out" / "samples.csv")
    np.testing.assert_allclose(written["i12"], expected.columns()["i12"], atol=1e-5)
    np.testing.assert_allclose(written["label"], rating)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(summary["means"]["classes"]) == 4
    assert all(" to " in name for name in summary["means"]["classes"])
    again = ["--estimator", str(tmp_path / "out" / "estimator"), "--out", str(tmp_path / "scored")]
    assert main(["score", *words, *again]) == 0
    scored = pandas.read_csv(tmp_path / "scored" / "samples.csv")
    assert np.corrcoef(scored["i12"], written["i12"])[0, 1] > 0.95


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("target", ["classes", "continuous"])
def test_rows_without_a_label_are_not_scored(table, tmp_path, suffix, target):
    has = np.arange(NUM_ROWS) % 6 > 0
    words = np.where(table["y"] > 0, "yes", "no")
    given = pandas.Series(words) if target == "classes" else table["y"] + np.arange(NUM_ROWS) / 100
    full = table.assign(y=given.where(has), b_0=1.0, b_1=table["a_0"], **{f"q{k}": table["a_1"] * k for k in range(4)})
    full.to_csv(tmp_path / "t.csv", index=False) if suffix == "csv" else full.to_parquet(tmp_path / "t.parquet")
    logits = OWN if target == "classes" else ["--logits", "q", "q", "q"]
    options = [*NAMES[:-6], *logits, "--redundancy", "minimum_information", "--target", target]
    run = ["estimate", str(tmp_path / f"t.{suffix}"), *options, "--out", str(tmp_path / "out")]
    assert main(run) == 1
    assert main([*run, "--unlabeled", "use", "--save-estimator"]) == 0
    written = pandas.read_csv(tmp_path / "out" / "samples.csv")
    np.testing.assert_array_equal(written["r"].isna(), ~has)
    np.testing.assert_array_equal(written["label"].isna(), ~has)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["means"]["overall"]["samples"] == has.sum()
    assert sum(entry["samples"] for entry in summary["means"]["classes"].values()) == has.sum()
    if target == "classes":
        assert {name: entry["samples"] for name, entry in summary["means"]["classes"].items()} == {"no": 20, "yes": 30}
    assert any("16.7% of the samples have no label" in finding for finding in summary["findings"])
    assert "None" not in (tmp_path / "out" / "report.html").read_text().replace("None knows", "")
