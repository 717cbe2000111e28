"""A page that shows it all: one file, no network, readable on a phone, in light and in dark."""

from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from lsmi_jax.reporting._charts import bars, cell, histogram
from lsmi_jax.reporting._images import as_html
from lsmi_jax.storage import write_whole
from lsmi_jax.decomposition import COLORS, LETTERS
from lsmi_jax.estimation import Estimate

__all__ = ["write_page"]

MAX_GROUPS = 60
NUM_TOP = 8
NUM_BINS = 40

STYLE = """
:root { color-scheme: light dark; --text: #1d2226; --soft: #5c6770; --line: #d9dee2; --ground: #ffffff;
  --card: #f5f7f8 }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6eaed; --soft: #9aa5ae; --line: #3a434b; --ground: #14181b; --card: #1d2327 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.2rem; max-width: 62rem; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem }
h3 { font-size: 1rem; margin: 0 0 .3rem }
p, li { max-width: 46rem } .soft { color: var(--soft) } .scroll { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } th { color: var(--soft); font-weight: 500 }
th, td { padding: .2rem .7rem .2rem 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line) }
th:first-child, td:first-child { text-align: left }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: 1rem }
.card { background: var(--card); border-radius: .5rem; padding: .8rem; overflow-x: auto }
.card + .scroll { margin-top: .6rem } .grid .card { display: flex; flex-direction: column }
.histogram { margin-top: auto }
.card table { width: 100%; font-size: .85rem } img { height: 2.6rem; image-rendering: pixelated; display: block }
svg { display: block; width: 100%; height: 100%; overflow: visible } line { vector-effect: non-scaling-stroke }
.bars { display: grid; grid-template-columns: 2rem 1fr; grid-auto-rows: 1.8rem; align-items: center }
.cell { width: 5rem; height: .4rem } .histogram svg { height: 6rem }
.ends { position: relative; display: flex; justify-content: space-between; color: var(--soft); font-size: .75rem }
.ends span[style] { position: absolute; transform: translateX(-50%) }
.axis { stroke: var(--soft); stroke-width: 1 } .error { stroke: var(--text); stroke-width: 1.5 }
.r { fill: C0; color: C0 } .u1 { fill: C1; color: C1 } .u2 { fill: C2; color: C2 } .s { fill: C3; color: C3 }
h3::before { content: ""; display: inline-block; width: .7rem; height: .7rem; margin-right: .4rem; border-radius: 2px;
  background: currentColor }
h3 span { color: var(--text) }
@media (max-width: 36rem) { body { padding: .8rem } table { font-size: .8rem } th, td { padding-right: .35rem }
  .cell { width: 3rem } td:first-child { white-space: normal } }
"""


def write_page(
    path: Path,
    title: str,
    names: tuple[str, str],
    result: Estimate,
    summary: dict[str, Any],
    ids: np.ndarray,
    labels: np.ndarray,
    images: np.ndarray | None = None,
) -> None:
    """Writes the page.

    Args:
        path: The file.
        title: What the data are called.
        names: Names of the two modalities.
        result: The estimate.
        summary: From `lsmi_jax.cli.writing.summary_of`, of the same estimate.
        ids: Name of each sample ``[n]``.
        labels: Label of each sample ``[n]``, as the user wrote it.
        images: From `lsmi_jax.cli.pictures.pictures`; None for none.
    """
    first, second = map(escape, names)
    words = ("shared by both", f"only in {first}", f"only in {second}", "only in both together")
    means = summary["means"]
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p class=soft>{means['overall']['samples']:,} samples, {len(means['classes'])} classes. What {first} and "
        f"{second} say about the label, sample by sample, in nats (1 bit = 0.693 nats).</p>",
        f"<h2>In short</h2><p>{_in_short(means['overall'], words)}</p>",
        f"<div class=card>{bars(means['overall']['adjusted'])}</div>{_overall(means['overall'], words)}",
        _by_group("class", means["classes"]),
        *(_by_group(name, groups) for name, groups in means["groups"].items()),
        f"<h2>Distributions</h2><div class=grid>{''.join(_histograms(result, words))}</div>",
        "<h2>Samples with the most of each</h2><div class=grid>"
        + "".join(_top(result, words, ids, labels, images))
        + "</div>",
        f"<h2>Can it be trusted?</h2>{_diagnostics(summary, first, second)}",
        f"<h2>How to read it</h2>{_reading(first, second)}",
        f"<p class=soft>lsmi_jax {escape(summary['versions']['lsmi-jax'])}; seed {summary['options']['seed']}; data "
        f"{escape(summary['data']['sha256'][:12])}. All options are in summary.json.</p>",
    ]
    style = STYLE
    for index, color in enumerate(COLORS):
        style = style.replace(f"C{index}", color)
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style>"
    )
    page = f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'
    write_whole(path, lambda file: file.write(page.encode()))


def _in_short(overall: dict[str, Any], words: tuple[str, ...]) -> str:
    means = {letter: overall["adjusted"][letter]["mean"] for letter in LETTERS}
    largest = max(means, key=lambda letter: means[letter])
    total = overall["I12"]["mean"]
    share = f", {means[largest] / total:.0%} of the whole" if total > 0 else ""
    return (
        f"Both modalities together say {total:.2f} nats about the label of a sample on average. Most of it is "
        f"{words[LETTERS.index(largest)]} ({largest} = {means[largest]:.2f} nats{share})."
    )


