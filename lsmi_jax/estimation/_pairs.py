"""Results of every pair of modalities."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from lsmi_jax.decomposition import INFORMATION, PARTS, Interactions, set_to_zero
from lsmi_jax.estimation._formatting import Overview, Row, is_concrete, plain_repr
from lsmi_jax.estimation._result import Estimate, mean_cells
from lsmi_jax.estimation._summary import Summary
from lsmi_jax.estimation._together import Together
from lsmi_jax.inputs import import_extra, pairs_of

if TYPE_CHECKING:
    import pandas

__all__ = ["Pairs"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, repr=False)
class Pairs:
    """Interactions of every pair of M modalities; index it as ``pairs["text", "audio"]`` or ``pairs[0]``.

    Attributes:
        estimates: An `Estimate` of each pair, in the order of ``pairs``.
        names: Names of the modalities, in the order of the feature blocks.
        together: What all modalities say at once; None if that was not asked for.
    """

    estimates: tuple[Estimate, ...]
    names: tuple[str, ...] = field(metadata={"static": True})
    together: Together | None = None

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Names of the first and the second modality of each pair."""
        return tuple((self.names[a], self.names[b]) for a, b in pairs_of(len(self.names)))

    def __getitem__(self, pair: int | tuple[str, str]) -> Estimate:
        if isinstance(pair, int):
            return self.estimates[pair]
        if pair not in self.pairs:
            raise KeyError(f"pair: expected one of {', '.join(map(str, self.pairs))}, got {pair!r}")
        return self.estimates[self.pairs.index(pair)]

    def __len__(self) -> int:
        return len(self.estimates)

    def __repr__(self) -> str:
        if not is_concrete(self.estimates):
            return plain_repr(self)
        rows = [
            Row(f"{first}, {second}", tuple(f"{cell.mean:+z.3f}" for cell in mean_cells(estimate)))
            for (first, second), estimate in zip(self.pairs, self.estimates, strict=True)
        ]
        heading = f"Pairs of {len(self.names)} modalities, {self[0].num_samples} samples: raw means in nats"
        return Overview(heading, tuple(quantity.symbol for quantity in (*PARTS, *INFORMATION)), rows).as_text()

    def means(self, **options: Any) -> Summary:
        """Means of interactions and information of every pair, from the same resamples of the rows.

        Args:
            **options: Options of `Estimate.mean` except ``by``.

        Returns:
            A `Summary` of ``[P]`` arrays in the order of ``pairs``, in nats.

        Raises:
            ValueError: As `Estimate.mean`.
        """
        summaries = [estimate.mean(**options) for estimate in self.estimates]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *summaries)

    def to_pandas(self) -> "pandas.DataFrame":
        """Mean interactions of every pair, as in Table 7 of Yang et al. (2025) (extra ``[table]``).

        Returns:
            One row per pair, labeled ``first`` and ``second``; columns ``R``, ``U1``, ``U2``, ``S`` under ``raw``,
            ``raw error``, ``adjusted`` and ``adjusted error``, in nats; errors are standard errors. Adjusted means
            are shifted by `lsmi_jax.adjust`; a part that the shift sets to zero has no error (NaN). U1 is unique to
            the first modality, U2 to the second.

        Raises:
            ImportError: If pandas is not installed.
        """
        pandas = import_extra("pandas", purpose="Pairs.to_pandas", extra="table")
        columns: dict[tuple[str, str], np.ndarray] = {}
        raw, shifted = self.means(), self.means(adjusted=True)
        shift = jnp.zeros(len(self)) if shifted.shift is None else jnp.asarray(shifted.shift)
        zero = set_to_zero(Interactions(*shifted.mean[: len(PARTS)]), shift)
        errors = (jnp.where(is_zero, jnp.nan, e) for is_zero, e in zip(zero, shifted.standard_error, strict=False))
        for name, means in {
            "raw": raw.mean,
            "raw error": raw.standard_error,
            "adjusted": shifted.mean,
            "adjusted error": errors,
        }.items():
            columns |= {(name, part.symbol): np.asarray(mean) for part, mean in zip(PARTS, means, strict=False)}
        return pandas.DataFrame(columns, index=pandas.MultiIndex.from_tuples(self.pairs, names=("first", "second")))
