"""What is under way, and how long it will take; nothing where there is no terminal."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lsmi_jax.estimation import NARROW
from lsmi_jax.estimation import VIEWS

__all__ = ["Pace", "fit_stages", "reading_seconds", "scoring_seconds", "stage_bar", "writing_seconds"]

# As measured on two cores, for a first guess.
PROGRAM = 6.0  # seconds to compile the fit of discriminators of one width
DENSITY, SCORES = 3.5, 1.2  # seconds to compile those of the densities, and of the scores
BYTES = {".csv": 8e7}  # a second
OTHER_BYTES = 2e8
SCORED_ROWS, PARQUET_ROWS, CSV_ROWS = 5e4, 3e5, 7e4  # a second

FITTED = frozenset(f"{name} {kind}" for name in VIEWS for kind in ("discriminator", "density"))
INSTANT = 0.5  # seconds: what takes less was read from a file, and says nothing of the pace


def fit_stages(
    widths: tuple[int, int], num_rows: int, num_classes: int, num_fits: int, *, given_logits: bool = False
) -> list[tuple[str, float]]:
    """The stages of a fit with the seconds that each may take: a first guess, which the first stage to end corrects.

    Args:
        widths: Numbers of columns of the two blocks.
        num_rows: Number of samples n.
        num_classes: Number of classes K.
        num_fits: Number of folds times number of seeds.
        given_logits: Whether the logits are the user's, so that only densities are fitted.

    Returns:
        Names and seconds.
    """
    both = sum(widths)
    views = (both, both, both) if both <= NARROW else (*widths, both)
    work = num_fits * 0.0016 * num_rows ** (2 / 3) * (1 + num_classes / 150)
    seconds = [0.1 * num_fits + work * (0.4 + width / 100) for width in views]
    known = [width in views[:place] for place, width in enumerate(views)]
    stages = [
        (f"{name} discriminator", one + PROGRAM * (not compiled))
        for name, one, compiled in zip(VIEWS, seconds, known, strict=True)
    ]
    density = num_fits * (0.05 + 1.6e-6 * num_rows)
    stages = [] if given_logits else stages
    stages += [(f"{VIEWS[0]} density", density + DENSITY), (f"{VIEWS[1]} density", density)]
    return [*stages, ("scores", SCORES + 5e-6 * num_rows)]


def reading_seconds(path: Path) -> float:
    """How long it may take to read a file, or all files of a folder."""
    files = path.glob("*.npy") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.exists()) / BYTES.get(path.suffix, OTHER_BYTES)


def scoring_seconds(num_rows: int) -> float:
    """How long it may take to score so many samples with a fitted estimator."""
    return 3.0 + num_rows / SCORED_ROWS


def writing_seconds(num_rows: int, file_format: str) -> float:
    """How long means, the table and the page may take; intervals have to be compiled."""
    return 4.0 + num_rows / (CSV_ROWS if file_format == "csv" else PARQUET_ROWS)


class Pace:
    """What is to be done, in seconds it may take, and how the fit at hand compares with that.

    Examples:
        >>> pace = Pace()
        >>> pace.expect([("reading", 2.0), *fit_stages((8, 8), num_rows=1000, num_classes=2, num_fits=5)])
        >>> pace.begin("reading")
        >>> pace.left() > 2
        True
    """

    def __init__(self) -> None:
        """Nothing is expected yet."""
        self.ahead: list[tuple[str, float]] = []
        self.name, self.seconds, self.begun = "", 0.0, time.monotonic()
        self.done = self.took = self.guessed = 0.0

    def expect(self, stages: Iterable[tuple[str, float]]) -> None:
        """Adds stages, in their order, to those that are to come.

        Args:
            stages: Names and seconds.
        """
        self.ahead += stages

    def begin(self, name: str) -> None:
        """Ends the stage at work and begins another; those expected before it are left out.

        Args:
            name: Its name.
        """
        now = time.monotonic()
        if self.name in FITTED and now - self.begun > INSTANT:
            self.took, self.guessed = self.took + now - self.begun, self.guessed + self.seconds
        self.done += self.seconds
        self.name, self.seconds, self.begun = name, 0.0, now
        names = [one for one, _ in self.ahead]
        if name in names:
            place = names.index(name)
            self.seconds, self.ahead = self.ahead[place][1], self.ahead[place + 1 :]

    def left(self) -> int:
        """Seconds that are left: of the guess, or where a stage of the fit has ended, at its pace."""
        since = time.monotonic() - self.begun
        return round(
            max(self._scaled(self.name, self.seconds) - since, 0) + sum(self._scaled(*one) for one in self.ahead)
        )

    def _scaled(self, name: str, seconds: float) -> float:
        return seconds * self.took / self.guessed if name in FITTED and self.guessed else seconds


@contextmanager
def stage_bar() -> Iterator[Pace]:
    """Names the stage at work, with the time it has taken and the time left, on a terminal.

    Yields:
        A `Pace` that is told what to expect, and of each stage before it starts.

    Raises:
        ImportError: If rich is not there.
    """
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
        from rich.text import Text
    except ImportError as error:
        raise ImportError("the command line needs rich: pip install 'lsmi-jax[cli]'") from error

    class TimeLeft(ProgressColumn):
        def render(self, task: Task) -> Text:
            left = pace.left()
            return Text(f"about {left // 60}:{left % 60:02} left" if left else "almost done")

    class Told(Pace):
        def begin(self, name: str) -> None:
            super().begin(name)
            total = self.done + self.seconds + sum(seconds for _, seconds in self.ahead)
            bar.update(task, description=name, completed=self.done, total=total)

    console = Console(stderr=True)
    if not console.is_terminal:
        yield Pace()
        return
    pace = Told()
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TimeElapsedColumn(), TimeLeft())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield pace