def _overall(overall: dict[str, Any], words: tuple[str, ...]) -> str:
    rows = []
    for letter, meaning in zip(LETTERS, words, strict=True):
        shifted, raw = overall["adjusted"][letter], overall[letter]
        cells = (f"{letter}: {meaning}", f"{shifted['mean']:z.3f}", _interval(shifted), f"{raw['mean']:z.3f}")
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "<tr><th></th><th>mean</th><th>95 % interval</th><th>raw</th></tr>"
    return f"<div class=scroll><table>{head}{''.join(rows)}</table></div>"


def _interval(one: dict[str, Any]) -> str:
    return "" if one["lower"] is None else f"{one['lower']:z.3f} to {one['upper']:z.3f}"


def _by_group(name: str, groups: dict[str, Any]) -> str:
    shown = list(groups.items())[:MAX_GROUPS]
    means = {group: [one["adjusted"][letter]["mean"] for letter in LETTERS] for group, one in shown}
    size = max(1e-6, *(abs(mean) for row in means.values() for mean in row))
    rows = []
    for group, one in shown:
        cells = "".join(f"<td>{cell(mean, size, of)}</td>" for mean, of in zip(means[group], LETTERS, strict=True))
        rows.append(f"<tr><td>{escape(group)}</td><td>{one['samples']}</td>{cells}</tr>")
    head = f"<tr><th>{escape(name)}</th><th>samples</th>{''.join(f'<th>{letter}</th>' for letter in LETTERS)}</tr>"
    rest = "" if len(shown) == len(groups) else f"<p class=soft>The first {MAX_GROUPS} of {len(groups)}.</p>"
    table = f"<div class=scroll><table>{head}{''.join(rows)}</table></div>{rest}"
    return f"<h2>By {escape(name)}</h2>{table}"


def _histograms(result: Estimate, words: tuple[str, ...]) -> list[str]:
    values = [np.asarray(part, float) for part in result.interactions]
    finite = np.concatenate([part[np.isfinite(part)] for part in values])
    low, high = np.quantile(finite, [0.002, 0.998])
    edges = np.linspace(low, max(high, low + 1e-6), NUM_BINS + 1)
    counts = [np.histogram(np.clip(part[np.isfinite(part)], low, high), edges)[0] for part in values]
    return [
        f"<div class=card>{_heading(letter, meaning)}{histogram(count, edges, letter)}</div>"
        for letter, meaning, count in zip(LETTERS, words, counts, strict=True)
    ]


def _heading(letter: str, meaning: str) -> str:
    return f"<h3 class={letter.lower()}><span>{letter}: {meaning}</span></h3>"


def _top(result, words, ids, labels, images) -> list[str]:
    cards = []
    for letter, meaning, part in zip(LETTERS, words, result.interactions, strict=True):
        values = np.asarray(part, float)
        rows = []
        for row in np.argsort(np.where(np.isfinite(values), -values, np.inf), kind="stable")[:NUM_TOP]:
            picture = "" if images is None else f"<td>{as_html(images[row])}</td>"
            rows.append(
                f"<tr>{picture}<td>{escape(str(ids[row]))}</td><td>{escape(str(labels[row]))}</td><td>{values[row]:z.2f}</td></tr>"
            )
        head = ("<th></th>" if images is not None else "") + "<th>sample</th><th>label</th><th>nats</th>"
        cards.append(f"<div class=card>{_heading(letter, meaning)}<table><tr>{head}</tr>{''.join(rows)}</table></div>")
    return cards


def _diagnostics(summary: dict[str, Any], first: str, second: str) -> str:
    known = summary["diagnostics"]
    head = "<tr><th>predicted from</th><th>cross-entropy</th><th>accuracy</th></tr>"
    rows = "".join(
        f"<tr><td>{name}</td><td>{loss:.3f}</td><td>{accuracy:.1%}</td></tr>"
        for name, loss, accuracy in zip((first, second, "both"), known["cross_entropy"], known["accuracy"], strict=True)
    )
    findings = summary["findings"] or ["Nothing is out of the ordinary."]
    listed = "".join(f"<li>{escape(finding)}</li>" for finding in findings)
    return (
        f"<div class=scroll><table>{head}{rows}</table></div><p>Class frequencies alone give a cross-entropy of "
        f"{known['prior_entropy']:.3f} nats. One modality attains both minima of the paper's redundancy on "
        f"{known['single_source_fraction']:.0%} of the samples.</p><ul>{listed}</ul>"
    )


def _reading(first: str, second: str) -> str:
    items = (
        f"<b>R</b>: what either modality alone would have told. <b>U1</b>: what only {first} tells. <b>U2</b>: what "
        f"only {second} tells. <b>S</b>: what shows only when both are seen together.",
        f"R + U1 is all that {first} says, R + U2 all that {second} says, and the four together all that both say.",
        "A part below zero misleads: it makes the true label less likely than the class frequencies do.",
        "Means are adjusted: shifted by one constant, as in the paper, which leaves those sums as they are and brings "
        "the most negative part to zero. Raw ones are plain means of what single samples have, as they are in the "
        "distributions and the lists.",
        "Every sample was scored by models that had not seen it, unless summary.json names an estimator that was "
        "fitted before. Heights of the distributions are square roots of counts.",
    )
    return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"
