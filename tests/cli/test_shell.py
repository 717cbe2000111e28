"""The command line in its own process, on data sets of many kinds, each in another format."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow
PARTS = ["r", "u1", "u2", "s"]
SHOWN = [*PARTS, "r_adjusted", "u1_adjusted", "u2_adjusted", "s_adjusted", "i1", "i2", "i12"]
DEFAULT, PAPER = ["i_union"], ["h1", "h2"]


@pytest.fixture
def shell(tmp_path):
    """Runs `lsmi-jax` in `tmp_path`, and returns what it prints."""

    def run(*words):
        environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
        command = [sys.executable, "-m", "lsmi_jax", *map(str, words)]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        return done.stdout

    return run


def results(folder, num_samples, bounds, num_held_out, more=DEFAULT):
    """Reads a folder of results, and checks that it is complete and as informative as another library's models.

    The bounds are the held-out information, in nats, of scikit-learn's logistic regressions of x1, x2 and both on so
    many rows, from the page of the data set; they may err by three standard errors.
    """
    pandas = pytest.importorskip("pandas")
    assert list(folder.parent.glob("cache/lsmi_jax/*-cache"))  # programs for the next run
    (path,) = folder.glob("samples.*")
    samples = pandas.read_csv(path) if path.suffix == ".csv" else pandas.read_parquet(path)
    summary = json.loads((folder / "summary.json").read_text())
    assert [name for name in (*DEFAULT, *PAPER) if name in samples] == more
    values = {name: samples[name].to_numpy(np.float64) for name in (*SHOWN, *more)}
    assert {path.name for path in folder.iterdir()} <= {path.name, ".lock", "summary.json", "report.html", "estimator"}
    assert len(samples) == num_samples
    assert all(np.isfinite(column).all() for column in values.values())
    rounding = 1e-4  # sums of float32 values of some hundred nats, from densities of features
    for total, parts in (("i1", ("r", "u1")), ("i2", ("r", "u2")), ("i12", ("r", "u1", "u2", "s"))):
        for kind in ("", "_adjusted"):
            np.testing.assert_allclose(sum(values[part + kind] for part in parts), values[total], atol=rounding)
    for name in PARTS:
        assert abs(summary["means"]["overall"][name.upper()]["mean"] - values[name].mean()) < rounding
    for name, bound in zip(("i1", "i2", "i12"), bounds, strict=True):
        assert values[name].mean() > bound - 3 * values[name].std() / np.sqrt(num_held_out)
    assert (folder / "report.html").read_text().rstrip().endswith("</html>")
    return samples, summary


def own_logits(features, labels):
    """Out-of-fold logits of another library's models."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    model_selection = pytest.importorskip("sklearn.model_selection")
    model = linear_model.LogisticRegression(max_iter=1000)
    return model_selection.cross_val_predict(model, features, labels, method="decision_function")


def test_tweets_from_npz(shell, data_set, tmp_path):
    data = data_set("twitter_sarcasm_hfm")
    np.savez(tmp_path / "tweets.npz", image=data["x1"], text=data["x2"], sarcastic=data["y"])
    words = ["tweets.npz", "--x1", "image", "--x2", "text", "--labels", "sarcastic"]
    printed = shell("estimate", *words, "--out", "out")
    _, summary = results(tmp_path / "out", 24635, (0.053, 0.158, 0.181), 2409)
    overall = summary["means"]["overall"]
    assert overall["U2"]["mean"] > overall["U1"]["mean"]  # tweets beat five words about a picture
    assert "Wrote samples.parquet, summary.json and report.html to out." in printed


