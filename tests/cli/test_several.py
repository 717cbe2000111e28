"""Three modalities and several labels on the command line: the library's numbers, a folder for each result."""

import json
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pandas
import pytest

import lsmi_jax
from lsmi_jax.__main__ import main
from lsmi_jax.estimation import Together, WholeParts

NUM_ROWS = 60
NAMES = ("audio", "video", "text")
TAGS = ("red", "a/b", "A b")
FOLDERS = ("labels/red", "labels/a_b.2", "labels/A_b.3")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    labels = np.arange(NUM_ROWS) % 2
    columns = {f"{name}_{k}": rng.normal(size=NUM_ROWS) + labels for name in NAMES for k in range(2)}
    tags = {f"tag_{name}": (np.arange(NUM_ROWS) % (3 + place) == 0).astype(int) for place, name in enumerate(TAGS)}
    logits = {f"{view}_{name}": rng.normal(size=NUM_ROWS) for view in ("p1", "p2", "p12") for name in TAGS}
    return pandas.DataFrame(columns | {"y": np.array(["<cat>", "dog"])[labels], "half": labels} | tags | logits)


def run(table, folder, *words):
    table.to_csv(folder / "table.csv", index=False)
    blocks = [word for m in (1, 2) for word in (f"--x{m}", f"{NAMES[m - 1]}_")]
    options = ["--num-folds", "2", "--out", str(folder / "out"), "--format", "csv"]
    return main(["estimate", str(folder / "table.csv"), *blocks, *options, *words])


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text())


THREE = ["--x3", "text_", "--labels", "y"]


@pytest.fixture(scope="module")
def three(table, tmp_path_factory):
    """Results of three modalities; what takes long to fit is drawn at random."""
    folder, estimate_pairs = tmp_path_factory.mktemp("three"), lsmi_jax.estimate_pairs
    draw = partial(np.random.default_rng(1).normal, size=NUM_ROWS)
    found = []

    def without_fits(*given, names, **options):
        options |= {"redundancy": lsmi_jax.MinimumInformation(), "logits": [draw(size=(NUM_ROWS, 2)) for _ in range(6)]}
        parts = WholeParts(draw(), (draw(), draw(), draw()), draw(), (draw(), draw(), draw()), draw(), draw())
        whole = Together(jax.tree.map(jnp.asarray, parts), None, jnp.arange(4.0), jnp.zeros(()), None, None, names)
        found.append(replace(estimate_pairs(*given, names=names, **options), together=whole))
        return found[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lsmi_jax, "estimate", without_fits)
        assert run(table, folder, *THREE, "--means-by", "half") == 0
    return folder / "out", found[0]


def test_all_modalities_and_each_pair_are_written(three):
    out, pairs = three
    assert pairs.names == NAMES
    written = pandas.read_csv(out / "samples.csv")
    columns = pairs.together.columns()
    assert list(written.columns) == ["id", "label", "half", *columns]
    for name, values in columns.items():
        np.testing.assert_allclose(written[name], values, rtol=1e-6)
    summary = summary_of(out)
    for name, (mean, error) in pairs.together.mean().items():
        entry = summary["together"]["means"][name]
        assert (entry["mean"], entry["standard_error"]) == pytest.approx((mean, error))
    assert [entry["folder"] for entry in summary["pairs"].values()] == [
        "pairs/audio-video",
        "pairs/audio-text",
        "pairs/video-text",
    ]
    for (name, entry), result in zip(summary["pairs"].items(), pairs.estimates, strict=True):
        own = pandas.read_csv(out / entry["folder"] / "samples.csv")
        np.testing.assert_allclose(own["s"], result.interactions.synergy, rtol=1e-6)
        first, second = name.split(" and ")
        of_pair = summary_of(out / entry["folder"])
        assert (of_pair["options"]["x1"], of_pair["options"]["x2"]) == (f"{first}_", f"{second}_")
        assert of_pair["options"]["x3"] is None
        assert of_pair["data"]["columns"]["x2"] == [f"{second}_0", f"{second}_1"]
        assert entry["S"] == of_pair["means"]["overall"]["S"]


