import base64
import csv
import dataclasses
import hashlib
import html
import json
import re
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax

import lsmi_jax
from lsmi_jax.cli._writers import summary_of, versions
from lsmi_jax.decomposition import PARTS, THRESHOLD
from lsmi_jax.reporting import Report, _html_report, _page, _report_data, write_report

NUM_ROWS = 72
LABELS = np.arange(NUM_ROWS) % 3
LOGITS = [
    2 * np.eye(3, dtype=np.float32)[LABELS] + np.random.default_rng(seed).normal(size=(NUM_ROWS, 3)).astype(np.float32)
    for seed in range(3)
]


def make_report(redundancy, names=("audio", "video"), images=None):
    rng = np.random.default_rng(0)
    labels = LABELS
    features = [(rng.normal(size=(NUM_ROWS, d)) + labels[:, None]).astype(np.float32) for d in (2, 3)]
    options = {"num_folds": 2, "logits": LOGITS, "redundancy": redundancy}
    result = lsmi_jax.estimate(jax.random.key(0), features, labels, **options)
    classes, groups = np.array(["cat", "<dog>", "eel"]), np.arange(NUM_ROWS) % 70
    summary = summary_of(result, (labels, classes), {"speaker": (groups, np.arange(70))})
    summary |= {"versions": versions(), "options": {"seed": 5}, "data": {"sha256": "0123456789abcdef"}}
    ids = np.array([f"clip {row}" for row in range(NUM_ROWS)])
    return Report(
        "<data>.npz", names, result, summary, ids, classes[labels], classes.tolist(), {"speaker": groups}, images
    )


@pytest.fixture(scope="module")
def report():
    images = np.random.default_rng(1).integers(0, 255, size=(NUM_ROWS, 4, 5)).astype(np.uint8)
    return make_report(lsmi_jax.SpecificityAmbiguity(), images=images)


@pytest.fixture(scope="module")
def page(report, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, report)
    return path.read_text()


def visible(page):
    """Text of the page without its scripts."""
    without = re.sub(r"<script.*?</script>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", without)).split())


@pytest.fixture(scope="module")
def samples(page):
    return json.loads(re.search(r'<script type="application/json" id="samples">(.*?)</script>', page)[1])


def test_the_page_needs_no_network_and_escapes_names(page, samples):
    assert "&lt;dog&gt;" in page
    assert "&lt;data&gt;.npz" in page
    assert "<dog>" not in page
    assert "<data>" not in page
    assert "http:" not in page
    assert "https:" not in page
    assert page.count("data:image/png;base64,") == len(samples["images"]) == NUM_ROWS
    assert "prefers-color-scheme: dark" in page
    assert page.startswith("<!doctype html>")
    assert page.endswith("</html>\n")


def test_the_policy_allows_the_script_of_the_page_alone(page):
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1])
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert len(scripts) == 1
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")


@pytest.mark.parametrize("markup", ["</script><b>", "<!--<script>", "\u2028", "&amp;"])
def test_no_text_ends_the_element_of_the_samples(markup):
    text = _page.as_json({"id": markup})
    assert not re.search("[<>&\u2028]", text)
    assert json.loads(text) == {"id": markup}


def test_the_page_has_the_numbers_of_the_summary(page, report):
    text, overall = visible(page), report.summary["means"]["overall"]
    for symbol, label in (("R", "shared by both"), ("U1", "only in audio"), ("U2", "only in video")):
        adjusted = overall["adjusted"][symbol]
        interval = "set to 0" if adjusted["set_to_zero"] else f"{adjusted['lower']:z.3f} to {adjusted['upper']:z.3f}"
        assert f"{symbol}: {label} {adjusted['mean']:z.3f} {interval} {overall[symbol]['mean']:z.3f}" in text
    assert "set to 0" in text
    assert f"{overall['shift']:z.3f} nats are added to R and S" in text
    assert "Intervals do not include variation between fits" in text
    assert "By class" in text
    assert "By speaker" in text
    assert f"{70 - _page.NUM_FIRST} more" in text
    assert "seed 5; data 0123456789ab." in text
    assert f"{report.summary['diagnostics']['accuracy'][2]:.1%}" in text


