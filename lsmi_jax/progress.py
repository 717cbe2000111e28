"""A bar on a terminal for what goes over many rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["row_bar"]


@contextmanager
def row_bar(shown: bool, done: int, total: int | None) -> Iterator[Callable[[int], None]]:
    """Shows how many rows are done, how many a second, and the time left; on a terminal only.

    Args:
        shown: Whether to show anything.
        done: Number of rows that are done at the start.
        total: Number of all rows, or None where it is not known.

    Yields:
        A function to call with the number of rows done since the last call.

    Raises:
        ImportError: If rich is not there.
    """
    if not shown:
        yield lambda rows: None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
        from rich.text import Text
    except ImportError as error:
        raise ImportError("a progress bar needs rich: pip install 'lsmi-jax[data]'") from error

    class RowsPerSecond(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f} rows/s" if task.speed else "")

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda rows: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), RowsPerSecond(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("rows", total=total, completed=done)
        yield lambda rows: bar.advance(task, rows)
