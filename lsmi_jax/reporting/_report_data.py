"""The samples of a report as plain data, which its script shows, filters and sorts."""

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import jax
import numpy as np

from lsmi_jax.decomposition import KINDS, PARTS, THRESHOLD, information_of
from lsmi_jax.estimation import RANKED_BY, Estimate, ranked, suspicious
from lsmi_jax.inputs import to_host
from lsmi_jax.reporting._images import thumbnail

__all__ = ["KIND_COLORS", "MAX_SAMPLES", "name_modalities", "sample_data"]

MAX_SAMPLES = 50_000  # in a page; of more, a stratified sample and all suspicious ones are shown
MAX_IMAGES, IMAGES_PER_CARD, MAX_IMAGE_BYTES = 600, 48, 5_000_000
NUM_COMPARED = 50  # first samples of a list that are compared between seeds
SUSPICIOUS = "suspicious labels"
NOT_KNOWN = "not known"  # in place of the kind, where a modality or the label is missing
MAX_CHOICES = 1000  # of a filter; there is none for columns of more values
LONG = 8  # characters of a float that is shown in full
KIND_COLORS = (*(part.color for part in PARTS), "#D55E00", "#56B4E9", "#7F7F7F", "#B0B0B0")
"""Color of each kind of samples, then of those without one; the first four are those of the parts."""
NUMBER, ABSENT = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?"), ("nan", "None", "<NA>", "NaT")

MEANINGS = {
    SUSPICIOUS: "Both together make the label much less likely than its frequency. It may be wrong.",
    "x1 misleads": "{x1} points away from the label.",
    "x2 misleads": "{x2} points away from the label.",
    "only together": "Neither knows the label; both together do.",
    "only x1": "{x1} knows the label; {x2} does not help.",
    "only x2": "{x2} knows the label; {x1} does not help.",
    "both know": "Either one is enough.",
    "none knows": "Neither knows the label, or both mislead.",
}
"""What each list holds, in the order of the lists."""


def sample_data(
    result: Estimate,
    names: tuple[str, str],
    ids: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str] = (),
    groups: Mapping[str, np.ndarray] | None = None,
    images: np.ndarray | None = None,
) -> dict[str, Any]:
    """Columns, lists and thumbnails of the samples of a report, for JSON.

    Args:
        result: The estimate.
        names: Names of the two modalities.
        ids: Name of each sample ``[n]``.
        labels: Label of each sample ``[n]``, as the user wrote it.
        classes: Names of the classes that are predicted.
        groups: Group of each sample ``[n]`` by the name of the grouping.
        images: From `check_images`; None for none.

    Returns:
        Columns are lists over the rows that are shown; texts that repeat are codes of a list of levels. Lists of
        samples hold positions among these rows.
    """
    if "label" in (groups or {}):
        raise ValueError("groups: expected a name other than 'label', which is reserved for the labels")
    known = _known(result.information)
    lists = {name: _listed(result.information, name) for name in MEANINGS}
    rows = _shown(labels, lists[SUSPICIOUS])
    place = np.full(result.num_samples, -1)
    place[rows] = np.arange(len(rows))
    i1, i2, i12 = (to_host(i) for i in result.information)
    numbers = {"i1": i1, "i2": i2, "i12": i12, "gain": to_host(result.gain)}
    numbers |= {part.column: to_host(getattr(result.interactions, part.field)) for part in PARTS}
    columns: dict[str, Any] = {name: _rounded(values[rows]) for name, values in numbers.items()}
    columns["kind"] = np.where(known, to_host(result.kind), len(KINDS))[rows].tolist()
    if result.predictions is not None and len(classes):
        for view, own, chance in zip(("1", "2", "12"), *result.predictions, strict=True):
            columns["p" + view] = to_host(own)[rows].tolist()
            columns["q" + view] = _rounded(to_host(chance)[rows])
    levels = {"label": _levels(labels[rows])} | {name: _levels(own[rows]) for name, own in (groups or {}).items()}
    shown = {name: place[own][place[own] >= 0] for name, own in lists.items()}
    reproduced = _reproduced(result)
    return {
        "names": list(names),
        "classes": [str(name) for name in classes],
        "kinds": [*(name_modalities(kind, names) for kind in KINDS), NOT_KNOWN],
        "colors": list(KIND_COLORS),
        "total": result.num_samples,
        "ids": [str(name) for name in ids[rows]],
        "columns": columns,
        "levels": levels,
        "max_choices": MAX_CHOICES,
        "lists": [
            {
                "name": name_modalities(name, names),
                "meaning": MEANINGS[name].format(x1=names[0], x2=names[1]),
                "by": RANKED_BY.get(name, "i12, lowest first"),
                "kind": KINDS.index(name) if name in KINDS else None,
                "size": len(lists[name]),
                "rows": shown[name].tolist(),
                "reproduced": reproduced.get(name),
            }
            for name in MEANINGS
        ],
        "images": {} if images is None else _thumbnails(images, rows, list(shown.values())),
    }


