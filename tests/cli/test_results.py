"""What a run prints."""

from pathlib import Path

import pytest

from lsmi_jax.cli._options import OutputOptions
from lsmi_jax.cli._results import print_summary

ENTRY = {"mean": 0.25, "lower": 0.2, "upper": 0.3}


def summary(shift):
    adjusted = {symbol: ENTRY | {"mean": 0.25 + shift, "set_to_zero": symbol == "U2"} for symbol in ("R", "U1", "S")}
    adjusted["U2"] = {"mean": 0.0, "set_to_zero": shift != 0}
    overall = dict.fromkeys(("R", "U1", "U2", "S"), ENTRY) | {"shift": shift, "adjusted": adjusted}
    return {"means": {"overall": overall}, "errors_include_fit": True, "findings": ["S is odd."]}


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_shifted_means_are_printed_where_there_is_a_shift(shift, capsys):
    print_summary(OutputOptions(Path("out")), summary(shift), ["A note."])
    heading, first, *others = capsys.readouterr().out.splitlines()
    assert heading.startswith("mean interactions in nats (95% interval)")
    assert first.startswith("  R  +0.250 (+0.200 to +0.300)")
    assert ("shifted by +0.500" in heading) == ("+0.750" in first) == (shift > 0)
    assert any("set to 0" in line for line in others) == (shift > 0)
    assert others[-3:] == [
        "note: A note.",
        "note: S is odd.",
        "Wrote samples.parquet, summary.json and report.html to out.",
    ]
    assert all(line == line.rstrip() for line in (heading, first, *others))


def test_means_over_no_sample_are_unknown(capsys):
    empty = {"mean": None, "lower": None, "upper": None, "set_to_zero": False}
    overall = dict.fromkeys(("R", "U1", "U2", "S"), empty) | {"shift": None}
    overall["adjusted"] = dict.fromkeys(("R", "U1", "U2", "S"), empty)
    print_summary(OutputOptions(Path("out")), summary(0.0) | {"means": {"overall": overall}}, [])
    assert "  R  unknown (unknown)" in capsys.readouterr().out
