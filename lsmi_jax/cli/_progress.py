"""Shows the current stage, the number of stages and the elapsed time; on a terminal only."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from lsmi_jax.inputs import import_extra

__all__ = ["stage_bar"]


@contextmanager
def stage_bar(stages: Sequence[str]) -> Iterator[Callable[[str], None]]:
    """Shows how many of the stages are done.

    Args:
        stages: Names of all stages, in order; names may repeat.

    Yields:
        A function to call with the name of each stage before it starts.

    Raises:
        ImportError: If rich is not installed.
    """
    console = import_extra("rich.console", purpose="the command line", extra="cli").Console(stderr=True)
    if not console.is_terminal:
        yield lambda name: None
        return
    rich = import_extra("rich.progress", purpose="the command line", extra="cli")
    columns = (rich.TextColumn("{task.description}"), rich.BarColumn(bar_width=20), rich.TimeElapsedColumn())
    started: list[str] = []
    with rich.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=len(stages))

        def begin(name: str) -> None:
            """Moves on to a stage; stages that were skipped count as done."""
            done = stages.index(name, len(started)) if name in stages[len(started) :] else len(started)
            started[:] = stages[: done + 1]
            bar.update(task, completed=done, description=f"{done + 1} of {len(stages)}: {name}")

        yield begin
