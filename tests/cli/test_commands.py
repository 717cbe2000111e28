import contextlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import zlib

import jax
import numpy as np
import pytest
from lsmi_jax.cli.reading import block, read

import lsmi_jax
from lsmi_jax.__main__ import main
from lsmi_jax.cli import commands, comparison, interrupt, page, pictures, progress

NUM_ROWS = 72
NAMED = ["--x1", "audio", "--x2", "video", "--labels", "y"]


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    labels = np.arange(NUM_ROWS) % 3
    return {
        "audio": (rng.normal(size=(NUM_ROWS, 2)) + labels[:, None]).astype(np.float32),
        "video": (rng.normal(size=(NUM_ROWS, 3)) + labels[:, None]).astype(np.float32),
        "y": np.array(["cat", "<dog>", "eel"])[labels],
        "clip": np.array([f"clip {row}" for row in range(NUM_ROWS)]),
        "speaker": np.arange(NUM_ROWS) % 2,
        "frame": rng.integers(0, 255, size=(NUM_ROWS, 4, 5)).astype(np.uint8),
    }


@pytest.fixture(scope="module")
def results(arrays, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    np.savez(folder / "data.npz", **arrays)
    extra = ["--ids", "clip", "--group", "speaker", "--image", "frame", "--folds", "2", "--save-estimator"]
    assert main(["estimate", str(folder / "data.npz"), *NAMED, *extra, "--out", str(folder / "out")]) == 0
    return folder


def test_samples_hold_what_estimate_returns(results, arrays):
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(results / "out" / "samples.parquet")
    labels, _ = lsmi_jax.encode_labels(arrays["y"])
    expected = lsmi_jax.estimate(jax.random.key(0), (arrays["audio"], arrays["video"]), labels, num_folds=2)
    assert list(table["id"]) == list(arrays["clip"])
    assert list(table["label"]) == list(arrays["y"])
    assert list(table["speaker"]) == list(arrays["speaker"])
    for name, part in zip(("r", "u1", "u2", "s"), expected.interactions, strict=True):
        np.testing.assert_array_equal(table[name], part)
    for name, part in zip(
        ("r_adjusted", "i12", "h1"),
        (expected.adjusted[0], *expected.information[2:], expected.surprisal[0]),
        strict=True,
    ):
        np.testing.assert_array_equal(table[name], part)


def test_the_summary_says_what_the_numbers_follow_from(results):
    summary = json.loads((results / "out" / "summary.json").read_text())
    assert set(summary["means"]) == {"overall", "classes", "groups"}
    assert set(summary["means"]["groups"]["speaker"]) == {"0", "1"}
    assert set(summary["means"]["classes"]) == {"cat", "<dog>", "eel"}
    overall = summary["means"]["overall"]
    assert overall["samples"] == NUM_ROWS
    assert overall["R"]["lower"] <= overall["R"]["mean"] <= overall["R"]["upper"]
    assert overall["adjusted"]["S"]["mean"] >= 0
    assert summary["options"]["folds"] == 2
    assert len(summary["data"]["sha256"]) == 64
    assert summary["versions"]["lsmi-jax"] == lsmi_jax.__version__


def test_the_page_needs_no_network_and_escapes_names(results):
    text = (results / "out" / "report.html").read_text()
    assert "&lt;dog&gt;" in text
    assert "<dog>" not in text
    assert "http" not in text
    assert text.count("data:image/png;base64,") == 4 * page.NUM_TOP
    assert "<h2>By class</h2>" in text
    assert "<h2>By speaker</h2>" in text
    assert "prefers-color-scheme: dark" in text


MEASURE = """<script>document.title = JSON.stringify({
  window: innerWidth, page: document.documentElement.scrollWidth,
  pictures: [...document.images].filter(image => image.naturalWidth > 0).length,
  text: document.body.innerText.length, colour: getComputedStyle(document.body).backgroundColor})</script>"""


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_fits_a_desktop_and_a_phone_by_day_and_by_night(results, width, dark, tmp_path):
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("neither Chromium nor Chrome is there")
    page = tmp_path / "report.html"
    page.write_text((results / "out" / "report.html").read_text() + MEASURE)
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    options += [f"--window-size={width},900", f"--blink-settings=preferredColorScheme={int(not dark)}"]
    command = [browser, *options, "--disable-background-networking", "--dump-dom", page.as_uri()]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    seen = json.loads(re.search(r"<title>(.*?)</title>", printed).group(1))
    assert seen["page"] <= seen["window"]
    assert seen["pictures"] == 4 * 8  # eight thumbnails a part
    assert seen["text"] > 1000
    brightness = np.mean([int(value) for value in re.findall(r"\d+", seen["colour"])[:3]])
    assert (brightness < 128) == dark


def test_nothing_is_left_behind(results):
    names = sorted(path.name for path in (results / "out").iterdir())
    assert names == ["estimator", "report.html", "samples.parquet", "summary.json"]


def test_score_and_compare(results, arrays, capsys):
    some = {name: array[:10] for name, array in arrays.items()}
    np.savez(results / "some.npz", **some)
    arguments = ["score", str(results / "some.npz"), "--estimator", str(results / "out" / "estimator"), *NAMED]
    assert main([*arguments, "--ids", "clip", "--format", "csv", "--out", str(results / "scored")]) == 0
    header, *rows = (results / "scored" / "samples.csv").read_text().splitlines()
    assert header.startswith("id,label,r,u1,u2,s,r_adjusted")
    assert [row.split(",")[0] for row in rows] == list(some["clip"])
    capsys.readouterr()
    assert main(["compare", str(results / "out"), str(results / "scored")]) == 0
    assert capsys.readouterr().out.startswith(f"10 samples in both, of {NUM_ROWS} and 10")
    assert main([*arguments, "--out", str(results / "unnamed")]) == 0
    capsys.readouterr()
    assert main(["compare", str(results / "unnamed"), str(results / "scored")]) == 0  # 0 to 9, and clip 0 to clip 9
    printed = capsys.readouterr().out
    assert printed.startswith("no samples known to be in both")
    assert printed.count("+0.000 (") == 4
    assert "unpaired" in printed
    assert comparison.compare(results / "unnamed", results / "unnamed")[0].startswith("10 samples in both")
    other = shutil.copytree(results / "unnamed", results / "other")
    text = (other / "summary.json").read_text()
    (other / "summary.json").write_text(re.sub(r'"sha256": "..', '"sha256": "xx', text))
    assert comparison.compare(results / "unnamed", other)[0].startswith("no samples known to be in both")
    assert main(["compare", str(results / "out"), str(results)]) == 1
    assert "expected a folder of results, got one without summary.json" in capsys.readouterr().err
    arguments[3] = str(results / "nowhere")
    assert main([*arguments, "--out", str(results / "no")]) == 1
    assert "--estimator: expected a folder that --save-estimator made" in capsys.readouterr().err
    arguments[3] = str(results / "out" / "estimator")
    np.savez(results / "other.npz", **some | {"y": np.array(["yak"] * 10)})
    arguments[1] = str(results / "other.npz")
    assert main([*arguments, "--out", str(results / "no")]) == 1
    assert "--labels: expected those the estimator was fitted on, got yak" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["npy", "safetensors", "parquet", "csv"])
