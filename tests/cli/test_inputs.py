from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from lsmi_jax.__main__ import main
from lsmi_jax.cli._inputs import read_inputs
from lsmi_jax.cli._options import InputOptions

NUM_ROWS = 72
NAMED = ["--x1", "audio", "--x2", "video", "--labels", "y"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["nowhere.npz", *NAMED], "nowhere.npz: no such file or folder"),
        (["data.npz", "--x1", "smell", *NAMED[2:]], "--x1: expected one of audio, video, y"),
        (["data.npz", *NAMED[:4], "--labels", "nothing"], "--labels: expected one of"),
        (["data.npz", *NAMED, "--ids", "short"], "--ids: expected 72 values, one per sample, got short"),
        (["data.npz", *NAMED[:2], "--x2", "vidio", *NAMED[4:]], "got 'vidio'"),
        (["data.npz", *NAMED[:2], "--x2", "vidio", *NAMED[4:]], "(did you mean video?)"),
        (["data.npz", "--x1", "clip", *NAMED[2:]], "--x1: expected numbers, got clip of text"),
        (["data.npz", "--x1", "holes", *NAMED[2:]], "--x1: expected finite values, got NaN or inf in 1 of 72"),
        (["data.npz", "--x1", "short", *NAMED[2:]], "--x1, --x2: expected blocks of equal length, got 3 and 72 rows"),
        (["data.npz", *NAMED, "--image", "audio"], "--image: expected names of files [n], or pixels [n, h, w]"),
        (["data.npz", *NAMED, "--image", "speaker"], "--image: expected names of files [n], or pixels [n, h, w]"),
        (
            ["data.npz", *NAMED, "--means-by", "s_spread"],
            "--means-by: expected a name that is not a column of the results",
        ),
        (
            ["data.npz", *NAMED, "--num-folds", "40"],
            "--labels: expected at least 40 samples of every class for --num-folds 40",
        ),
    ],
)
def test_errors_are_one_line_that_says_what_to_change(words, error, arrays, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", **arrays, short=np.arange(3), holes=np.where(np.arange(NUM_ROWS) == 5, np.nan, 1.0))
    assert main(["estimate", *words, "--out", "out"]) == 1
    printed = capsys.readouterr()
    assert error in printed.err
    assert printed.err.startswith("lsmi-jax: ")
    assert printed.err.count("\n") == 1
    assert not list(tmp_path.glob("out/s*"))
    with pytest.raises((ValueError, OSError)):
        main(["estimate", *words, "--out", "out", "--debug"])


def table(path, **more):
    """Writes a text table of eight rows with two blocks, and what is given."""
    columns = {"a_0": range(8), "a_1": range(8), "b_0": range(8), "y": ["DE", "NA"] * 4, "clip": range(8)} | more
    rows = [columns, *zip(*columns.values(), strict=True)]
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))


NAMED_IN_TABLE = ["--x1", "a_", "--x2", "b_", "--labels", "y"]


