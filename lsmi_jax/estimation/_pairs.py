"""Results of every pair of modalities."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jax

from lsmi_jax.estimation._formatting import is_concrete, plain_repr
from lsmi_jax.estimation._result import Estimate
from lsmi_jax.estimation._several import columns_of_means, means_of, overview_of
from lsmi_jax.estimation._summary import Summary
from lsmi_jax.estimation._swapped import swapped
from lsmi_jax.estimation._together import Together
from lsmi_jax.inputs import import_extra, pairs_of

if TYPE_CHECKING:
    import pandas

__all__ = ["Pairs", "one_or_pairs"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, repr=False)
class Pairs:
    """Interactions of every pair of M modalities: ``pairs["text", "audio"]``, in any order, or ``pairs[0]``.

    Attributes:
        estimates: An `Estimate` of each pair, in the order of ``pairs``.
        names: Names of the modalities, in the order of the feature blocks.
        together: Interactions of all modalities together; None if they were not asked for.
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
        if pair in self.pairs:
            return self.estimates[self.pairs.index(pair)]
        if isinstance(pair, tuple) and pair[::-1] in self.pairs:
            return swapped(self.estimates[self.pairs.index(pair[::-1])])
        raise KeyError(f"pair: expected one of {', '.join(map(str, self.pairs))}, got {pair!r}")

    def __len__(self) -> int:
        return len(self.estimates)

    def __repr__(self) -> str:
        if not is_concrete(self.estimates):
            return plain_repr(self)
        heading = f"Pairs of {len(self.names)} modalities, {self[0].num_samples} samples: raw means in nats"
        text = overview_of(heading, [f"{first}, {second}" for first, second in self.pairs], self.estimates).as_text()
        return text if self.together is None else f"{text}\n\n{self.together!r}"

    def means(self, **options: Any) -> Summary:
        """Means of interactions and information of every pair, from the same resamples of the rows.

        Args:
            **options: Options of `Estimate.mean` except ``by``.

        Returns:
            A `Summary` of ``[P]`` arrays in the order of ``pairs``, in nats.

        Raises:
            ValueError: As `Estimate.mean`.
        """
        return means_of(self.estimates, **options)

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
        index = pandas.MultiIndex.from_tuples(self.pairs, names=("first", "second"))
        return pandas.DataFrame(columns_of_means(self.estimates), index=index)


def one_or_pairs(
    estimates: tuple[Estimate, ...], names: tuple[str, ...], together: Together | None
) -> Estimate | Pairs:
    """The estimate of two modalities, or the estimates of every pair of more modalities.

    Args:
        estimates: An `Estimate` of each pair.
        names: Names of the modalities.
        together: Interactions of all modalities together; None for two.

    Returns:
        The only estimate, or `Pairs`.
    """
    return estimates[0] if len(estimates) == 1 else Pairs(estimates, names, together)
