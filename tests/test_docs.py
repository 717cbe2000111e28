"""Runs the code of the documentation, and checks that the files and names it mentions exist."""

import csv
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas
import pytest

from lsmi_jax.__main__ import main

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
TEXTS = {str(page.relative_to(ROOT)): page.read_text() for page in PAGES}
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
OPTIONAL = ("torch", "datasets", "anndata", "mudata")  # blocks that import one are skipped where it is not installed
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)) | {"paper-noise"}


def blocks(language: str) -> dict[str, list[str]]:
    """Code blocks of a language, by page."""
    fences = {name: re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.M) for name, text in TEXTS.items()}
    found = {name: [code for kind, code in pairs if kind == language] for name, pairs in fences.items()}
    return {name: codes for name, codes in found.items() if codes}


def test_every_block_is_in_a_language_that_is_tested():
    fences = [line for text in TEXTS.values() for line in text.splitlines() if line.startswith("```")]
    assert set(fences[::2]) == {"```python", "```sh", "```toml", "```bibtex", "```text"}
    assert set(fences[1::2]) == {"```"}


@pytest.mark.slow
@pytest.mark.parametrize("name", blocks("python"))
def test_python_runs_as_written(name, monkeypatch):
    # Folders of tests and studies are on the path, and have modules that are called as a library is.
    ours = str(ROOT / "tests"), str(ROOT / "examples")
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if not entry.startswith(ours)])
    for optional in OPTIONAL:
        monkeypatch.delitem(sys.modules, optional, raising=False)
    page: dict = {}  # a block may go on from those above it
    skipped = []
    for block in blocks("python")[name]:
        needed = [name for name in OPTIONAL if re.search(rf"^import .*\b{name}\b", block, re.MULTILINE)]
        missing = [name for name in needed if importlib.util.find_spec(name) is None]
        if missing:
            skipped.append(f"{missing[0]} is not installed")
            continue
        exec(compile(block, name, "exec"), page)
    if skipped:
        pytest.skip(f"all but {len(skipped)} blocks ran: {skipped[0]}")