def test_what_each_modality_adds_is_the_difference_of_information(page, report):
    overall = report.summary["means"]["overall"]
    i1, i2, i12 = (np.asarray(i, np.float64) for i in report.result.information)
    for own, name, other, values in (("x1", "audio", "video", i12 - i2), ("x2", "video", "audio", i12 - i1)):
        added, error = overall["added"][own], values.std(ddof=1) / NUM_ROWS**0.5
        np.testing.assert_allclose(
            [added["mean"], added["standard_error"], added["upper"] - added["lower"]],
            [values.mean(), error, 2 * 1.96 * error],
            rtol=1e-4,
        )
        is_clear = added["lower"] > 0
        amount = f"{added['mean']:z.2f} nats" if is_clear else "no clear information"
        assert f"{name} adds {amount} to {other} ({added['lower']:z.2f} to {added['upper']:z.2f})" in visible(page)


def test_lists_are_those_of_the_estimate(samples, report):
    result, lists = report.result, {entry["name"]: entry for entry in samples["lists"]}
    assert next(iter(lists)) == "suspicious labels"
    assert {"suspicious labels", *samples["kinds"]} - set(lists) == {_report_data.NOT_KNOWN}
    for kind, name in zip(lsmi_jax.KINDS, samples["kinds"], strict=False):
        assert lists[name]["rows"] == result.top(kind, NUM_ROWS).tolist()
        assert lists[name]["size"] == len(lists[name]["rows"])
    i12, first = np.asarray(result.information[2]), lists["suspicious labels"]["rows"]
    assert first == result.suspicious(len(first)).tolist()
    assert set(first) == set(np.flatnonzero(i12 <= -THRESHOLD).tolist())
    assert lists["only audio"]["by"] == "i1, highest first"


def test_columns_are_those_of_the_estimate(samples, report):
    result, columns = report.result, samples["columns"]
    assert samples["ids"] == report.ids.tolist()
    label = samples["levels"]["label"]
    assert [label["names"][code] for code in label["codes"]] == report.labels.tolist()
    assert samples["levels"]["speaker"]["names"] == [str(group) for group in range(70)]  # as numbers sort
    np.testing.assert_allclose(columns["i12"], result.information[2], atol=6e-4)
    np.testing.assert_allclose(columns["s"], result.interactions.synergy, atol=6e-4)
    for view, logits in zip(("1", "2", "12"), LOGITS, strict=True):
        np.testing.assert_array_equal(columns["p" + view], logits.argmax(1))
        np.testing.assert_allclose(columns["q" + view], softmax(logits, axis=1).max(1), atol=6e-4)
    assert samples["classes"] == ["cat", "<dog>", "eel"]


def test_of_many_samples_a_stratified_part_and_all_suspicious_ones_are_shown(report, monkeypatch):
    monkeypatch.setattr(_report_data, "MAX_SAMPLES", 40)
    data = _report_data.sample_data(report.result, report.names, report.ids, report.labels)
    shown = [int(name.removeprefix("clip ")) for name in data["ids"]]
    low = np.flatnonzero(np.asarray(report.result.information[2]) <= -THRESHOLD)
    assert len(shown) == 40 < data["total"] == NUM_ROWS
    assert set(low) <= set(shown)
    rest = [report.labels[row] for row in shown if row not in low]
    assert max(map(rest.count, set(rest))) - min(map(rest.count, set(rest))) <= 2
    for entry in data["lists"]:
        assert set(entry["rows"]) <= set(range(40))


def without(result, rows):
    """An estimate that knows nothing of some rows."""
    gone = jnp.asarray(np.isin(np.arange(NUM_ROWS), rows))
    return result._replace(information=tuple(jnp.where(gone, jnp.nan, i) for i in result.information))


