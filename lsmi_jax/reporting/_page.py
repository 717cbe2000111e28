"""What HTML pages share: the template engine, bars, and tables of means (extra ``[cli]``: jinja2)."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from lsmi_jax.decomposition import PARTS
from lsmi_jax.inputs import import_extra
from lsmi_jax.storage import write_atomic

__all__ = ["MAX_GROUPS", "NUM_FIRST", "as_json", "bars", "group_of", "origin", "script_of", "write_page"]

NUM_FIRST, MAX_GROUPS = 10, 500  # rows of a table of groups that are shown, and that are in the page


def write_page(path: Path, template: str, context: Mapping[str, Any]) -> None:
    """Writes a page.

    Args:
        path: The file.
        template: Name of the template.
        context: Its variables.

    Raises:
        ImportError: If jinja2 is not installed.
        OSError: If the file cannot be written.
    """
    jinja2 = import_extra("jinja2", purpose="a report", extra="cli")
    loader = jinja2.FunctionLoader(lambda name: files("lsmi_jax.reporting").joinpath(name).read_text("utf-8"))
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters |= {
        "number": lambda value: "" if value is None else f"{value:z.3f}",  # z: no minus sign before zero
        "short": lambda value: "" if value is None else f"{value:z.2f}",
        "place": lambda value: f"{value:.2f}",
    }
    context = {"parts": PARTS, "script_source": "'none'", **context}
    page = environment.get_template(template).render(context) + "\n"
    write_atomic(path, lambda file: file.write(page.encode("utf-8", "replace")))


def script_of(name: str) -> dict[str, str]:
    """A script, and the content security policy that allows the page this script only.

    Args:
        name: Name of the file.

    Returns:
        Variables of the template.
    """
    script = files("lsmi_jax.reporting").joinpath(name).read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"script": script, "script_source": f"'sha256-{digest}'"}


def as_json(values: Any) -> str:
    """JSON that is safe inside an element of a page: no character of it can end the element.

    Args:
        values: Lists, dictionaries, texts and finite numbers.

    Returns:
        The text.
    """
    text = json.dumps(values, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.translate({ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})


def origin(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Version, seed and checksum of the data, for the last line of a page.

    Args:
        summary: Content of ``summary.json``.

    Returns:
        Variables of the template.
    """
    return {
        "version": summary["versions"]["lsmi-jax"],
        "seed": summary["options"].get("seed"),
        "checksum": summary["data"]["sha256"][:12],
    }


def bars(entries: Sequence[tuple[str, str, float, tuple[float | None, float | None]]]) -> list[dict[str, Any]]:
    """Horizontal bars with their intervals, in percent of the width.

    Args:
        entries: Name, class of the color, mean and ends of the interval of each.

    Returns:
        One dictionary per bar.
    """
    ends = [end or 0 for *_, mean, interval in entries for end in (mean, *interval)]
    low, high = min([0, *ends]), max([1e-6, *ends])

    def place(value: float) -> float:
        """Position on the axis."""
        return 100 * (value - low) / (high - low)

    found = []
    for name, column, mean, interval in entries:
        start, end = map(place, sorted((0, mean)))
        lower, upper = (None if value is None else place(value) for value in interval)
        own = {"name": name, "column": column, "start": start, "width": end - start, "zero": place(0)}
        found.append({**own, "lower": lower, "upper": upper})
    return found


def group_of(name: str, groups: Mapping[str, Any], overall: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Rows of a table of groups, and the range of its bars.

    Args:
        name: What the groups are, such as classes.
        groups: Means of each group by its name, as in ``summary.json``; those with a report of their own have a
            ``folder``.
        overall: Means of all samples; groups that deviate from them by more standard errors come first. None to keep
            the order.

    Returns:
        Variables of the template.
    """
    entries = list(groups.items())
    if overall is not None:
        entries.sort(key=lambda entry: -_deviation(entry[1]["adjusted"], overall["adjusted"]))
    rows = [
        {
            "name": group,
            "samples": entry["samples"],
            "means": {part.symbol: entry["adjusted"][part.symbol]["mean"] for part in PARTS},
            "link": f"{entry['folder']}/report.html" if "folder" in entry else None,
        }
        for group, entry in entries[:MAX_GROUPS]
    ]
    means = [mean or 0 for row in rows for mean in row["means"].values()]
    low, high = min([0, *means]), max([1e-6, *means])
    shown = {"first": rows[:NUM_FIRST], "rest": rows[NUM_FIRST:], "total": len(groups)}
    return {"name": name, "low": low, "high": high, "zero": 100 * -low / (high - low), **shown}


def _deviation(means: Mapping[str, Any], overall: Mapping[str, Any]) -> float:
    """Largest difference of a mean from that of all samples, in standard errors; 0 if there are none."""
    pairs = [(means[part.symbol], overall[part.symbol]["mean"]) for part in PARTS]
    return max(
        abs(own["mean"] - mean) / own["standard_error"] if own["standard_error"] and own["mean"] is not None else 0.0
        for own, mean in pairs
    )
