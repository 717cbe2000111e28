import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from lsmi_jax.__main__ import main
from lsmi_jax.cli._process import alone_in

RESUME = "lsmi-jax: interrupted; --resume continues from the last finished stage\n"
HEADER = """if True:
    import os, pathlib, sys, time
    from lsmi_jax.__main__ import main
    from lsmi_jax.cli import _demo
    out = pathlib.Path(sys.argv[-1])
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")


def interrupted(process, *, times=1):
    """Sends SIGINT, once or more, and returns what the process prints to the standard error, and its last seconds."""
    began = time.monotonic()
    for _ in range(times):
        process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    return error, time.monotonic() - began


def start(words):
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, *words], stdout=pipe, stderr=pipe, text=True)


@pytest.mark.parametrize("times", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_ctrl_c_ends_a_process_that_computes_at_once(times, tmp_path):
    """XLA does not return to Python for minutes here, and never looks at signals."""
    program = f"""{HEADER}
    import jax

    def compute(*_, **__):
        out.mkdir(exist_ok=True)
        (out / "stage.npz.incomplete").touch()
        (out / "estimator.incomplete").mkdir()
        (out / "estimator.incomplete" / "about.json").touch()
        (out / "stage.npz").touch()
        loop = jax.jit(lambda: jax.lax.while_loop(lambda x: x >= 0, lambda x: (x + 1) % 7, 0)).lower().compile()
        print("at work", flush=True)
        loop().block_until_ready()

    _demo.run_demo = compute
    sys.exit(main())
    """
    out = tmp_path / "results"
    with start(["-c", program, "demo", "--out", str(out)]) as process:
        assert process.stdout.readline() == "at work\n"
        time.sleep(0.5)
        error, seconds = interrupted(process, times=times)
    assert process.returncode == 130
    assert error == "lsmi-jax: interrupted\n"
    assert seconds < 5
    assert sorted(path.name for path in out.iterdir()) == [".lock", "stage.npz"]


@pytest.mark.slow
def test_ctrl_c_while_files_are_written_leaves_none_half_written(tmp_path):
    program = f"""{HEADER}
    from lsmi_jax.storage import write_atomic

    def write(*_, **__):
        out.mkdir(exist_ok=True)
        print("at work", flush=True)
        while True:
            for number in range(50):
                write_atomic(out / f"{{number}}.npz", lambda file: file.write(bytes(10**5)))

    _demo.run_demo = write
    sys.exit(main())
    """
    out = tmp_path / "results"
    for seconds in (0.2, 0.33):
        with start(["-c", program, "demo", "--out", str(out)]) as process:
            assert process.stdout.readline() == "at work\n"
            time.sleep(seconds)
            error, _ = interrupted(process)
        assert (process.returncode, error) == (130, "lsmi-jax: interrupted\n")
        (out / ".lock").unlink()
        for path in out.iterdir():
            assert path.suffix == ".npz"
            assert path.stat().st_size == 10**5
            path.unlink()
        out.rmdir()


@pytest.mark.slow
def test_ctrl_c_during_an_estimate_keeps_finished_stages(arrays, named, tmp_path):
    np.savez(tmp_path / "data.npz", **arrays)
    out = tmp_path / "out"
    words = ["-m", "lsmi_jax", "estimate", str(tmp_path / "data.npz"), *named, "--num-folds", "2", "--out", str(out)]
    with start(words) as process:
        until = time.monotonic() + 300
        while not list(out.glob(".stages/folds/*.npz")) and time.monotonic() < until:
            time.sleep(0.05)
        error, seconds = interrupted(process)
    assert (process.returncode, error) == (130, RESUME)
    assert seconds < 5
    assert list(out.glob(".stages/folds/*.npz"))
    assert not list(out.rglob("*.incomplete"))


@pytest.mark.slow
def test_ctrl_c_clears_the_progress_bar_and_shows_the_cursor(tmp_path):
    program = f"""{HEADER}
    from lsmi_jax.cli._progress import stage_bar

    def wait(*_, **__):
        with stage_bar(["waiting"]) as begin:
            begin("waiting")
            time.sleep(0.3)
            os.write(1, b"at work\\n")  # Rich redirects print
            time.sleep(60)

    _demo.run_demo = wait
    sys.exit(main())
    """
    terminal, end = os.openpty()
    words = [sys.executable, "-c", program, "demo", "--out", str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=end, env=os.environ | {"TERM": "xterm"}) as process:
        os.close(end)
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
    seen = b""
    with contextlib.suppress(OSError):  # Linux raises when the other end is closed
        while more := os.read(terminal, 4096):
            seen += more
    os.close(terminal)
    assert b"1 of 1: waiting" in seen
    assert seen.endswith(b"\r\x1b[2K\x1b[?25hlsmi-jax: interrupted\r\n")


@pytest.mark.slow
def test_ctrl_c_while_libraries_are_imported_is_one_line():
    program = """if True:
        import builtins, sys, time
        from lsmi_jax.__main__ import main

        def slow(name, *words, real=builtins.__import__):
            if name == "cyclopts":
                print("at work", flush=True)
                time.sleep(60)
            return real(name, *words)

        builtins.__import__ = slow
        sys.exit(main())
    """
    with start(["-c", program, "info"]) as process:
        assert process.stdout.readline() == "at work\n"
        error, seconds = interrupted(process)
    assert (process.returncode, error) == (130, "lsmi-jax: interrupted\n")
    assert seconds < 5


def test_handlers_are_restored(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["lsmi-jax", "info"])
    before = signal.getsignal(signal.SIGINT), threading.active_count()
    assert main() == 0
    assert (signal.getsignal(signal.SIGINT), threading.active_count()) == before
    assert signal.set_wakeup_fd(-1) == -1
    assert "jaxlib" in capsys.readouterr().out


def test_a_caller_in_python_keeps_its_own_handler(monkeypatch):
    def press(*_):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)

    monkeypatch.setattr("lsmi_jax.cli._commands.versions", press)
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore SIGINT in background jobs
    try:
        with pytest.raises(KeyboardInterrupt):
            main(["info"])
    finally:
        signal.signal(signal.SIGINT, previous)


def test_it_runs_outside_the_main_thread(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["lsmi-jax", "info"])
    statuses = []
    thread = threading.Thread(target=lambda: statuses.append(main()))
    thread.start()
    thread.join()
    assert statuses == [0]
    assert "jaxlib" in capsys.readouterr().out


@pytest.mark.parametrize("more", [[], ["--resume"], ["--seed", "3"]])
def test_two_runs_do_not_share_a_folder(more, named, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["estimate", str(tmp_path / "data.npz"), *named, "--out", str(out)]
    with alone_in(out):
        assert main([*words, *more]) == 1
        error = capsys.readouterr().err
        assert error.startswith("lsmi-jax: --out: expected a folder that no other run is using, got ")
        assert error.count("\n") == 1
    assert main(words) == 1
    assert "data.npz: no such file" in capsys.readouterr().err
    assert not out.exists()  # nothing is left of a run that had nothing to write


def test_the_lock_of_a_killed_run_is_free(tmp_path):
    program = f"""{HEADER}
    from lsmi_jax.cli._process import alone_in

    with alone_in(out):
        print("at work", flush=True)
        import time
        time.sleep(600)
    """
    out = tmp_path / "out"
    with start(["-c", program, "--out", str(out)]) as process:
        assert process.stdout.readline() == "at work\n"
        with pytest.raises(FileExistsError, match=r"^out: "), alone_in(out):
            pass
        process.kill()
        process.wait()
    with alone_in(out):
        pass