def test_every_kind_of_file_gives_the_same_arrays(kind, arrays, tmp_path):
    numbers = {name: arrays[name] for name in ("audio", "video", "speaker")}
    path = tmp_path / f"data.{kind}"
    if kind == "npy":
        path = tmp_path
        for name, array in numbers.items():
            np.save(path / f"{name}.npy", array)
    elif kind == "safetensors":
        pytest.importorskip("safetensors.numpy").save_file(numbers, path)
    else:
        pandas = pytest.importorskip("pandas")
        columns = {
            f"{name}_{d}": numbers[name][:, d] for name in ("audio", "video") for d in range(numbers[name].shape[1])
        }
        table = pandas.DataFrame(columns | {"speaker": numbers["speaker"], "y": arrays["y"]})
        table.to_csv(path, index=False) if kind == "csv" else table.to_parquet(path)
        assert list(read(path)["y"]) == list(arrays["y"])
    columns = read(path)
    for name in ("audio", "video"):
        prefix = f"{name}_" if kind in ("parquet", "csv") else name
        np.testing.assert_allclose(block(columns, prefix, "--x1"), numbers[name], rtol=1e-6)
    np.testing.assert_array_equal(columns["speaker"], numbers["speaker"])


def test_a_parquet_column_of_lists_is_a_block(arrays, tmp_path):
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame({"audio": list(arrays["audio"])}).to_parquet(tmp_path / "data.parquet")
    np.testing.assert_array_equal(block(read(tmp_path / "data.parquet"), "audio", "--x1"), arrays["audio"])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["nowhere.npz", *NAMED], "nowhere.npz: no such file or folder"),
        (["data.npz", "--x1", "smell", *NAMED[2:]], "--x1: expected one of audio, video, y"),
        (["data.npz", *NAMED[:4], "--labels", "nothing"], "--labels: expected one of"),
        (["data.npz", *NAMED, "--ids", "short"], "--ids: expected 72 values, as many as samples, got short"),
        (["data.txt", *NAMED], "expected .npz, .safetensors, .parquet, .csv, or a folder of .npy, got .txt"),
        (["objects.npz", *NAMED], "objects.npz: expected a .npz file of numbers or strings, got objects"),
        (["text.npz", *NAMED], "text.npz: expected a .npz file of numbers or strings, got something else"),
        (["text.safetensors", *NAMED], "text.safetensors: expected a .safetensors file, got something else"),
        (["text.csv", *NAMED], "text.csv: expected a .csv file, got something else (No columns to parse"),
        (["data.npz", *NAMED[:2], "--x2", "vidio", *NAMED[4:]], "got 'vidio'"),
        (["data.npz", *NAMED[:2], "--x2", "vidio", *NAMED[4:]], "(did you mean video?)"),
        (["data.npz", "--x1", "clip", *NAMED[2:]], "--x1: expected numbers, got clip of text"),
        (["data.npz", "--x1", "holes", *NAMED[2:]], "--x1: expected finite float32 values, got NaN or inf in 1 of 72"),
        (["data.npz", "--x1", "short", *NAMED[2:]], "--x1, --x2: expected blocks of one length, got 3 and 72 rows"),
        (["data.npz", *NAMED, "--image", "audio"], "--image: expected names of files [n], or pixels [n, h, w]"),
        (["data.npz", *NAMED, "--image", "speaker"], "--image: expected names of files [n], or pixels [n, h, w]"),
        (["data.npz", *NAMED, "--group", "s_spread"], "--group: expected a name that no column of the results has"),
        (["data.npz", *NAMED, "--folds", "40"], "--labels: expected at least 40 samples of every class for --folds 40"),
    ],
)
def test_errors_are_one_line_that_says_what_to_change(arguments, error, arrays, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", **arrays, short=np.arange(3), holes=np.where(np.arange(NUM_ROWS) == 5, np.nan, 1.0))
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "text.csv").touch()
    (tmp_path / "text.safetensors").write_text("no tensors")
    np.savez("objects.npz", y=np.array([{}], dtype=object))
    (tmp_path / "data.txt").touch()
    assert main(["estimate", *arguments, "--out", "out"]) == 1
    printed = capsys.readouterr()
    assert error in printed.err
    assert printed.err.startswith("lsmi-jax: ")
    assert printed.err.count("\n") == 1
    assert not list(tmp_path.glob("out/s*"))
    with pytest.raises((ValueError, OSError)):
        main(["estimate", *arguments, "--out", "out", "--debug"])


