"""Shows the current stage, the number of stages and the elapsed time; on a terminal only."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from lsmi_jax.decomposition import Redundancy, num_cells_of
from lsmi_jax.estimation import VIEWS
from lsmi_jax.inputs import import_extra

__all__ = ["fit_stages", "stage_bar"]


def fit_stages(redundancy: Redundancy, *, fits_discriminators: bool) -> list[str]:
    """Names of the stages of a fit, in order."""
    stages = [f"{name} discriminator" for name in VIEWS] if fits_discriminators else []
    stages += [f"{name} density" for name in VIEWS[:2]] if redundancy.density is not None else []
    return stages + ([f"{VIEWS[2]} union information"] if num_cells_of(redundancy) is not None else [])


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