def test_digits_from_csv_with_prefixes_and_words_for_labels(shell, data_set, tmp_path):
    data = data_set("uci_mfeat")
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    with (tmp_path / "digits.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"zernike_{j}" for j in range(47)), *(f"karhunen_{j}" for j in range(64)), "digit"])
        writer.writerows([*a, *b, words[y]] for a, b, y in zip(data["x5"], data["x3"], data["y"], strict=True))
    named = ["--x1", "zernike_", "--x2", "karhunen_", "--labels", "digit"]
    shell("estimate", "digits.csv", *named, "--redundancy", "minimum_information", "--seed", 3, "--out", "out")
    samples, summary = results(tmp_path / "out", 2000, (1.925, 2.105, 2.2), 600, more=[])
    alone = {name: means["U2"]["mean"] for name, means in summary["means"]["classes"].items()}
    assert sorted(alone, key=alone.get)[-2:] in (["six", "nine"], ["nine", "six"])  # each is the other, rotated
    assert list(samples["label"]) == [words[y] for y in data["y"]]


def test_clips_from_parquet_with_lists_ids_and_groups(shell, data_set, tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    data = data_set("cremad_human_votes")
    columns = {"voice": list(data["x1"]), "face": list(data["x2"])}
    columns |= {"emotion": data["y"], "clip": data["clip"], "actor": data["actor"]}
    parquet.write_table(arrow.table(columns), tmp_path / "clips.parquet")
    words = ["--x1", "voice", "--x2", "face", "--labels", "emotion", "--ids", "clip", "--means-by", "actor"]
    shell("estimate", "clips.parquet", *words, "--out", "out")
    samples, summary = results(tmp_path / "out", 7442, (0.612, 1.001, 1.138), 2202)
    assert list(samples["id"]) == list(data["clip"])
    groups = summary["means"]["by"]["actor"]
    assert {int(name): group["samples"] for name, group in groups.items()} == {
        actor: (data["actor"] == actor).sum() for actor in np.unique(data["actor"])
    }
    own = ["--logits", "of_voice", "of_face", "of_both"]
    blocks = data["x1"], data["x2"], np.concatenate((data["x1"], data["x2"]), axis=1)
    logits = [own_logits(block, data["y"]) for block in blocks]
    columns |= dict(zip(own[1:], map(list, logits), strict=True))
    parquet.write_table(arrow.table(columns), tmp_path / "own.parquet")
    shell("estimate", "own.parquet", *words, *own, "--out", "own")
    samples_own, _ = results(tmp_path / "own", 7442, (0.612, 1.001, 1.138), 2202)
    assert np.corrcoef(samples["r"], samples_own["r"])[0, 1] > 0.9
    assert "7442" in shell("compare", "out", "own")


def test_videos_from_safetensors_with_three_seeds(shell, data_set, tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    data = data_set("cmu_mosei_videos922")
    safetensors.save_file({"text": data["x1"], "audio": data["x2"], "y": data["y"]}, tmp_path / "videos.safetensors")
    words = ["--x1", "text", "--x2", "audio", "--labels", "y", "--num-seeds", 3, "--format", "csv"]
    shell("estimate", "videos.safetensors", *words, "--out", "out")
    samples, _ = results(tmp_path / "out", 922, (0.131, 0.002, 0.135), 277)
    assert (samples["r_spread"] > 0).all()


def test_articles_from_a_folder_with_densities_of_features(shell, data_set, tmp_path):
    data = data_set("wikipedia_articles")
    folder = tmp_path / "articles"
    folder.mkdir()
    for name, array in {"image": data["x1"], "text": data["x2"], "topic": data["y"]}.items():
        np.save(folder / f"{name}.npy", array)
    words = ["--x1", "image", "--x2", "text", "--labels", "topic", "--num-folds", 3]
    words += ["--redundancy", "specificity_ambiguity"]
    shell("estimate", folder.name, *words, "--out", "out")
    _, summary = results(tmp_path / "out", 2866, (0.206, 1.379, 1.272), 693, more=PAPER)
    assert summary["options"]["redundancy"] == "specificity_ambiguity"


def test_spoken_digits_by_a_file_of_options_then_scores_of_others(shell, data_set, tmp_path):
    data = data_set("av_digits_semireal")
    held_out = data["split"] == 1
    for name, rows in (("train", ~held_out), ("test", held_out)):
        arrays = {"image": data["x1"], "sound": data["x2"], "y": data["y"], "speaker": data["speaker"]}
        arrays |= {"name": data["speaker_names"][data["speaker"]], "pixels": data["x1"].reshape(-1, 28, 28)}
        np.savez(tmp_path / f"{name}.npz", **{key: array[rows] for key, array in arrays.items()})
    (tmp_path / "options.toml").write_text(
        'x1 = "image"\nx2 = "sound"\nlabels = "y"\nmeans-by = ["speaker", "name"]\nimage = "pixels"\nout = "out"\n'
    )
    shell("estimate", "train.npz", "--config", "options.toml", "--save-estimator")
    _, summary = results(tmp_path / "out", 2700, (1.964, 2.176, 2.233), 300)
    assert set(summary["means"]["by"]["name"]) == set(data["speaker_names"])
    assert (tmp_path / "out" / "report.html").read_text().count("data:image/png;base64,") >= 4
    named = ["--x1", "image", "--x2", "sound", "--labels", "y"]
    shell("score", "test.npz", *named, "--estimator", Path("out") / "estimator", "--out", "scored")
    results(tmp_path / "scored", 300, (1.964, 2.176, 2.233), 300)
