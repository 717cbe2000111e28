"""A progress bar for work that goes over many rows (extra ``[data]``: rich)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lsmi_jax.inputs import import_extra

__all__ = ["row_bar"]


@contextmanager
def row_bar() -> Iterator[Callable[[int, int | None], None]]:
    """Shows rows done, rows per second and the remaining time, on a terminal only.

    Yields:
        A function of the number of rows done and of all rows (None if unknown), for the ``progress`` of
        `lsmi_jax.score_to_file`.

    Raises:
        ImportError: If rich is not installed.

    Examples:
        >>> with row_bar() as progress:
        ...     progress(10, 20)
    """
    progress, text, console = (
        import_extra(f"rich.{name}", purpose="a progress bar", extra="data") for name in ("progress", "text", "console")
    )

    class RowsPerSecond(progress.ProgressColumn):
        """Speed of a task."""

        def render(self, task):
            return text.Text(f"{task.speed:,.0f} rows/s" if task.speed else "")

    terminal = console.Console(stderr=True)
    if not terminal.is_terminal:
        yield lambda done, total: None
        return
    columns = (progress.BarColumn(), progress.MofNCompleteColumn(), RowsPerSecond(), progress.TimeRemainingColumn())
    with progress.Progress(*columns, console=terminal) as bar:
        task = bar.add_task("rows", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