def test_samples_of_which_something_is_missing_are_in_no_list(report):
    result = without(report.result, [3, 5])
    data = _report_data.sample_data(result, report.names, report.ids, report.labels)
    assert not any({3, 5} & set(entry["rows"]) for entry in data["lists"])
    assert {data["kinds"][data["columns"]["kind"][row]] for row in (3, 5)} == {_report_data.NOT_KNOWN}
    assert data["columns"]["i12"][3] is None
    assert "p1" not in data["columns"]  # no names of classes were given


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.5, np.nan, 10.0, 9.0], ["0.5", "9.0", "10.0", "none"]),
        ([1e5, 1e-5, 3.0, 2 / 3], ["1e-05", "0.666667", "3.0", "100000.0"]),
        ([2, None, 10], ["2", "10", "none"]),
        (["b", "a", "10"], ["10", "a", "b"]),
    ],
)
def test_levels_are_sorted_as_numbers_if_they_are(values, expected):
    levels = _report_data._levels(np.array(values, object))
    assert levels["names"] == expected
    assert levels["names"][levels["codes"][0]] == str(values[0])


@pytest.mark.parametrize("dtype", [np.float32, float, int, str])
def test_groups_of_a_table_have_the_names_of_its_filter(report, dtype):
    groups = np.arange(NUM_ROWS).astype(dtype) % 3 if dtype is not str else np.tile(["a", "b"], NUM_ROWS)[:NUM_ROWS]
    summary = summary_of(report.result, None, {"take": lsmi_jax.encode_labels(groups)})
    data = _report_data.sample_data(report.result, report.names, report.ids, report.labels, groups={"take": groups})
    assert list(summary["means"]["by"]["take"]) == data["levels"]["take"]["names"]


def test_a_page_without_anything_known_is_written_too(report, tmp_path):
    result = without(report.result, np.arange(NUM_ROWS))
    result = result._replace(interactions=lsmi_jax.Interactions(*(jnp.full(NUM_ROWS, jnp.nan),) * 4))
    summary = report.summary | summary_of(result, None, {})
    write_report(tmp_path / "report.html", dataclasses.replace(report, result=result, summary=summary))
    assert "No sample has both modalities and a label" in visible((tmp_path / "report.html").read_text())


def test_lists_say_whether_other_seeds_would_have_them():
    parts = np.random.default_rng(0).normal(size=(4, 3, 200)).astype(np.float32)
    stable = make_report(lsmi_jax.MinimumInformation()).result
    for seeds, least, most in ((parts[:, :1].repeat(3, 1), 1.0, 1.0), (parts, 0.0, 0.6)):
        result = stable._replace(seeds=lsmi_jax.Interactions(*map(jnp.asarray, seeds)))
        shares = _report_data._reproduced(result)
        assert least <= min(shares.values()) <= max(shares.values()) <= most
    assert _report_data._reproduced(stable) == {}


def test_groups_that_deviate_come_first_and_negative_bars_grow_left():
    def entry(mean, error):
        means = {part.symbol: {"mean": mean, "standard_error": error} for part in PARTS}
        return {"samples": 5, "adjusted": means}

    groups = {"usual": entry(0.1, 0.1), "far but unsure": entry(-0.9, 0.9), "far": entry(0.6, 0.1)}
    table = _page.group_of("class", groups, entry(0.1, 0.01))
    assert [row["name"] for row in table["first"]] == ["far", "far but unsure", "usual"]
    assert table["zero"] == pytest.approx(60)


def test_bars_lie_within_the_drawing(report):
    for bar in _html_report._bars(report.summary["means"]["overall"]):
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