@pytest.mark.slow
def test_the_output_in_the_readme_is_what_it_prints(capsys):
    exec(compile(blocks("python")["README.md"][0], "README.md", "exec"), {})
    texts = capsys.readouterr().out, blocks("text")["README.md"][0]
    printed, shown = (re.split(r"[+-]?\d[\d.]*", text.strip()) for text in texts)  # numbers differ between machines
    assert printed == shown
    means, expected = (re.findall(r"^[A-Z]\d* .*?([+-]\d\.\d+) ", text, re.MULTILINE) for text in texts)
    assert len(expected) == 7
    np.testing.assert_allclose(np.array(means, float), np.array(expected, float), atol=0.02)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The input files of the commands, in the folder where they run."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 2
    x1, x2 = ((rng.normal(size=(80, 2)) + labels[:, None]).astype(np.float32) for _ in range(2))
    names, speakers = np.array([f"clip {row}" for row in range(80)]), np.arange(80) // 4
    np.savez("data.npz", audio=x1, video=x2, y=labels)
    np.savez("new.npz", image=x1, text=x2, topic=labels)
    Path("options.toml").write_text(blocks("toml")["docs/command_line.md"][0])
    Path("features").mkdir()
    for name, array in (("image", x1), ("text", x2), ("topic", labels)):
        np.save(f"features/{name}.npy", array)
    columns = {"audio_0": x1[:, 0], "audio_1": x1[:, 1], "video_0": x2[:, 0], "video_1": x2[:, 1]}
    columns |= {"emotion": labels, "clip": names, "speaker": speakers}
    rows = [columns, *zip(*columns.values(), strict=True)]
    Path("table.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    pandas.DataFrame({"emb": list(x1), "y": labels, "clip": names}).to_parquet("audio.parquet")
    pandas.DataFrame({"emb": list(x2), "clip": names}).iloc[::-1].to_parquet("video.parquet")
    np.savez("clips.npz", audio=x1, video=x2, text=x1[::-1], y=labels)
    blocks_of = {f"{name}_{k}": x[:, k] for name, x in (("image", x1), ("text", x2)) for k in range(2)}
    tags = {"tag_indoor": labels, "tag_night": np.arange(80) % 3 == 0}
    pandas.DataFrame(blocks_of | {name: own.astype(int) for name, own in tags.items()}).to_csv("tags.csv", index=False)


@pytest.mark.slow
@pytest.mark.usefixtures("files")
def test_shell_lines_run_as_written(capsys):
    num_runs = 0
    for name, codes in blocks("sh").items():
        for line in "".join(codes).replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            match words:
                case []:
                    continue
                case ["lsmi-jax", *rest]:
                    assert main(rest) == 0, line
                    num_runs += rest[0] in ("estimate", "score")
                case ["make", target, *_]:
                    assert target in TARGETS, f"{name}: {line}"
                case ["python", "-m", "pip", "install", what]:
                    asked = re.fullmatch(r"\.(?:\[([\w,]+)\])?", what)
                    assert asked, f"{name}: {line}"
                    assert set((asked[1] or "cli").split(",")) <= set(EXTRAS)
                case _:
                    raise AssertionError(f"{name}: no rule to run {line!r}")
    printed = capsys.readouterr().out
    assert printed.count("Wrote samples.") == num_runs > 6
    assert "80 samples in both, of 80 and 80" in printed


def test_files_and_targets_on_pages_exist():
    for name, text in TEXTS.items():
        for path in re.findall(r"\b((?:examples|benchmarks|tests|lsmi_jax)/[\w/]+\.(?:py|npz|md))\b", text):
            assert (ROOT / path).exists(), f"{name}: {path}"
        for target in re.findall(r"`make ([\w-]+)", text):
            assert target in TARGETS, f"{name}: make {target}"


def loaded(path):
    """A Python file of the repository as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_the_paper_has_the_findings_of_the_results(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples" / "paper")
    page = loaded("examples/paper/page.py")
    assert page.rewritten(TEXTS["docs/paper.md"]) == TEXTS["docs/paper.md"]
    for place in page.STUDIES.values():
        assert f"[{place}](results/" in TEXTS["docs/paper.md"]


def benchmark(name):
    """A module of the folder of benchmarks, and the rows of its committed results."""
    with (ROOT / "docs" / "results" / f"{name}.csv").open(newline="") as file:
        return loaded(f"benchmarks/{name}.py"), list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("page", "name", "function"),
    [
        ("choosing", "accuracy", "tables"),
        ("choosing", "accuracy", "noise_table"),
        ("choosing", "accuracy", "real_table"),
        ("choosing", "components", "table"),
        ("choosing", "components", "sentence"),
        ("choosing", "discriminators", "table"),
        ("choosing", "discriminators", "verdict"),
        ("choosing", "discriminators", "synergy_table"),
        ("choosing", "learning_curve", "table"),
        ("choosing", "union", "table"),
        ("reading", "union", "smaller"),
        ("uncertainty", "coverage", "table"),
        ("uncertainty", "coverage", "verdict"),
        ("uncertainty", "coverage", "other_fits"),
        ("applications", "together", "table"),
        ("python", "groups", "sentence"),
        ("speed", "speed", "tables"),
        ("speed", "speed", "comparison"),
        ("speed", "speed", "beside_published"),
        ("speed", "speed", "sentences"),
        ("faq", "speed", "duration"),
        ("scaling", "speed", "memory_of_fits"),
        ("scaling", "speed", "memory_of_rows"),
    ],
)
def test_figures_of_a_page_are_those_of_its_benchmark(monkeypatch, page, name, function):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    module, rows = benchmark(name)
    assert " ".join(getattr(module, function)(rows).split()) in " ".join(TEXTS[f"docs/{page}.md"].split())


def test_figures_of_layers_are_those_of_the_example(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    with (ROOT / "docs" / "results" / "probe_layers.csv").open(newline="") as file:
        shown = loaded("examples/probe_layers.py").sentence(list(csv.DictReader(file)))
    assert shown in " ".join(TEXTS["docs/layers.md"].split())


def test_what_an_audit_finds_is_in_the_readme_and_the_guide(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    module, rows = benchmark("audit")
    assert module.guide(rows) in TEXTS["docs/audit.md"]
    assert module.table(rows) == TEXTS["docs/results/audit.md"]
    text = " ".join(TEXTS["README.md"].split())
    for study, figure, shown, unit in (
        ("wrong labels", "suspicious labels", r"(\d+)% of the wrong labels", 0.01),
        ("wrong labels", "logistic regression", r"(\d+)% if ranked by the confidence", 0.01),
        ("another class's x2", module.FIRST, r"contain (\d+)% of those digits", 0.01),
        ("disputed clips", "suspicious labels", r"In (\d+) of its 100 most suspicious clips", 0.01),
        ("disputed clips", "logistic regression", r"\((\d+) if ranked by a logistic regression\)", 0.01),
        ("disputed clips", "all clips", r"the rate is (\d+)%", 0.01),
        ("disputed clips", "nats that face adds to voice", r"the face add (0\.\d+) nats", 1),
        ("disputed clips", "nats that voice adds to face", r"the voice adds (0\.\d+) nats", 1),
    ):
        (number,) = re.findall(shown, text)
        # Rounded to two decimals.
        assert abs(unit * float(number) - module.values_of(rows, study, figure).mean()) < 0.00501, (study, figure)


def test_every_extra_is_documented():
    text = TEXTS["docs/install.md"]
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(EXTRAS)


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text()
    for page in ROOT.glob("docs/**/*.md"):
        assert f": {page.relative_to(ROOT / 'docs')}\n" in navigation


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://example.org/someone/lsmi_jax.git", "https://example.org/someone/lsmi_jax"),
        ("https://someone:secret@example.org/someone/lsmi_jax", "https://example.org/someone/lsmi_jax"),
        ("git@example.org:someone/lsmi_jax.git", "https://example.org/someone/lsmi_jax"),
        ("ssh://git@example.org:2222/group/part/lsmi_jax.git", "https://example.org/group/part/lsmi_jax"),
        ("/home/someone/lsmi_jax", None),
        ("../lsmi_jax", None),
        ("", None),
    ],
)
def test_the_site_links_to_where_the_checkout_comes_from(remote, address):
    assert loaded("docs/hooks.py").web_address(remote) == address


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_remote_of_the_checkout_is_the_repository_of_the_site(tmp_path, monkeypatch):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    config = SimpleNamespace(repo_url=None, repo_name=None)
    loaded("docs/hooks.py").on_config(config)
    assert config.repo_url is None
    remote = "git@example.org:someone/lsmi_jax.git"
    subprocess.run(["git", "config", "remote.origin.url", remote], check=True)
    loaded("docs/hooks.py").on_config(config)
    assert (config.repo_url, config.repo_name) == ("https://example.org/someone/lsmi_jax", "someone/lsmi_jax")
