"""Results of three or more modalities together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lsmi_jax.decomposition import average, finite_rows, posterior_information, union_score_information
from lsmi_jax.estimation import _frames
from lsmi_jax.estimation._formatting import (
    MEAN_COLUMNS,
    WITHOUT_FIT,
    Cell,
    Overview,
    Row,
    is_concrete,
    mean_cell,
    means_of_seeds,
    plain_repr,
)
from lsmi_jax.estimation._whole import WholeScores
from lsmi_jax.inputs import Dataset

if TYPE_CHECKING:
    import pandas

__all__ = ["Together", "WholeParts", "together_of"]


class WholeParts(NamedTuple):
    """Information of M modalities together about the label of each sample, in nats.

    With i_u the pointwise union information (Bertschinger et al., 2014; Kolchinsky, 2022): ``unique[m]`` is i_u of all
    modalities minus that of all but m, ``synergy`` is ``i_all`` minus i_u of all, and ``shared`` is what is left:
    information that at least two modalities have, each alone or with others. They add up to ``i_all``.

    Attributes:
        shared: ``[n]``.
        unique: Of each modality ``[n]``.
        synergy: ``[n]``.
        information: Pointwise information of each modality alone ``[n]``.
        i_all: Pointwise information of all modalities ``[n]``.
        i_union: Pointwise union information of all modalities ``[n]``.
    """

    shared: jax.Array
    unique: tuple[jax.Array, ...]
    synergy: jax.Array
    information: tuple[jax.Array, ...]
    i_all: jax.Array
    i_union: jax.Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True, repr=False)
class Together:
    """Interactions of three or more modalities together, of every sample.

    Attributes:
        parts: `WholeParts`, means over seeds; NaN for rows that lack a modality.
        seeds: `WholeParts` of each seed ``[m, n]``; None for one seed.
        cross_entropy: Of the discriminator of each modality, and of all, on complete rows ``[M + 1]``, in nats.
        union_gap: Upper minus lower bound on the union information of the fitted cells, in nats.
        weights: Weight of each sample in means; None for equal weights.
        groups: Group of each sample; None if all are independent.
        names: Names of the modalities.
    """

    parts: WholeParts
    seeds: WholeParts | None
    cross_entropy: jax.Array
    union_gap: jax.Array
    weights: jax.Array | None
    groups: jax.Array | None
    names: tuple[str, ...] = field(metadata={"static": True})

    @property
    def num_samples(self) -> int:
        """Number of samples n."""
        return self.parts.shared.shape[0]

    def columns(self) -> dict[str, np.ndarray]:
        """All values of each sample by name.

        Returns:
            Columns ``[n]`` in nats: ``shared``, ``unique_NAME`` of each modality, ``synergy``, ``i_NAME`` of each,
            ``i_all`` and ``i_union``.
        """
        return {name: np.asarray(values) for name, values in zip(self._names(), _flat(self.parts), strict=True)}

    def to_pandas(self, index: Sequence | np.ndarray | None = None) -> "pandas.DataFrame":
        """One row per sample, in nats (extra ``[table]``).

        Args:
            index: Name of each sample ``[n]``, in the order of the rows; None for 0 to n-1.

        Returns:
            The columns of `columns`.

        Raises:
            ImportError: If pandas is not installed.
            ValueError: If the number of names is not the number of samples.
        """
        return _frames.to_pandas(self.columns(), index)

    def mean(self) -> dict[str, tuple[float, float]]:
        """Means over the samples that have all modalities, with standard errors.

        Errors are those of sampling (of groups, if there are groups) and, with two or more seeds, also those of the
        fit.

        Returns:
            The mean and its standard error of each column of `columns`, in nats.
        """
        values = _flat(self.parts)
        counted = finite_rows(*values)
        of_seeds = [None] * len(values) if self.seeds is None else _flat(self.seeds)
        means = {}
        for name, own, by_seed in zip(self._names(), values, of_seeds, strict=True):
            seed_means = None if by_seed is None else means_of_seeds(by_seed, counted, self.weights)
            cell = mean_cell(own, seed_means, counted, self.weights, self.groups)
            means[name] = (cell.mean, cell.error)
        return means

    def __repr__(self) -> str:
        if not is_concrete(self) or np.ndim(self.parts.shared) != 1:
            return plain_repr(self)
        rows = [Row(name, Cell(*mean).texts()) for name, mean in self.mean().items()]
        heading = f"{len(self.names)} modalities together, {self.num_samples} samples: means in nats, 95% intervals"
        return Overview(heading, MEAN_COLUMNS, rows, [WITHOUT_FIT] if self.seeds is None else []).as_text()

    def _names(self) -> list[str]:
        """Names of the columns."""
        unique, own = ([f"{kind}_{name}" for name in self.names] for kind in ("unique", "i"))
        return ["shared", *unique, "synergy", *own, "i_all", "i_union"]


def together_of(
    scores: WholeScores,
    log_posteriors: tuple[jax.Array, ...],
    union_gap: jax.Array,
    data: Dataset,
    names: tuple[str, ...],
) -> Together:
    """Decomposes what all modalities say, for each seed, and averages over seeds.

    Args:
        scores: Scores of each seed and row ``[m, n, ...]``.
        log_posteriors: Those of each modality ``[m, n, K]``, in nats.
        union_gap: Of each seed and fold ``[m, F]``.
        data: The data set.
        names: Names of the modalities.

    Returns:
        `Together`, in the order of the rows.
    """
    seeds = jax.vmap(lambda whole, singles: _decompose(whole, singles, data))(scores, log_posteriors)
    parts = jax.tree.map(lambda leaf: leaf.mean(0), seeds)
    # Cross-entropy is -mean(i + log p(y)), since i = log p(y|x) - log p(y).
    losses = [
        -average(i + data.log_prior[data.labels], data.complete_weights) for i in (*parts.information, parts.i_all)
    ]
    by_seed = None if len(seeds.shared) == 1 else seeds
    return Together(parts, by_seed, jnp.stack(losses), union_gap.mean(), data.weights, data.groups, names)


def _decompose(whole: WholeScores, singles: tuple[jax.Array, ...], data: Dataset) -> WholeParts:
    """Parts ``[n]`` of one seed."""
    complete = data.complete()

    def information(log_scores: jax.Array, inform: Callable) -> jax.Array:
        found = inform(log_scores, data.labels, data.log_prior, data.positions)
        return found if complete is None else jnp.where(complete, found, jnp.nan)

    i_all, i_union = (
        information(whole.log_posterior, posterior_information),
        information(whole.union, union_score_information),
    )
    # Unique to a modality is what the others lack: i_u(all) - i_u(all but m).
    unique = tuple(i_union - information(rest, union_score_information) for rest in whole.rest)
    shared = i_union - jnp.stack(unique).sum(0)
    own = tuple(information(single, posterior_information) for single in singles)
    return WholeParts(shared, unique, i_all - i_union, own, i_all, i_union)


def _flat(parts: WholeParts) -> list[jax.Array]:
    """All arrays, in the order of the columns."""
    return [parts.shared, *parts.unique, parts.synergy, *parts.information, parts.i_all, parts.i_union]
