"""What `score_to_file` has safely on disk, and what it needs to resume."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from lsmi_jax.decomposition import Interactions, finite_rows
from lsmi_jax.estimation._result import Estimate
from lsmi_jax.inputs import Position
from lsmi_jax.storage import damage_as_value_error, parse_record, record_text, write_atomic

__all__ = ["State", "read_state", "write_state"]


@dataclass(frozen=True)
class State:
    """What is safely on disk, and what is needed to resume."""

    identity: str
    num_rows: int = 0
    batch: int = 0  # position of the last chunk that is safe
    row: int = 0
    last_chunk: str = ""  # its fingerprint
    interactions: tuple[float, ...] = (0.0,) * 4  # sums over the rows
    num_finite: int = 0  # rows that the sums are over
    diagnostics: tuple[float, ...] = ()  # sums of the chunks', by their rows
    union_violation: float | None = None  # the largest of all chunks
    complete: bool = False
    file_size: int = 0  # bytes of the finished file

    @property
    def means(self) -> Interactions:
        """Means of the parts over all rows with finite parts; NaN if there are none."""
        count = self.num_finite or np.nan
        return Interactions(*(jnp.float32(total / count) for total in self.interactions))

    @property
    def mean_diagnostics(self) -> np.ndarray:
        """Means of the diagnostics over all rows, flat."""
        return np.asarray(self.diagnostics) / self.num_rows

    def added(self, estimate: Estimate, start: Position) -> "State":
        """The state after one more chunk."""
        size = estimate.num_samples
        is_finite = np.asarray(finite_rows(*estimate.interactions))
        sums = [np.asarray(part)[is_finite].sum(dtype=np.float64) for part in estimate.interactions]
        diagnostics, _ = ravel_pytree(estimate.diagnostics)
        return replace(
            self,
            num_rows=self.num_rows + size,
            batch=start.batch,
            row=start.row,
            num_finite=self.num_finite + int(is_finite.sum()),
            interactions=_sum(self.interactions, sums),
            diagnostics=_sum(self.diagnostics, size * np.asarray(diagnostics, np.float64)),
            union_violation=_largest(self.union_violation, estimate.diagnostics.union_violation),
        )


def write_state(path: Path, state: State) -> None:
    """Writes the state atomically."""
    write_atomic(path, lambda file: file.write(record_text(asdict(state))))


def read_state(path: Path, identity: str) -> State:
    """Reads the state of an interrupted or finished call; empty if there is none, or a finished one of another call.

    Raises:
        ValueError: If the file is damaged, or of an interrupted call with another estimator or redundancy.
    """
    if not path.exists():
        return State(identity)
    with damage_as_value_error(f"path: expected a state of score_to_file in {path}, got something else; delete it"):
        state = State(**parse_record(path.read_bytes()))
    if state.identity == identity:
        return state
    if state.complete:
        return State(identity)
    raise ValueError(
        f"path: expected the state of the same call, but {path} has another estimator or redundancy; delete it"
    )


def _largest(so_far: float | None, more: jax.Array | None) -> float | None:
    """The larger of two numbers; None if there is none."""
    if more is None:
        return so_far
    return float(more) if so_far is None else max(so_far, float(more))


def _sum(so_far: tuple[float, ...], more: Sequence[float] | np.ndarray) -> tuple[float, ...]:
    """Adds to running sums in float64."""
    return tuple(float(a) + float(b) for a, b in zip(so_far or (0.0,) * len(more), more, strict=True))
