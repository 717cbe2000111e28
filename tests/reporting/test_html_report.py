import json
import re
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax.cli._writers import summary_of, versions
from lsmi_jax.reporting import Report, _html_report, _page, write_report

NUM_ROWS = 72


def make_report(redundancy, names=("audio", "video"), images=None):
    rng = np.random.default_rng(0)
    labels = np.arange(NUM_ROWS) % 3
    features = [(rng.normal(size=(NUM_ROWS, d)) + labels[:, None]).astype(np.float32) for d in (2, 3)]
    logits = [
        2 * np.eye(3, dtype=np.float32)[labels] + rng.normal(size=(NUM_ROWS, 3)).astype(np.float32) for _ in "123"
    ]
    options = {"num_folds": 2, "logits": logits, "redundancy": redundancy}
    result = lsmi_jax.estimate(jax.random.key(0), features, labels, **options)
    classes, groups = np.array(["cat", "<dog>", "eel"]), np.arange(NUM_ROWS) % 70
    summary = summary_of(result, (labels, classes), {"speaker": (groups, np.arange(70))})
    summary |= {"versions": versions(), "options": {"seed": 5}, "data": {"sha256": "0123456789abcdef"}}
    ids = np.array([f"clip {row}" for row in range(NUM_ROWS)])
    return Report("<data>.npz", names, result, summary, ids, classes[labels], images)


@pytest.fixture(scope="module")
def report():
    images = np.random.default_rng(1).integers(0, 255, size=(NUM_ROWS, 4, 5)).astype(np.uint8)
    return make_report(lsmi_jax.SpecificityAmbiguity(), images=images)


@pytest.fixture(scope="module")
def page(report, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, report)
    return path.read_text()


def num_shown(result):
    """Number of samples in the lists of the kinds."""
    sizes = np.bincount(result.kind, minlength=len(lsmi_jax.KINDS))
    return int(np.minimum(sizes, _html_report.NUM_TOP).sum())


def test_the_page_needs_no_network_and_escapes_names(page, report):
    assert "&lt;dog&gt;" in page
    assert "&lt;data&gt;.npz" in page
    assert "<dog>" not in page
    assert "<data>" not in page
    assert "http" not in page
    assert page.count("data:image/png;base64,") == num_shown(report.result)
    assert "prefers-color-scheme: dark" in page
    assert page.startswith("<!doctype html>")
    assert page.endswith("</html>\n")


def test_the_page_has_the_numbers_of_the_summary(page, report):
    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    overall = report.summary["means"]["overall"]
    for symbol, label in (("R", "shared by both"), ("U1", "only in audio"), ("U2", "only in video")):
        adjusted = overall["adjusted"][symbol]
        interval = "set to 0" if adjusted["set_to_zero"] else f"{adjusted['lower']:z.3f} to {adjusted['upper']:z.3f}"
        assert f"{symbol}: {label} {adjusted['mean']:z.3f} {interval} {overall[symbol]['mean']:z.3f}" in text
    assert "set to 0" in text
    assert f"{overall['shift']:z.3f} nats are added to R and S" in text
    assert "Intervals do not include the variation of the fit" in text
    assert "By class" in text
    assert "By speaker" in text
    assert f"The first {_page.MAX_GROUPS} of 70." in text
    assert "seed 5; data 0123456789ab." in text
    assert f"{report.summary['diagnostics']['accuracy'][2]:.1%}" in text


def test_lists_are_of_kinds_and_say_what_they_rank_by(page, report):
    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    i1, gains = np.asarray(report.result.information[0]), np.asarray(report.result.gain)
    kinds = report.result.columns()["kind"]
    for kind, name, phrase, values in (
        ("only x1", "only audio", "i1, highest first", i1),
        ("only together", "only together", "gain, highest first", gains),
    ):
        rows = np.flatnonzero(kinds == kind)
        first = rows[np.argmax(values[rows])]
        label = report.labels[first].replace("<", "&lt;").replace(">", "&gt;")
        samples = "1 sample" if len(rows) == 1 else f"{len(rows)} samples"
        head = f"{name} {samples} ({len(rows) / NUM_ROWS:.0%}), ranked by {phrase} sample label nats"
        assert f"{head} clip {first} {label} {values[first]:z.2f}" in text


def test_bars_lie_within_the_drawing(report):
    for bar in _html_report._bars(report.summary["means"]["overall"]["adjusted"]):
        assert 0 <= bar["start"] <= bar["start"] + bar["width"] <= 100.001
        if bar["lower"] is not None:
            assert 0 <= bar["lower"] <= bar["upper"] <= 100.001
        assert 0 <= bar["zero"] <= 100


def test_histograms_count_every_sample(report):
    for histogram in _html_report._histograms(report.result):
        heights = np.array([bar["height"] for bar in histogram["bars"]])
        counts = (heights / heights.max()) ** 2
        scale = NUM_ROWS / counts.sum()
        np.testing.assert_allclose(counts * scale, np.rint(counts * scale), atol=1e-6)
        assert histogram["low"] < histogram["high"]


@pytest.mark.slow
def test_a_redundancy_without_densities_has_a_page_too(tmp_path):
    write_report(tmp_path / "report.html", make_report(lsmi_jax.MinimumInformation(), names=("a", "b")))
    text = (tmp_path / "report.html").read_text()
    assert "attains both minima" not in text
    assert "<img" not in text


def test_importing_the_folder_imports_no_optional_library():
    extras = ("matplotlib", "jinja2", "PIL")
    code = f"import sys, lsmi_jax.reporting; print([m for m in {extras} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


MEASURE = """<script>document.title = JSON.stringify({
  window: innerWidth, page: document.documentElement.scrollWidth,
  pictures: [...document.images].filter(image => image.naturalWidth > 0).length,
  text: document.body.innerText.length, color: getComputedStyle(document.body).backgroundColor})</script>"""


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_fits_a_desktop_and_a_phone_in_light_and_dark_mode(page, report, width, dark, tmp_path):
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("neither Chromium nor Chrome is installed")
    path = tmp_path / "report.html"
    path.write_text(page + MEASURE)
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    options += [f"--window-size={width},900", f"--blink-settings=preferredColorScheme={int(not dark)}"]
    command = [browser, *options, "--disable-background-networking", "--dump-dom", path.as_uri()]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    measured = json.loads(re.search(r"<title>(.*?)</title>", printed).group(1))
    assert measured["page"] <= measured["window"]
    assert measured["pictures"] == num_shown(report.result)
    assert measured["text"] > 1000
    brightness = np.mean([int(value) for value in re.findall(r"\d+", measured["color"])[:3]])
    assert (brightness < 128) == dark