def test_a_page_of_50000_samples_is_small(report, tmp_path):
    times = -(-_report_data.MAX_SAMPLES // NUM_ROWS) + 1

    def repeated(values):
        return np.concatenate([np.asarray(values)] * times)

    result = report.result
    result = result._replace(
        interactions=jax.tree.map(repeated, result.interactions),
        information=tuple(map(repeated, result.information)),
        predictions=jax.tree.map(repeated, result.predictions),
    )
    many = dataclasses.replace(
        report,
        result=result,
        ids=np.array([f"recordings/clip_{row:08d}.wav" for row in range(times * NUM_ROWS)]),
        labels=repeated(report.labels),
        groups={"speaker": repeated(report.groups["speaker"])},
        images=repeated(report.images),
    )
    write_report(tmp_path / "report.html", many)
    page = (tmp_path / "report.html").read_bytes()
    assert page.count(b"recordings/clip_") == _report_data.MAX_SAMPLES
    assert len(page) < 15e6


@pytest.mark.slow
def test_a_redundancy_without_densities_has_a_page_too(tmp_path):
    write_report(tmp_path / "report.html", make_report(lsmi_jax.MinimumInformation(), names=("a", "b")))
    text = (tmp_path / "report.html").read_text()
    assert "smaller surprisal" not in text
    assert "<img" not in text


def test_importing_the_folder_imports_no_optional_library():
    extras = ("matplotlib", "jinja2", "PIL")
    code = f"import sys, lsmi_jax.reporting; print([m for m in {extras} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="neither Chromium nor Chrome is installed")


def in_browser(page, script, tmp_path, *options, width=None):
    """What a script of a test finds in the open page, which has no other policy then.

    With a width, the page is in a frame of so many pixels: a window of Chromium is never narrower than 500.
    """
    path = tmp_path / "report.html"
    unbound = re.sub(r"<meta http-equiv[^>]*>", "", page)
    text = f"{unbound}<script>parent.document.title = JSON.stringify((() => {{ {script} }})())</script>"
    if width is not None:
        text = (
            f'<!doctype html><title></title><iframe width="{width}" height="900" srcdoc="{html.escape(text)}"></iframe>'
        )
    path.write_text(text)
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", *options]
    command = [BROWSER, *flags, "--disable-background-networking", "--dump-dom", path.as_uri()]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    return json.loads(html.unescape(re.search(r"<title>(.*?)</title>", printed).group(1)))


MEASURE = """return {
  window: innerWidth, page: document.documentElement.scrollWidth,
  pictures: [...document.images].filter(image => image.naturalWidth > 0).length,
  chances: [...document.querySelectorAll(".sample .chance")]
    .map(cell => [cell.textContent, cell.scrollWidth <= cell.clientWidth]),
  text: document.body.innerText.length, color: getComputedStyle(document.body).backgroundColor}"""


@needs_browser
@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_fits_a_desktop_and_a_phone_in_light_and_dark_mode(page, width, dark, tmp_path):
    options = "--window-size=1300,1000", f"--blink-settings=preferredColorScheme={int(not dark)}"
    measured = in_browser(page, MEASURE, tmp_path, *options, width=width)
    assert measured["window"] == width
    assert measured["page"] <= width
    assert measured["pictures"] > 8
    assert measured["text"] > 1000
    assert all(re.fullmatch(r"\d+%", chance) and is_whole for chance, is_whole in measured["chances"])
    assert len(measured["chances"]) > 24  # of three views
    assert measured["color"] == ("rgb(20, 24, 27)" if dark else "rgb(255, 255, 255)")


@needs_browser
@pytest.mark.browser
def test_long_names_fit_a_phone(report, tmp_path):
    names = "audio_embedding_wav2vec2_large_xlsr_layer12", "video_embedding_of_the_same_length_as_that"
    long = dataclasses.replace(report, names=names, title="crema_d_wav2vec2_large_features_train.parquet")
    write_report(tmp_path / "long.html", long)
    script = "return [innerWidth, document.documentElement.scrollWidth]"
    window, page = in_browser((tmp_path / "long.html").read_text(), script, tmp_path, width=390)
    assert window == 390
    assert page <= window


MARKUP = "<img src=x onerror=alert(1)>"
PROVOKE = f"""const found = {{}}, names = ["Show more of", "sample", "label", "kind"];
for (const name of names) {{
  const button = [...document.querySelectorAll("button")].find(own => own.textContent.startsWith(name));
  if (button) button.click();
}}
for (const link of document.querySelectorAll("[data-group]")) link.click();
document.querySelector("#table .rows .row").click();
found.seen = document.body.innerText.split({json.dumps(MARKUP)}).length - 1;
found.detail = document.getElementById("detail").innerText.includes({json.dumps(MARKUP)});
found.made = document.querySelectorAll("[onerror]").length;
return found;"""


@needs_browser
@pytest.mark.browser
def test_markup_in_any_text_stays_text(report, tmp_path):
    classes = [f"{MARKUP} {number}" for number in range(3)]
    groups = np.array([f"{MARKUP} {row % 4}" for row in range(NUM_ROWS)])
    summary = report.summary | summary_of(
        report.result, (LABELS, np.array(classes)), {MARKUP: (np.arange(NUM_ROWS) % 4, np.unique(groups))}
    )
    given = {
        "title": MARKUP,
        "names": (f"{MARKUP} 1", f"{MARKUP} 2"),
        "summary": summary,
        "ids": np.array([f"{MARKUP} {row}" for row in range(NUM_ROWS)]),
        "labels": np.array(classes)[LABELS],
        "classes": classes,
        "groups": {MARKUP: groups},
    }
    write_report(tmp_path / "markup.html", dataclasses.replace(report, **given))
    text = (tmp_path / "markup.html").read_text()
    assert MARKUP not in text
    found = in_browser(text, PROVOKE, tmp_path, "--window-size=1200,900")
    assert found["made"] == 0
    assert found["detail"]
    assert found["seen"] > 50


USE = """const find = (text) => [...document.querySelectorAll("button")].find(own => own.textContent === text);
const counted = () => document.getElementById("count").textContent, found = {all: counted()};
const listed = () => [...document.querySelectorAll("#table .rows .row")].map(row => row.firstChild.textContent);
find("s").click(); found.sorted = listed();
find("sample").click(); found.names = listed();
find("only audio").click(); found.kind = counted();
find("Show all").click();
document.querySelector("[data-level='<dog>']").click(); found.label = counted();
found.cards = [...document.querySelectorAll("#cards .sample .soft")].map(own => own.textContent);
document.querySelector("#filters input").value = "clip 7";
document.querySelector("#filters input").dispatchEvent(new Event("input")); found.name = counted();
found.markup = document.querySelectorAll("dog, data").length;
return found;"""


@needs_browser
@pytest.mark.browser
def test_the_page_sorts_and_filters(page, report, tmp_path):
    found, result = in_browser(page, USE, tmp_path, "--window-size=1200,900"), report.result
    assert found["all"] == f"{NUM_ROWS} of {NUM_ROWS}"
    order = np.argsort(-np.round(np.asarray(result.interactions.synergy), 3), kind="stable")
    assert found["sorted"][:5] == [f"clip {row}" for row in order[:5]]
    assert found["names"][:3] == ["clip 0", "clip 1", "clip 2"]
    kinds = result.columns()["kind"]
    assert found["kind"] == f"{(kinds == 'only x1').sum()} of {NUM_ROWS}"
    assert found["label"] == f"{NUM_ROWS // 3} of {NUM_ROWS}"
    assert set(found["cards"]) == {"label <dog>"}
    named = [row for row in range(1, NUM_ROWS, 3) if "clip 7" in f"clip {row}"]
    assert found["name"] == f"{len(named)} of {NUM_ROWS}"
    assert found["markup"] == 0


SAVE = """const found = {};
const find = (text) => [...document.querySelectorAll("button")].find(own => own.textContent === text);
window.Blob = class extends Blob {
  constructor(parts, options) { super(parts, options); found.text = parts.join(""); }
};
HTMLAnchorElement.prototype.click = function () { found.file = this.download; };
find("s").click();
document.querySelector("[data-level='<dog>']").click();
find("both know").click();
find("Save selection (CSV)").click();
return found;"""


@needs_browser
@pytest.mark.browser
def test_the_selection_is_saved_as_csv(page, report, tmp_path):
    found = in_browser(page, SAVE, tmp_path, "--window-size=1200,900")
    assert found["file"] == "selection.csv"
    assert found["text"].startswith("\ufeff")  # for Excel
    rows = list(csv.DictReader(found["text"][1:].splitlines()))
    columns = report.result.columns()
    chosen = np.flatnonzero((LABELS == 1) & (columns["kind"] == "both know"))
    assert len(chosen) > 1
    order = chosen[np.argsort(-np.round(columns["s"][chosen], 3), kind="stable")]
    assert [row["id"] for row in rows] == [f"clip {row}" for row in order]
    assert {row["label"] for row in rows} == {"<dog>"}
    assert [row["speaker"] for row in rows] == [str(row % 70) for row in order]
    for name in ("i1", "i2", "i12", "gain", "r", "u1", "u2", "s"):
        saved = [float(row[name]) for row in rows]
        np.testing.assert_allclose(saved, columns[name][order], atol=0.00051)  # three decimals


POINT = """const found = {}, canvas = document.getElementById("scatter"), box = canvas.getBoundingClientRect();
window.requestAnimationFrame = (draw) => draw();
const shown = () => document.querySelector("#detail b")?.textContent;
const send = (kind, x, y) => canvas.dispatchEvent(
  new PointerEvent(kind, {clientX: box.left + x, clientY: box.top + y, bubbles: true}));
const hovered = new Set();
for (let x = 0; x < box.width; x += 8)
  for (let y = 0; y < box.height; y += 8) { send("pointermove", x, y); hovered.add(shown()); }
hovered.delete(undefined); found.hovered = [...hovered];
found.picture = document.querySelector("#detail img").src;
send("click", box.width / 2, box.height / 2); const pinned = shown();
send("pointermove", 44, 10); send("pointermove", box.width - 10, box.height - 36); found.stays = shown() === pinned;
return found;"""


@needs_browser
@pytest.mark.browser
def test_the_scatter_shows_the_sample_under_the_pointer(page, samples, tmp_path):
    found = in_browser(page, POINT, tmp_path, "--window-size=1200,900")
    assert len(found["hovered"]) > NUM_ROWS / 2
    assert set(found["hovered"]) <= set(samples["ids"])
    assert found["picture"] in set(samples["images"].values())
    assert found["stays"]


NEGATIVE = """const ends = [];
for (const bar of document.querySelectorAll(".bar i")) {
  const own = bar.getBoundingClientRect(), all = bar.parentElement.getBoundingClientRect();
  const middle = all.left + all.width / 2, isNegative = bar.className === "negative";
  if (all.width) ends.push([isNegative, (isNegative ? own.right : own.left) - middle, own.width]);
}
return ends;"""


@needs_browser
@pytest.mark.browser
def test_bars_of_samples_begin_at_zero_and_negative_ones_grow_left(page, tmp_path):
    ends = in_browser(page, NEGATIVE, tmp_path, "--window-size=1200,900")
    assert {is_negative for is_negative, _, width in ends if width > 1} == {True, False}
    assert max(abs(offset) for _, offset, _ in ends) < 1.5  # pixels, with the rounding of a border


KEYS = """const focused = () => document.activeElement, found = {};
const press = (key) => focused().dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
const head = [...document.querySelectorAll("[role=columnheader]")].find(own => own.textContent === "i12");
head.firstChild.click(); found.sorted = head.getAttribute("aria-sort");
head.firstChild.click(); found.again = head.getAttribute("aria-sort");
document.querySelector("#table .rows [tabindex='0']").focus();
press("ArrowDown"); press("ArrowDown"); press("ArrowUp");
found.second = Number(focused().getAttribute("aria-rowindex"));
press("End"); found.last = Number(focused().getAttribute("aria-rowindex"));
found.rows = Number(document.getElementById("table").getAttribute("aria-rowcount"));
const seen = focused().getBoundingClientRect(), view = document.getElementById("table").getBoundingClientRect();
found.inSight = seen.top >= view.top && seen.bottom <= view.bottom;
found.name = focused().firstChild.textContent;
press("Enter"); found.shown = document.querySelector("#detail b").textContent;
press("Home"); found.first = Number(focused().getAttribute("aria-rowindex"));
const more = [...document.querySelectorAll("#cards button")][0];
more.click(); found.more = focused().className;
found.stops = document.querySelectorAll("#table .rows [tabindex='0']").length;
return found;"""


@needs_browser
@pytest.mark.browser
def test_the_table_follows_the_keyboard(page, tmp_path):
    found = in_browser(page, KEYS, tmp_path, "--window-size=1200,900")
    assert (found["sorted"], found["again"]) == ("descending", "ascending")
    # The first row of a table is its heads.
    assert (found["second"], found["last"], found["first"]) == (3, NUM_ROWS + 1, 2)
    assert found["rows"] == NUM_ROWS + 1
    assert found["inSight"]
    assert found["shown"] == found["name"]
    assert found["more"] == "sample"
    assert found["stops"] == 1
