"""What a run prints."""

from pathlib import Path

import pytest

from lsmi_jax.cli._options import OutputOptions
from lsmi_jax.cli._results import print_summary

ENTRY = {"mean": 0.25, "standard_error": 0.025, "lower": 0.2, "upper": 0.3}
SYMBOLS = ("R", "U1", "U2", "S", "I1", "I2", "I12")


def summary(shift):
    adjusted = {symbol: ENTRY | {"mean": 0.25 + shift, "set_to_zero": symbol == "U2"} for symbol in ("R", "U1", "S")}
    adjusted["U2"] = {"mean": 0.0, "set_to_zero": shift != 0}
    overall = dict.fromkeys(SYMBOLS, ENTRY) | {"samples": 80, "shift": shift, "adjusted": adjusted}
    return {"means": {"overall": overall}, "errors_include_fit": True, "findings": ["S is odd."]}


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_means_errors_and_intervals_are_printed_and_shifted_means_where_there_is_a_shift(shift, capsys):
    print_summary(OutputOptions(Path("out")), summary(shift), ["A note."])
    heading, header, *others = capsys.readouterr().out.splitlines()
    assert heading == "80 samples: means in nats, 95% intervals"
    assert header.split() == ["mean", "error", "interval", *(["shifted", "mean"] if shift else [])]
    table = {line.split()[0]: line.split() for line in others[: len(SYMBOLS)]}
    assert tuple(table) == SYMBOLS
    mean = ["+0.250", "0.025", "+0.200", "to", "+0.300"]
    assert table["R"][2:] == mean + (["+0.750"] if shift else [])
    assert table["I12"][-5:] == mean
    assert any("set to 0" in line for line in others) == (shift > 0)
    assert any("+0.500 added to R and S" in line for line in others) == (shift > 0)
    assert others[len(SYMBOLS)] == "Note: A note."
    assert others[-2:] == ["Note: S is odd.", "Wrote samples.parquet, summary.json and report.html to out."]
    assert all(line == line.rstrip() for line in (heading, header, *others))


def test_means_over_no_sample_are_unknown(capsys):
    empty = {"mean": None, "standard_error": None, "lower": None, "upper": None, "set_to_zero": False}
    overall = dict.fromkeys(SYMBOLS, empty) | {"samples": 0, "shift": None}
    overall["adjusted"] = dict.fromkeys(SYMBOLS[:4], empty)
    print_summary(OutputOptions(Path("out")), summary(0.0) | {"means": {"overall": overall}}, [])
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("R "))
    assert line.split()[2:] == ["unknown", "unknown", "unknown"]
