import io
import time
from types import SimpleNamespace

import pytest

from lsmi_jax.storage import _progress_line, shown


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(_progress_line, "sys", SimpleNamespace(stderr=stream))  # pytest replaces sys.stderr itself
    return stream


def test_a_function_or_none_is_passed_on():
    seen = []
    with shown(seen.append) as begin:
        begin("fit")
    with shown(None) as nothing:
        assert nothing is None
    assert seen == ["fit"]


def test_nobody_watches_a_pipe():
    with shown("auto") as begin:
        assert begin is None


def test_short_work_shows_nothing(terminal):
    with shown("auto") as begin:
        begin("first discriminator")
    assert terminal.getvalue() == ""


def test_long_work_shows_its_stage_and_clears_the_line(terminal, monkeypatch):
    monkeypatch.setattr(_progress_line, "DELAY", 0.05)
    with shown("auto") as begin:
        begin("first discriminator")
        for _ in range(100):
            if terminal.getvalue():
                break
            time.sleep(0.05)
        begin("scores")
    lines = terminal.getvalue().split("\r")[1:]
    assert [line.strip() for line in lines] == ["lsmi_jax: first discriminator ...", "lsmi_jax: scores ...", "", ""]
    assert len(lines[1]) == len(lines[0])  # blanks cover the longer line


def test_an_error_clears_the_line_too(terminal, monkeypatch):
    monkeypatch.setattr(_progress_line, "DELAY", 0.0)

    def fail():
        with shown("auto") as begin:
            time.sleep(0.2)
            begin("scores")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert terminal.getvalue().endswith("\r")


def test_something_else_is_named():
    message = "progress: expected a function of a stage's name, 'auto' or None, got True"
    with pytest.raises(TypeError, match=message), shown(True):
        pytest.fail("not reached")
