import re
import sys

import pytest

import lsmi_jax
from lsmi_jax.__main__ import main
from lsmi_jax.cli import _app, _commands


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["estimate", "data.npz"], "missing --labels, --out: give it here or in the file of --config"),
        (["compare", "one"], "missing SECOND"),
        (["nonsense"], 'Unknown command "nonsense". Available commands: estimate, score, compare, demo, info.'),
        (["info", "--debgu"], "Unknown option: --debgu. Did you mean --debug?"),
    ],
)
def test_usage_errors_are_one_line_and_status_2(words, error, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"lsmi-jax: {error}")
    assert printed.count("\n") == 1


def test_unexpected_errors_are_one_line_too(monkeypatch, capsys):
    def out_of_memory():
        raise RuntimeError("RESOURCE_EXHAUSTED:\n out of memory")

    monkeypatch.setattr(_commands, "versions", out_of_memory)
    assert main(["info"]) == 1
    expected = "lsmi-jax: RuntimeError: RESOURCE_EXHAUSTED: out of memory (--debug shows where it comes from)\n"
    assert capsys.readouterr().err == expected
    with pytest.raises(RuntimeError):
        main(["info", "--debug"])


def test_help_and_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"lsmi-jax {lsmi_jax.__version__}\n"
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    for command in ("estimate", "score", "compare", "demo", "info"):
        assert command in printed


def test_without_cyclopts_one_line_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cyclopts", None)
    assert main(["info"]) == 1
    assert capsys.readouterr().err == "lsmi-jax: the command line needs cyclopts: pip install '.[cli]' in a checkout\n"


@pytest.mark.parametrize("command", ["estimate", "score", "compare", "demo", "info"])
def test_every_option_has_a_help_text(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    names = {argument.name for argument in _app._make_app()[command].assemble_argument_collection()} - {"*"}
    assert "--debug" in names
    assert main([command, "--help"]) == 0
    rows = [re.split(r"\s{2,}", line.strip("│ *")) for line in capsys.readouterr().out.splitlines() if "│" in line]
    helps = {cells[0].split()[0]: cells[1:] for cells in rows}
    assert names <= set(helps)
    for name in names:
        assert len(helps[name]) == 1, name
        assert re.search(r"\w{3}", helps[name][0]), name