def test_the_page_of_all_modalities_leads_to_the_pairs(three):
    out, pairs = three
    page = (out / "report.html").read_text()
    assert "http:" not in page
    assert "https:" not in page
    for entry in summary_of(out)["pairs"].values():
        assert f'href="{entry["folder"]}/report.html"' in page
        assert (out / entry["folder"] / "report.html").is_file()
    mean, error = pairs.together.mean()["unique_video"]
    assert f"<td>unique to video</td><td>{mean:z.3f}</td><td>{error:z.3f}</td>" in page
    assert "unique to text" in page


def test_results_of_all_modalities_are_compared_pair_by_pair(three, capsys):
    out, _ = three
    assert main(["compare", str(out), str(out)]) == 1
    assert "expected results of two modalities, such as" in capsys.readouterr().err
    pair = str(out / "pairs" / "audio-text")
    assert main(["compare", pair, pair]) == 0
    assert "60 samples in both" in capsys.readouterr().out


SEVERAL = ["--labels", "tag_", "--target", "multilabel", "--logits", "p1_", "p2_", "p12_"]


@pytest.fixture(scope="module")
def tags(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tags")
    assert run(table, folder, *SEVERAL, "--redundancy", "minimum_information", "--means-by", "half") == 0
    return folder / "out"


def test_each_label_and_their_sum_are_written(tags, table):
    labels = table[[f"tag_{name}" for name in TAGS]].to_numpy()
    logits = [table[[f"{view}_{name}" for name in TAGS]].to_numpy(np.float32) for view in ("p1", "p2", "p12")]
    options = {"redundancy": lsmi_jax.MinimumInformation(), "num_folds": 2, "names": TAGS}
    expected = lsmi_jax.estimate_labels(jax.random.key(0), None, labels, logits=logits, **options)
    written = pandas.read_csv(tags / "samples.csv")
    np.testing.assert_allclose(written["s"], expected.total().interactions.synergy, atol=1e-5)
    assert written["label"][:4].tolist() == ["red, a/b, A b", "none", "none", "red"]
    summary = summary_of(tags)
    assert summary["means"]["classes"] == {}
    assert set(summary["means"]["by"]["half"]) == {"0", "1"}
    assert [entry["folder"] for entry in summary["means"]["labels"].values()] == list(FOLDERS)
    for (name, entry), result in zip(summary["means"]["labels"].items(), expected.estimates, strict=True):
        own = pandas.read_csv(tags / entry["folder"] / "samples.csv")
        np.testing.assert_allclose(own["i12"], result.information[2], atol=1e-5)
        assert own["label"].tolist() == table[f"tag_{name}"].tolist()
        assert entry["I1"] == summary_of(tags / entry["folder"])["means"]["overall"]["I1"]


def test_the_report_has_a_section_of_the_labels(tags):
    page = (tags / "report.html").read_text()
    assert "60 samples, 3 labels." in page
    assert "<h2>By label</h2>" in page
    assert "<h2>By class</h2>" not in page
    for folder in FOLDERS:
        assert f'<a href="{folder}/report.html">' in page
        assert (tags / folder / "report.html").is_file()
    assert "<h2>By class</h2>" in (tags / FOLDERS[0] / "report.html").read_text()


def test_a_finding_of_several_labels_is_said_once(table, tmp_path, capsys):
    rare = table.assign(**{f"tag_{name}": np.arange(NUM_ROWS) < 4 for name in TAGS[:2]})
    assert run(rare, tmp_path, *SEVERAL, "--redundancy", "minimum_information") == 0
    printed = capsys.readouterr().out
    assert "sum of all labels" in printed
    findings = summary_of(tmp_path / "out")["findings"]
    assert len(findings) == len(set(findings))
    assert all(f"Note: {finding}" in printed for finding in findings)
    assert "those of each label to" in printed


def test_folders_of_an_earlier_run_go(table, tmp_path):
    assert run(table, tmp_path, *SEVERAL, "--redundancy", "minimum_information") == 0
    assert (tmp_path / "out" / "labels").is_dir()
    one = ["--labels", "half", "--logits", "p1_red", "p2_red", "p12_red", "--redundancy", "minimum_information"]
    assert run(table, tmp_path, *one) == 0
    assert not (tmp_path / "out" / "labels").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--x4", "text_", "--labels", "y"], "--x3: expected a name"),
        ([*THREE, "--logits", "p1_red", "p2_red", "p12_red"], "--logits: expected 7 names, of each modality"),
        (
            [*THREE[:2], "--labels", "tag_", "--target", "multilabel"],
            "--x3: expected two modalities with --target multilabel",
        ),
        (["--labels", "tag_", "--target", "multilabel", "--unlabeled", "use"], "--unlabeled: expected error"),
        (
            ["--labels", "tag_", "--target", "multilabel", "--save-estimator"],
            "--save-estimator: expected --target classes or continuous",
        ),
        (["--labels", "y", "--target", "multilabel"], "--labels: expected numbers, got y of text"),
        (["--labels", "p1_", "--target", "multilabel"], "--labels: expected integers 0 and 1 or booleans"),
        (
            ["--labels", "audio_", "--target", "multilabel"],
            "--x1: expected columns that no other option uses, got audio_0",
        ),
        (["--x3", "audio_", "--labels", "y", "--ids", "text_0"], None),
        (
            ["--x3", "audio_0", "--labels", "y"],
            "--x1: expected columns that no other option uses, got audio_0, also in --x3",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_any_fit(
    table, tmp_path, capsys, monkeypatch, words, message
):
    def fitted(*_, **__):
        raise AssertionError("fitted")

    monkeypatch.setattr(lsmi_jax, "estimate", fitted)
    try:
        status = run(table, tmp_path, *words)
    except SystemExit as exit:
        status = exit.code
    assert status in (1, 2)
    assert (message or "AssertionError: fitted") in capsys.readouterr().err  # a block may be used twice on purpose


@pytest.mark.slow
def test_three_modalities_from_their_blocks(table, tmp_path, capsys):
    assert run(table, tmp_path, *THREE) == 0
    assert "3 modalities together, 60 samples" in capsys.readouterr().out
    blocks = [table[[f"{name}_{k}" for k in range(2)]].to_numpy(np.float64) for name in NAMES]
    options = {"names": NAMES, "num_folds": 2}
    expected = lsmi_jax.estimate(jax.random.key(0), blocks, table["half"].to_numpy(), **options)
    written = pandas.read_csv(tmp_path / "out" / "samples.csv")
    np.testing.assert_allclose(written["synergy"], expected.together.parts.synergy, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("own", [False, True])
def test_an_estimator_of_three_modalities_scores_other_rows(table, tmp_path, capsys, own):
    logits = np.random.default_rng(2).normal(size=(7, NUM_ROWS))
    given = table.assign(**{f"view{k}": values for k, values in enumerate(logits)})
    views = [f"view{k}" for k in range(7)]
    words = ["--logits", *views] if own else []
    assert run(given, tmp_path, *THREE, *words, "--num-cells", "16", "--save-estimator") == 0
    saved = tmp_path / "out" / "estimator"
    blocks = [word for m, name in enumerate(NAMES, 1) for word in (f"--x{m}", f"{name}_")]
    out = ["--out", str(tmp_path / "scored"), "--format", "csv"]
    command = ["score", str(tmp_path / "table.csv"), "--estimator", str(saved), "--labels", "y", *out]
    assert main([*command, *blocks, *words]) == 0
    assert "3 modalities together, 60 samples" in capsys.readouterr().out
    features = [table[[f"{name}_{k}" for k in range(2)]].to_numpy(np.float64) for name in NAMES]
    options = {"logits": list(logits.astype(np.float32)) if own else None}
    expected = lsmi_jax.score(lsmi_jax.load(saved), features, table["half"].to_numpy(), **options)
    assert expected.names == NAMES
    written = pandas.read_csv(tmp_path / "scored" / "samples.csv")
    np.testing.assert_allclose(written["unique_text"], expected.together.parts.unique[2], atol=1e-5)
    of_pair = pandas.read_csv(tmp_path / "scored" / "pairs" / "audio-text" / "samples.csv")
    np.testing.assert_allclose(of_pair["s"], expected["audio", "text"].interactions.synergy, atol=1e-5)
    assert main([*command, *blocks[:4]]) == 1
    assert "expected" in capsys.readouterr().err