def test_no_block_takes_the_labels_for_features(tmp_path, capsys):
    columns = {"ant": [1.0] * 8, "age": [2.0] * 8, "answer": [0, 1] * 4, "id": range(8), "bee": [1.0] * 8}
    rows = [columns, *zip(*columns.values(), strict=True)]
    (tmp_path / "data.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    for first, second, ids, error in (
        ("a", "bee", "id", "--x1: expected columns of its own, got answer, which --labels takes too"),
        ("bee", "an", "id", "--x2: expected columns of its own, got answer, which --labels takes too"),
        ("bee", "i", "id", "--x2: expected columns of its own, got id, which --ids takes too"),
        ("ant", "an", "id", "--x1: expected columns of its own, got ant, which --x2 takes too"),
    ):
        words = ["--x1", first, "--x2", second, "--labels", "answer", "--ids", ids, "--out", str(tmp_path / "out")]
        assert main(["estimate", str(tmp_path / "data.csv"), *words]) == 1
        assert error in capsys.readouterr().err


def test_wrong_words_are_status_2(tmp_path, capsys):
    for arguments, error in (
        (["estimate", "data.npz"], "missing --x1, --x2, --labels, --out"),
        (["score", "data.npz", *NAMED, "--out", "there"], "missing --estimator"),
        (["estimate", "data.npz", "--entropy-space", "nowhere"], "invalid choice"),
        (["nonsense"], "invalid choice"),
        (["estimate", "data.npz", "--config", str(tmp_path / "none.toml")], "--config: expected a TOML file"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2
        assert error in capsys.readouterr().err


def test_a_file_of_options_gives_way_to_the_shell(tmp_path, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(commands, "run", seen.append)
    path = tmp_path / "options.toml"
    path.write_text('x1 = "audio"\nx2 = "video"\nlabels = "y"\nout = "there"\nfolds = 7\nentropy-space = "features"\n')
    assert main(["estimate", "data.npz", "--config", str(path), "--folds", "3"]) == 0
    (options,) = seen
    assert (options.x1, options.folds, options.entropy_space, str(options.out)) == ("audio", 3, "features", "there")
    for text, error in (
        ("colour = 1", "got 'colour'"),
        ('entropy-space = "x"', "one of posterior"),
        ('folds = "a"', "expected folds to be a whole number, got 'a'"),
        ("folds = 2.5", "expected folds to be a whole number, got 2.5"),
        ('group = "speaker"', "expected group to be names in brackets, got 'speaker'"),
        ('logits = ["a", "b"]', "expected logits to be three names in brackets"),
        ("resume = 1", "expected resume to be true or false, got 1"),
        ("x1 = 3", "expected x1 to be a string, got 3"),
    ):
        path.write_text(text)
        with pytest.raises(SystemExit):
            main(["estimate", "data.npz", "--config", str(path)])
        assert error in capsys.readouterr().err


def test_an_interrupted_run_goes_on(arrays, tmp_path, monkeypatch, capsys):
    np.savez(tmp_path / "data.npz", **arrays)
    arguments = ["estimate", str(tmp_path / "data.npz"), *NAMED, "--folds", "2", "--out", str(tmp_path / "out")]

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(commands, "_write", interrupted)
        assert main(arguments) == 130
    assert "--resume goes on" in capsys.readouterr().err
    stages = tmp_path / "out" / ".stages" / "folds"
    kept = {path.name: path.stat().st_mtime_ns for path in stages.glob("*.npz")}
    assert len(kept) == 5
    with monkeypatch.context() as patch:
        patch.setattr(commands, "_write", interrupted)
        assert main([*arguments, "--resume"]) == 130
    assert kept == {path.name: path.stat().st_mtime_ns for path in stages.glob("*.npz")}


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("moment", ["starting", "waiting"])
def test_an_interrupt_of_what_does_not_listen_ends_the_process_at_once(moment, tmp_path):
    program = f"""if True:
        import pathlib, sys, threading, time
        from lsmi_jax.__main__ import main
        from lsmi_jax.cli import commands, interrupt
        half = pathlib.Path({str(tmp_path)!r}, "results", "stage.npz.incomplete")

        class SlowToStart(threading.Thread):
            def start(self):
                super().start()
                time.sleep(60)

        def deaf():  # as a thread in XLA is
            half.parent.mkdir()
            half.touch()
            print("at work", flush=True)
            threading.Event().wait(60)

        if {moment!r} == "starting":
            threading.Thread = SlowToStart
        commands.run = lambda options: interrupt.interruptible(deaf)
        sys.exit(main(["demo", "--out", str(half.parent)]))
    """
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout.readline() == "at work\n"
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=20)
    assert process.returncode == 130
    assert error == "lsmi-jax: interrupted\n"
    assert not list((tmp_path / "results").iterdir())


def test_what_a_thread_raises_is_raised():
    with pytest.raises(ValueError, match="of the work"):
        interrupt.interruptible(lambda: (_ for _ in ()).throw(ValueError("of the work")))
    assert interrupt.interruptible(lambda: 7) == 7


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_an_interrupt_while_writing_leaves_no_half_file(kind, results, arrays, tmp_path, monkeypatch, capsys):
    def interrupted(*words, **_):
        words[-1].write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("pyarrow.parquet.write_table", interrupted)
    monkeypatch.setattr("lsmi_jax.cli.writing.csv.writer", lambda file: interrupted(file.buffer))
    words = ["score", str(results / "data.npz"), *NAMED, "--estimator", str(results / "out" / "estimator")]
    assert main([*words, "--format", kind, "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "lsmi-jax: interrupted\n"
    assert not list(tmp_path.iterdir())


def test_a_row_of_pixels_is_a_square(tmp_path):
    assert pictures.pictures(np.zeros((5, 9)), tmp_path).shape == (5, 3, 3)
    for shape in ((5, 4, 6), (5, 4, 6, 3)):
        assert pictures.pictures(np.zeros(shape), tmp_path).shape == shape


def test_files_of_images_are_there_before_any_work_is_done(tmp_path):
    (tmp_path / "one.png").write_bytes(pictures.png(np.arange(12).reshape(3, 4)))
    (found,) = pictures.pictures(np.array(["one.png"]), tmp_path)
    assert pictures.as_html(found) == pictures.as_html(np.arange(12).reshape(3, 4))
    for name in ("two.png", "one.txt"):
        with pytest.raises(ValueError, match=f"expected names of .png, .jpg.* files, got .*{name}"):
            pictures.pictures(np.array(["one.png", name]), tmp_path)


def test_time_left_is_a_guess_until_a_stage_of_the_fit_has_ended(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    pace = progress.Pace()

    def after(seconds, *name):
        clock[0] += seconds
        pace.begin(*name) if name else None
        return pace.left()

    pace.expect([("reading", 4.0), ("first discriminator", 10.0), ("joint discriminator", 6.0), ("writing", 2.0)])
    assert after(0, "reading") == 22
    assert after(1) == 21
    assert after(9) == 18  # late, and the rest as guessed
    assert after(0, "first discriminator") == 18  # reading says nothing of the pace of the fit
    assert after(20, "joint discriminator") == 14  # twice as long as guessed: 12 more, and 2 of another kind
    assert after(3) == 11
    assert after(9, "writing") == 2
    assert after(3) == 0
    pace.expect([("second density", 1.0), ("scores", 5.0)])
    assert after(0, "scores") == 5  # what was left out took no time


def test_stages_are_those_of_an_estimate(arrays):
    """Each stage that is announced was expected, in that order, with user's logits and without."""
    labels, _ = lsmi_jax.encode_labels(arrays["y"])
    features = arrays["audio"], arrays["video"]
    logits = [np.log(np.full((NUM_ROWS, 3), 1 / 3, np.float32))] * 3
    seen: list[str] = []
    lsmi_jax.estimate(jax.random.key(0), features, labels, num_folds=2, logits=logits, progress=seen.append)
    assert seen == [name for name, _ in progress.fit_stages((2, 3), NUM_ROWS, 3, 2, given_logits=True)]
    seen.clear()
    lsmi_jax.estimate(jax.random.key(0), features, labels, num_folds=2, progress=seen.append)
    assert seen == [name for name, _ in progress.fit_stages((2, 3), NUM_ROWS, 3, 2)]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_sees_a_bar_and_a_pipe_does_not(capfd):
    program = """if True:
        import time
        from lsmi_jax.cli.progress import stage_bar
        with stage_bar() as pace:
            pace.expect([("reading", 1.0), ("writing", 65.0)])
            pace.begin("reading")
            time.sleep(0.4)
            pace.begin("writing")
            time.sleep(0.4)
    """
    terminal, end = os.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen([sys.executable, "-c", program], stderr=end, env=environment) as process:
        os.close(end)
        seen = b""
        with contextlib.suppress(OSError):  # how Linux says that the other side has closed
            while more := os.read(terminal, 4096):
                seen += more
    os.close(terminal)
    assert process.returncode == 0
    assert b"reading" in seen
    assert re.search(rb"reading.*about 1:0\d left", seen)
    assert re.search(rb"writing.*about 1:0\d left", seen)
    subprocess.run([sys.executable, "-c", program], check=True)
    assert capfd.readouterr() == ("", "")


def test_what_nobody_expected_is_one_line_too(monkeypatch, capsys):
    def out_of_memory(options):
        raise RuntimeError("RESOURCE_EXHAUSTED:\n out of memory")

    monkeypatch.setattr(commands, "run", out_of_memory)
    assert main(["info"]) == 1
    expected = "lsmi-jax: RuntimeError: RESOURCE_EXHAUSTED: out of memory (--debug shows where it comes from)\n"
    assert capsys.readouterr().err == expected
    with pytest.raises(RuntimeError):
        main(["info", "--debug"])


def test_info_names_versions_and_devices(capsys):
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    for name in ("lsmi-jax", "jaxlib", "python", "devices"):
        assert name in printed


def test_pixels_become_a_png():
    pixels = np.arange(12).reshape(3, 4)
    content = pictures.png(pixels)
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", content[16:24]) == (4, 3)
    start = content.index(b"IDAT") + 4
    lines = zlib.decompress(content[start:])
    assert list(lines[1:5]) == [0, 23, 46, 70]  # 255 * k / 11, rounded; the byte before each line says: no filter
