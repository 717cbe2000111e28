import json
import re
import shutil

import jax
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax.__main__ import main
from lsmi_jax.cli import _results
from lsmi_jax.cli._comparison import compare


def test_samples_hold_what_estimate_returns(results, arrays):
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(results / "out" / "samples.parquet")
    labels, _ = lsmi_jax.encode_labels(arrays["y"])
    expected = lsmi_jax.estimate(jax.random.key(0), (arrays["audio"], arrays["video"]), labels, num_folds=2)
    assert list(table["id"]) == list(arrays["clip"])
    assert list(table["label"]) == list(arrays["y"])
    assert list(table["speaker"]) == list(arrays["speaker"])
    columns = expected.columns()
    assert list(table.columns) == ["id", "label", "speaker", *columns]
    classes = lsmi_jax.encode_labels(arrays["y"])[1]
    for name, values in columns.items():
        np.testing.assert_array_equal(table[name], classes[values] if name.startswith("predicted") else values)
    np.testing.assert_array_equal(table["u2"], expected.interactions.unique2)
    np.testing.assert_array_equal(table["i_union"], expected.i_union)


def test_the_summary_has_everything_the_numbers_follow_from(results, arrays):
    summary = json.loads((results / "out" / "summary.json").read_text())
    assert set(summary["means"]) == {"overall", "classes", "by"}
    assert set(summary["means"]["by"]["speaker"]) == {"0", "1"}
    assert set(summary["means"]["classes"]) == {"cat", "<dog>", "eel"}
    overall = summary["means"]["overall"]
    assert overall["samples"] == len(arrays["y"])
    assert overall["R"]["lower"] <= overall["R"]["mean"] <= overall["R"]["upper"]
    assert overall["adjusted"]["S"]["mean"] >= 0
    for part, sign in (("R", 1), ("U1", -1), ("U2", -1), ("S", 1)):
        adjusted = overall["adjusted"][part]
        assert adjusted["mean"] == pytest.approx(overall[part]["mean"] + sign * overall["shift"], abs=1e-5)
        assert adjusted["set_to_zero"] == (adjusted["lower"] is None)
        assert not adjusted["set_to_zero"] or abs(adjusted["mean"]) < 1e-6
    assert summary["errors_include_fit"] is False
    options = summary["options"]
    assert options["command"] == "estimate"
    assert (options["num_folds"], options["num_seeds"], options["seed"], options["x1"]) == (2, 1, 0, "audio")
    assert (options["redundancy"], options["num_cells"]) == ("union_information", 192)
    assert len(summary["data"]["sha256"]) == 64
    assert summary["versions"]["lsmi-jax"] == lsmi_jax.__version__


def test_the_report_needs_no_network_and_escapes_names(results):
    text = (results / "out" / "report.html").read_text()
    assert "&lt;dog&gt;" in text
    assert "<dog>" not in text
    assert "http:" not in text
    assert "https:" not in text
    table = pytest.importorskip("pandas").read_parquet(results / "out" / "samples.parquet")
    assert text.count("data:image/png;base64,") == len(table)  # few enough to show all
    assert "<h2>By class</h2>" in text
    assert "<h2>By speaker</h2>" in text
    assert "prefers-color-scheme: dark" in text


def test_no_temporary_file_is_left(results):
    names = sorted(path.name for path in (results / "out").iterdir())
    assert names == [".lock", "estimator", "report.html", "samples.parquet", "summary.json"]


def test_score(results, arrays, named, capsys):
    some = {name: array[:10] for name, array in arrays.items()}
    np.savez(results / "some.npz", **some)
    words = ["score", str(results / "some.npz"), *named, "--ids", "clip", "--format", "csv"]
    estimator, out = ["--estimator", str(results / "out" / "estimator")], ["--out", str(results / "few")]
    assert main([*words, *estimator, *out]) == 0
    header, *rows = (results / "few" / "samples.csv").read_text().splitlines()
    assert header.startswith("id,label,r,u1,u2,s,r_adjusted")
    assert [row.split(",")[0] for row in rows] == list(some["clip"])
    assert main([*words, *out, "--estimator", str(results / "nowhere")]) == 1
    assert "--estimator: expected a folder that --save-estimator wrote" in capsys.readouterr().err
    np.savez(results / "other.npz", **some | {"y": np.array(["yak"] * 10)})
    words[1] = str(results / "other.npz")
    assert main([*words, *estimator, *out]) == 1
    assert "--labels: expected labels the estimator was fitted on, got yak" in capsys.readouterr().err


@pytest.mark.slow
def test_score_takes_another_redundancy_that_needs_no_more(results, named):
    words = ["score", str(results / "data.npz"), *named, "--estimator", str(results / "out" / "estimator")]
    for name in ("common_change", "minimum_information"):
        assert main([*words, "--redundancy", name, "--out", str(results / name)]) == 0
        assert json.loads((results / name / "summary.json").read_text())["options"]["redundancy"] == name