@pytest.mark.parametrize(
    ("words", "more", "error"),
    [
        (
            [],
            {},
            "--labels: expected no missing values, got 4 among 8; --keep-na reads words such as NA and None as text",
        ),
        (["--keep-na"], {"y": ["", "b"] * 4}, "--labels: expected no missing values, got 4 among 8\n"),
        (
            ["--keep-na", "--means-by", "place"],
            {"place": ["", *"abcdefg"]},
            "--means-by: expected no missing values, got 1 among 8\n",
        ),
        (
            ["--keep-na", "--ids", "clip"],
            {"clip": ["c1", "c2", "c1", *"vwxyz"]},
            "--ids: expected a unique value in every row, got c1 2 times\n",
        ),
        (
            ["--keep-na", "--ids", "clip"],
            {"clip": ["", *"tuvwxyz"]},
            "--ids: expected no missing values, got 1 among 8\n",
        ),
    ],
)
def test_a_table_is_checked_before_anything_is_fitted(words, more, error, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("lsmi_jax.estimate", None)
    table(tmp_path / "data.csv", **more)
    assert main(["estimate", str(tmp_path / "data.csv"), *NAMED_IN_TABLE, *words, "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith(f"lsmi-jax: {error}")


def test_what_only_a_prefix_took_in_is_shown(tmp_path):
    table(tmp_path / "data.csv", a_seconds=range(8), b_width=range(8))
    options = InputOptions(x1="a_", x2="b_0", labels="y", keep_na=True)
    inputs = read_inputs(tmp_path / "data.csv", options)
    assert inputs.columns == {"x1": ["a_0", "a_1", "a_seconds"], "x2": ["b_0"]}
    assert inputs.notes(options) == ["--x1 a_ also takes a_seconds."]
    assert sorted(set(inputs.labels.tolist())) == ["DE", "NA"]


@pytest.fixture
def two_files(tmp_path, monkeypatch):
    """Rows of two tables, in different orders and not all in both."""
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    clips = np.array([f"clip {row}" for row in range(10)])
    first, second = np.array([3, 1, 0, 5, 7, 9]), np.array([9, 8, 0, 1, 2, 3, 7])
    audio = {"clip": clips[first], "emb": [[float(row), 0.5] for row in first], "y": first % 2}
    pandas.DataFrame(audio).to_parquet("audio.parquet")
    pandas.DataFrame({"clip": clips[second], "v_0": 10.0 * second, "v_1": 20.0 * second}).to_csv("video.csv")
    return clips


JOINED = InputOptions(x1="audio.parquet:emb", x2="video.csv:v_", labels="audio.parquet:y", join="clip")


def test_rows_of_two_files_are_matched_by_their_ids(two_files):
    inputs = read_inputs(None, JOINED)
    rows = [3, 1, 0, 7, 9]  # of the first file, where the second has them too
    assert inputs.ids.tolist() == two_files[rows].tolist()
    np.testing.assert_array_equal(inputs.features[0][:, 0], rows)
    np.testing.assert_array_equal(inputs.features[1], [[10 * row, 20 * row] for row in rows])
    np.testing.assert_array_equal(inputs.labels, np.array(rows) % 2)
    assert inputs.columns == {"x1": ["audio.parquet:emb"], "x2": ["video.csv:v_0", "video.csv:v_1"]}
    assert inputs.notes(JOINED) == ["--join left out 1 of the rows of audio.parquet and 2 of the rows of video.csv."]


def test_names_without_a_file_are_those_of_the_data(two_files):
    inputs = read_inputs(Path("audio.parquet"), replace(JOINED, x1="emb", labels="y"))
    np.testing.assert_array_equal(inputs.features[1][:, 0], 10 * inputs.features[0][:, 0])
    assert inputs.columns["x1"] == ["emb"]
    assert [path.name for path in inputs.paths] == ["audio.parquet", "video.csv"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"labels": "y"}, "--labels: expected FILE:NAME, because DATA is not given, got 'y'"),
        (
            {"x2": "audio.parquet:y", "labels": "audio.parquet:clip"},
            "--join: expected names of two files or more, got 1",
        ),
        ({"x2": "nowhere.csv:v_"}, "nowhere.csv: no such file"),
        ({"join": "name"}, "--join: expected one of clip"),
        ({"x2": "twice.csv:v_"}, "--join: twice.csv: expected a unique value in every row, got clip 1 2 times"),
        ({"x2": "numbers.csv:v_"}, "--join: expected ids of the same type, got "),
        ({"x2": "others.csv:v_"}, "--join: expected ids that all files have, got none"),
        ({"join": None}, "--x1, --x2: expected blocks of equal length, got 6 and 7 rows"),
    ],
)
def test_files_that_do_not_match_are_an_error(changes, error, two_files, capsys):
    Path("twice.csv").write_text("clip,v_0\nclip 1,1\nclip 1,2\n")
    Path("numbers.csv").write_text("clip,v_0\n1,1\n2,2\n")
    Path("others.csv").write_text("clip,v_0\na,1\nb,2\n")
    options = {name: value for name, value in asdict(replace(JOINED, **changes)).items() if isinstance(value, str)}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    assert main(["estimate", *words, "--num-folds", "2", "--out", "out"]) == 1
    assert capsys.readouterr().err.startswith(f"lsmi-jax: {error}")


def test_data_that_no_name_is_read_from_are_an_error(two_files):
    with pytest.raises(ValueError, match=r"DATA: expected no file, because every name has its own, got other\.csv"):
        read_inputs(Path("other.csv"), JOINED)


def test_missing_ids_of_a_join_name_the_option(two_files):
    Path("missing.csv").write_text("clip,v_0\nclip 1,1\nNA,2\n")
    with pytest.raises(ValueError, match=r"--join: missing\.csv: .*--keep-na reads words"):
        read_inputs(None, replace(JOINED, x2="missing.csv:v_"))


def test_no_block_takes_the_labels_for_features(tmp_path, capsys):
    columns = {"ant": [1.0] * 8, "age": [2.0] * 8, "answer": [0, 1] * 4, "id": range(8), "bee": [1.0] * 8}
    rows = [columns, *zip(*columns.values(), strict=True)]
    (tmp_path / "data.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    for first, second, ids, error in (
        ("a", "bee", "id", "--x1: expected columns that no other option uses, got answer, also in --labels"),
        ("bee", "an", "id", "--x2: expected columns that no other option uses, got answer, also in --labels"),
        ("bee", "i", "id", "--x2: expected columns that no other option uses, got id, also in --ids"),
        ("ant", "an", "id", "--x1: expected columns that no other option uses, got ant, also in --x2"),
    ):
        words = ["--x1", first, "--x2", second, "--labels", "answer", "--ids", ids, "--out", str(tmp_path / "out")]
        assert main(["estimate", str(tmp_path / "data.csv"), *words]) == 1
        assert error in capsys.readouterr().err
