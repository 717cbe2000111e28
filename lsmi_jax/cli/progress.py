"""What is under way, and how long it will take; nothing where there is no terminal."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

__all__ = ["FIT", "stage_bar"]

FIT = {
    "first discriminator": 30.0,
    "second discriminator": 25.0,
    "joint discriminator": 32.0,
    "first density": 9.0,
    "second density": 1.0,
    "scores": 3.0,
}
"""The stages of an estimate, with their shares of its time as measured on six data sets, in per cent."""

INSTANT = 0.5  # seconds: what takes less was read from a file, and says nothing of the pace


@contextmanager
def stage_bar(stages: Sequence[str]) -> Iterator[Callable[[str], None]]:
    """Names the stage at work, with the time it has taken and the time left at the pace so far.

    Args:
        stages: Names of all stages; those of `FIT` count by their shares, any other as 1.

    Yields:
        A function to call with the name of each stage before it starts.

    Raises:
        ImportError: If rich is not there.
    """
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
        from rich.text import Text
    except ImportError as error:
        raise ImportError("the command line needs rich: pip install 'lsmi-jax[cli]'") from error

    pace, fits = Pace(), not FIT.keys().isdisjoint(stages)

    class TimeLeft(ProgressColumn):
        def render(self, task: Task) -> Text:
            left = pace.left((task.total or 0) - task.completed)
            return Text("" if left is None else f"{left // 60:.0f}:{left % 60:02.0f} left")

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TimeElapsedColumn(), TimeLeft())
    total = sum(FIT.get(name, 1.0) for name in stages)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=total)

        def stage(name: str) -> None:
            bar.update(task, advance=pace.begin(FIT.get(name, 1.0), name in FIT or not fits), description=name)

        yield stage


class Pace:
    """Seconds a unit of work has taken so far."""

    def __init__(self) -> None:
        self.begun, self.at_work, self.telling = time.monotonic(), 0.0, False
        self.seconds, self.work = 0.0, 0.0

    def begin(self, work: float, telling: bool) -> float:
        """Begins a stage of so much work, which may tell the pace of others, and returns that of the one that ended."""
        now, ended = time.monotonic(), self.at_work
        if self.telling and now - self.begun > INSTANT:
            self.seconds, self.work = self.seconds + now - self.begun, self.work + ended
        self.begun, self.at_work, self.telling = now, work, telling
        return ended

    def left(self, work: float) -> int | None:
        """Seconds until so much work is done, that of the stage at work included; None before the first is."""
        if not self.work:
            return None
        since = time.monotonic() - self.begun
        pace = self.seconds / self.work
        return round(max(pace * work - since, pace * (work - self.at_work), 0))