@pytest.mark.slow
def test_options_of_the_redundancy_reach_the_estimate(results, named, monkeypatch, capsys):
    asked = []

    def refuse(*_, redundancy, **__):
        asked.append(redundancy)
        raise ValueError("redundancy: seen")

    monkeypatch.setattr(lsmi_jax, "estimate", refuse)
    words = ["estimate", str(results / "data.npz"), *named, "--out", str(results / "refused")]
    for more in (
        [],
        ["--redundancy", "common_change"],
        ["--redundancy", "specificity_ambiguity", "--num-components", "4", "--covariance", "2"],
        ["--redundancy", "shared_exclusions", "--covariance", "full"],
    ):
        assert main([*words, *more]) == 1
        assert capsys.readouterr().err == "lsmi-jax: --redundancy: seen\n"
    assert asked == [
        lsmi_jax.UnionInformation(),
        lsmi_jax.CommonChange(),
        lsmi_jax.SpecificityAmbiguity(num_components=4, covariance=2),
        lsmi_jax.SharedExclusions(covariance="full"),
    ]


def test_an_interrupted_run_continues(arrays, named, tmp_path, monkeypatch):
    np.savez(tmp_path / "data.npz", **arrays)
    words = ["estimate", str(tmp_path / "data.npz"), *named, "--num-folds", "2", "--out", str(tmp_path / "out")]

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(_results, "write_table", interrupt)
    with pytest.raises(KeyboardInterrupt):
        main(words)
    stages = tmp_path / "out" / ".stages" / "folds"
    kept = {path.name: path.stat().st_mtime_ns for path in stages.glob("*.npz")}
    assert len(kept) == 4  # three discriminators and the union information
    with pytest.raises(KeyboardInterrupt):
        main([*words, "--resume"])
    assert kept == {path.name: path.stat().st_mtime_ns for path in stages.glob("*.npz")}


def test_info_names_versions_and_devices(capsys):
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    for name in ("lsmi-jax", "jaxlib", "python", "devices"):
        assert name in printed


@pytest.fixture(scope="module")
def scored(results, arrays, named):
    """Results of ten of the samples, with ids and without."""
    np.savez(results / "ten.npz", **{name: array[:10] for name, array in arrays.items()})
    words = ["score", str(results / "ten.npz"), "--estimator", str(results / "out" / "estimator"), *named]
    assert main([*words, "--ids", "clip", "--format", "csv", "--out", str(results / "scored")]) == 0
    assert main([*words, "--out", str(results / "unnamed")]) == 0
    return results / "scored", results / "unnamed"


def test_samples_of_equal_ids_are_paired(results, arrays, scored, capsys):
    assert main(["compare", str(results / "out"), str(scored[0])]) == 0
    assert capsys.readouterr().out.startswith(f"10 samples in both, of {len(arrays['y'])} and 10")


def test_samples_without_ids_are_paired_only_for_identical_data(results, scored, capsys):
    named, unnamed = scored
    assert main(["compare", str(unnamed), str(named)]) == 0  # 0 to 9, and clip 0 to clip 9
    printed = capsys.readouterr().out
    assert printed.startswith("no samples that are known to be in both")
    assert printed.count("+0.000 (") == 7
    assert "unpaired" in printed
    assert compare(unnamed, unnamed)[0].startswith("10 samples in both")
    other = shutil.copytree(unnamed, results / "other")
    text = (other / "summary.json").read_text()
    (other / "summary.json").write_text(re.sub(r'"sha256": "..', '"sha256": "xx', text))
    assert compare(unnamed, other)[0].startswith("no samples that are known to be in both")


def test_samples_of_joined_files_are_paired_by_their_ids(results, scored):
    one, other = (shutil.copytree(scored[1], results / name) for name in ("joined", "joined too"))
    for folder, checksum in ((one, "aa"), (other, "bb")):
        summary = json.loads((folder / "summary.json").read_text())
        summary["options"]["join"], summary["data"]["sha256"] = "clip", checksum
        (folder / "summary.json").write_text(json.dumps(summary))
    assert compare(one, other)[0].startswith("10 samples in both")


def test_a_sample_may_be_called_na(results, scored):
    folder = shutil.copytree(scored[0], results / "called")
    table = folder / "samples.csv"
    table.write_text(table.read_text().replace("clip 3,", "NA,"))
    assert compare(folder, folder)[0].startswith("10 samples in both")
    assert compare(folder, scored[0])[0].startswith("9 samples in both")


def test_a_folder_without_results_is_named(results, capsys):
    assert main(["compare", str(results / "out"), str(results)]) == 1
    assert "expected a folder of results, got one without summary.json" in capsys.readouterr().err
