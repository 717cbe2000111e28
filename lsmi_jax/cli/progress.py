"""What is under way, and how long it will take; nothing where there is no terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["stage_bar"]


@contextmanager
def stage_bar(total: int) -> Iterator[Callable[[str], None]]:
    """Names the stage at work, with the time it has taken and the time left at the pace so far.

    Args:
        total: Number of stages.

    Yields:
        A function to call with the name of each stage before it starts.

    Raises:
        ImportError: If rich is not there.
    """
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    except ImportError as error:
        raise ImportError("the command line needs rich: pip install 'lsmi-jax[cli]'") from error
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.completed}/{task.total} {task.description}"),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=total)
        started = False

        def stage(name: str) -> None:
            nonlocal started
            bar.update(task, advance=int(started), description=name)
            started = True

        yield stage