def name_modalities(kind: str, names: tuple[str, str]) -> str:
    """A kind with the names of the modalities in place of x1 and x2."""
    return re.sub("x[12]", lambda found: names[int(found[0][1]) - 1], kind)


def _known(information: tuple[jax.Array, jax.Array, jax.Array]) -> np.ndarray:
    """Whether i1, i2 and i12 of each sample are numbers: both modalities and the label are there."""
    return ~np.isnan(np.stack([to_host(i) for i in information])).any(0)


def _listed(information: tuple[jax.Array, jax.Array, jax.Array], name: str) -> np.ndarray:
    """Rows of a list: of a kind, or whose label both modalities together contradict, lowest i12 first."""
    if name == SUSPICIOUS:
        rows = suspicious(information)
        rows = rows[to_host(information[2])[rows] <= -THRESHOLD]
    else:
        rows = ranked(information, name)
    return rows[_known(information)[rows]]


def _shown(labels: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """All rows; of more than a page can hold, evenly spaced ones within each class, and those to be kept."""
    if len(labels) <= MAX_SAMPLES:
        return np.arange(len(labels))
    kept = kept[:MAX_SAMPLES]
    by_class = np.argsort(np.unique(labels.astype(str), return_inverse=True)[1], kind="stable")
    rest = by_class[~np.isin(by_class, kept)]
    room = MAX_SAMPLES - len(kept)
    spread = rest[np.linspace(0, len(rest) - 1, room).astype(int)] if room else rest[:0]
    return np.union1d(kept, spread)


def _rounded(values: np.ndarray) -> list[float | None]:
    """Values to three places; None where they are not finite."""
    return [round(value, 3) if np.isfinite(value) else None for value in np.asarray(values, float).tolist()]


def _text(value: Any) -> str:
    """A value as the tables of classes and groups have it, but long floats to six digits."""
    text = str(value)
    return f"{value:.6g}" if isinstance(value, float | np.floating) and len(text) > LONG else text


def _levels(values: np.ndarray) -> dict[str, list]:
    """Texts as codes of a list of levels, in the order in which numbers and texts sort."""
    levels, codes = np.unique(list(map(_text, values)), return_inverse=True)
    if all(NUMBER.fullmatch(level) or level in ABSENT for level in levels):
        order = np.argsort([np.inf if level in ABSENT else float(level) for level in levels], kind="stable")
        levels, codes = levels[order], np.argsort(order)[codes]
    return {"names": ["none" if level in ABSENT else level for level in levels.tolist()], "codes": codes.tolist()}


def _reproduced(result: Estimate) -> dict[str, float]:
    """Share of the first samples of each list that lists of single seeds have in common; empty for one seed."""
    if result.seeds is None:
        return {}
    information = list(zip(*information_of(result.seeds), strict=True))
    shares = {}
    for name in MEANINGS:
        of_seeds = [_listed(own, name) for own in information]
        firsts = [set(rows[:NUM_COMPARED].tolist()) for rows in of_seeds]
        pairs = [(a, b) for a, b in combinations(firsts, 2) if a or b]
        if pairs:
            shares[name] = round(float(np.mean([len(a & b) / max(len(a), len(b)) for a, b in pairs])), 2)
    return shares


def _thumbnails(images: np.ndarray, rows: np.ndarray, lists: list[np.ndarray]) -> dict[str, str]:
    """Thumbnails by position: of the first samples of each list, then of others, as many as a page can hold."""
    ranks = [own[rank] for rank in range(IMAGES_PER_CARD) for own in lists if rank < len(own)]
    found: dict[str, str] = {}
    size = 0
    for position in dict.fromkeys([*map(int, ranks), *range(len(rows))]):
        if len(found) >= MAX_IMAGES or size > MAX_IMAGE_BYTES:
            break
        found[str(position)] = thumbnail(images[rows[position]])
        size += len(found[str(position)])
    return found
