from pathlib import Path

import numpy as np
import pytest

from lsmi_jax import CommonChange, MinimumInformation, SharedExclusions, SpecificityAmbiguity, UnionInformation
from lsmi_jax.__main__ import main
from lsmi_jax.cli import _commands
from lsmi_jax.cli._options import RedundancyOptions, option, plain
from lsmi_jax.decomposition import REDUNDANCIES

NEEDED = ["--x1", "a", "--x2", "b", "--labels", "y", "--out", "o"]
PAPER = ["--redundancy", "specificity_ambiguity"]


@pytest.fixture
def received(monkeypatch, tmp_path):
    """Runs ``estimate`` up to the reading of data, and returns the options it received."""
    monkeypatch.chdir(tmp_path)  # the folder of results is made first

    def receive(*words):
        caught = []

        def stop(data, options, **_):
            caught.append(options)
            raise OSError("stopped")

        monkeypatch.setattr(_commands, "read_inputs", stop)
        monkeypatch.setattr(_commands, "check_libraries", lambda name, **_: caught.append(name))
        assert main(["estimate", "data.npz", *words]) == 1
        return caught

    return receive


def refused(words, capsys):
    """The message of a usage error."""
    with pytest.raises(SystemExit) as stop:
        main(["estimate", "data.npz", *words])
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_the_shell_takes_precedence_over_the_file(tmp_path, received):
    path = tmp_path / "options.toml"
    path.write_text('x1 = "audio"\nx2 = "video"\nlabels = "y"\nout = "there"\nformat = "csv"\nmeans-by = ["a", "b"]\n')
    table_format, inputs = received("--config", str(path), "--x2", "text")
    assert (inputs.x1, inputs.x2, inputs.labels, inputs.means_by, table_format) == (
        "audio",
        "text",
        "y",
        ["a", "b"],
        "csv",
    )


@pytest.mark.parametrize("spelling", ["num-folds", "num_folds"])
def test_a_file_may_have_dashes_or_underscores(spelling, tmp_path, monkeypatch, capsys):
    path = tmp_path / "options.toml"
    path.write_text(f'{spelling} = 1\nredundancy = "specificity_ambiguity"\ncovariance = 3\nlogits = ["a", "b", "c"]\n')
    seen = {}

    def stop(*words, **options):
        seen.update(options)
        raise ValueError("num_folds: expected at least 2, got 1")

    monkeypatch.setattr(_commands.lsmi_jax, "estimate", stop)
    monkeypatch.setattr(_commands, "read_inputs", lambda data, options, **_: _Arrays())
    assert main(["estimate", "data.npz", *NEEDED[:-1], str(tmp_path / "out"), "--config", str(path)]) == 1
    assert capsys.readouterr().err == "lsmi-jax: --num-folds: expected at least 2, got 1\n"
    assert seen["num_folds"] == 1
    assert seen["redundancy"] == SpecificityAmbiguity(covariance=3)


class _Arrays:
    features, labels = None, np.array(["a", "b"])
    logits = probabilities = groups = weights = None
    num_modalities = 2


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("color = 1", "--config: expected options of this command, got 'color'"),
        ("num-fold = 1", "(did you mean num-folds?)"),
        ('config = "x"', "--config: expected options of this command, got 'config'"),
        ('format = "x"', 'Choose from: "parquet", "csv"'),
        ('num-folds = "a"', "expected num-folds to be a whole number, got 'a'"),
        ("num-folds = 2.5", "expected num-folds to be a whole number, got 2.5"),
        ("num_seeds = true", "expected num-seeds to be a whole number, got True"),
        ('means_by = "speaker"', "expected means-by to be names in brackets, got 'speaker'"),
        ('logits = "a"', "expected logits to be names in brackets, got 'a'"),
        ('logits = ["a", "b"]', "--logits: expected 3 names, of each modality, of each pair, and of all, got 2"),
        ("resume = 1", "expected resume to be true or false, got 1"),
        ("x1 = 3", "expected x1 to be a string, got 3"),
        ("out = 3", "expected out to be a string, got 3"),
        ("covariance = 0.5", "expected covariance to be a whole number or a string, got 0.5"),
        ("nonsense", "--config: expected a TOML file"),
    ],
)
def test_wrong_values_of_a_file_are_named(text, error, tmp_path, capsys):
    path = tmp_path / "options.toml"
    path.write_text(text)
    assert error in refused([*NEEDED, "--config", str(path)], capsys)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--config", "none.toml"], "--config: expected a TOML file, got none.toml"),
        (["--num-folds", "2.5"], "Invalid value for --num-folds: expected a whole number, got '2.5'"),
        (["--num-fold", "2"], "Unknown option: --num-fold. Did you mean --num-folds?"),
        (["--logits", "a", "b"], "--logits: expected 3 names, of each modality, of each pair, and of all, got 2"),
        (["--format", "xlsx"], 'Choose from: "parquet", "csv"'),
        (["--redundancy", "minimum_infomation"], 'Did you mean "minimum_information"?'),
        ([*PAPER, "--covariance", "round"], '--covariance: expected "full", "diagonal" or a positive rank'),
        ([*PAPER, "--num-components", "0"], "--num-components: expected at least 1, got 0"),
        (["--seed", "-1"], "--seed: expected a seed from 0 to 4294967295, got -1"),
        (["--seed", "4294967296"], "--seed: expected a seed from 0 to 4294967295, got 4294967296"),
        (["--max-bytes", "0"], "--max-bytes: expected at least 1 byte, got 0"),
        (["--ids", ""], "--ids: expected a name, got an empty one"),
        (["--means-by", "a", "--means-by", ""], "--means-by: expected a name, got an empty one"),
        (["--logits", "a", "", "b"], "--logits: expected a name, got an empty one"),
        (["--num-cells", "3"], "--num-cells: expected a positive even number, got 3"),
        (
            ["--covariance", "full"],
            "--covariance: not an option of union_information, only of specificity_ambiguity and shared_exclusions",
        ),
    ],
)
def test_wrong_values_in_the_shell_are_named(words, error, capsys):
    assert error in refused([*NEEDED, *words], capsys)


def test_redundancies_come_from_one_table():
    for name, kind in REDUNDANCIES.items():
        assert RedundancyOptions(redundancy=name).build() == kind()
        assert plain(redundancy=kind())["redundancy"] == name
    assert RedundancyOptions().build() == UnionInformation()
    assert RedundancyOptions(num_cells=64).build() == UnionInformation(num_cells=64)


def test_the_options_of_a_fitted_redundancy_are_kept():
    fitted = SpecificityAmbiguity(num_components=4)
    assert RedundancyOptions().build(fitted) == fitted
    assert RedundancyOptions(redundancy="shared_exclusions").build(fitted) == SharedExclusions(num_components=4)
    assert RedundancyOptions(redundancy="minimum_information").build(fitted) == MinimumInformation()
    assert RedundancyOptions(redundancy="common_change").build(MinimumInformation()) == CommonChange()


def test_arguments_have_the_names_of_options_in_messages():
    for argument, name in (("num_folds", "--num-folds"), ("features[1]", "--x2"), ("path", "--estimator")):
        assert option(argument) == name
    assert option("disk") == "disk"


def test_options_become_json():
    assert plain(out=Path("a"), redundancy=SharedExclusions(covariance=2)) == {
        "out": "a",
        "redundancy": "shared_exclusions",
        "num_components": 16,
        "covariance": 2,
    }
