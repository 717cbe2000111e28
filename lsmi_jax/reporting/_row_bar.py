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
    console = import_extra("rich.console", purpose="a progress bar", extra="data").Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: None
        return
    rich = import_extra("rich.progress", purpose="a progress bar", extra="data")
    speed = rich.TextColumn("{task.fields[speed]}")
    columns = (rich.BarColumn(), rich.MofNCompleteColumn(), speed, rich.TimeRemainingColumn())
    with rich.Progress(*columns, console=console) as bar:
        task = bar.add_task("rows", total=None, speed="")

        def show(done: int, total: int | None) -> None:
            """Updates the bar; Rich leaves the first step out of the speed, so rows of an earlier call do not count."""
            rows = bar.tasks[task].speed
            bar.update(task, completed=done, total=total, speed=f"{rows:,.0f} rows/s" if rows else "")

        yield show
