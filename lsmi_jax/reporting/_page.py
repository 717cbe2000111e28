"""What HTML pages share: the template engine, bars, and tables of means (extra ``[cli]``: jinja2)."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from lsmi_jax.decomposition import PARTS
from lsmi_jax.inputs import import_extra
from lsmi_jax.storage import write_atomic

__all__ = ["MAX_GROUPS", "bars", "group_of", "origin", "write_page"]

MAX_GROUPS = 60


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
        "number": lambda value: f"{value:z.3f}",  # z: no minus sign before zero
        "short": lambda value: f"{value:z.2f}",
        "place": lambda value: f"{value:.2f}",
    }
    page = environment.get_template(template).render({"parts": PARTS, **context}) + "\n"
    write_atomic(path, lambda file: file.write(page.encode()))


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
    low, high = min(0, *ends), max(1e-6, *ends)

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


def group_of(name: str, groups: Mapping[str, Any]) -> dict[str, Any]:
    """Rows of a table of groups, and the length of its longest bar.

    Args:
        name: What the groups are, such as classes.
        groups: Means of each group by its name, as in ``summary.json``; those with a report of their own have a
            ``folder``.

    Returns:
        Variables of the template.
    """
    rows = [
        {
            "name": group,
            "samples": entry["samples"],
            "means": {part.symbol: entry["adjusted"][part.symbol]["mean"] for part in PARTS},
            "link": f"{entry['folder']}/report.html" if "folder" in entry else None,
        }
        for group, entry in list(groups.items())[:MAX_GROUPS]
    ]
    size = max(1e-6, *(abs(mean or 0) for row in rows for mean in row["means"].values()))
    return {"name": name, "rows": rows, "size": size, "total": len(groups)}
