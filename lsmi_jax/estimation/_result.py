"""Results: the interactions of every sample, in input order, with their means and diagnostics."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lsmi_jax.decomposition import (
    INFORMATION,
    PARTS,
    SHIFT_SIGNS,
    Interactions,
    adjustment,
    check_count,
    finite_rows,
    gain,
    information_of,
    kind,
    set_to_zero,
)
from lsmi_jax.estimation import _frames
from lsmi_jax.estimation._diagnostics import Diagnostics
from lsmi_jax.estimation._formatting import (
    LABELS,
    MEAN_COLUMNS,
    SET_TO_ZERO,
    WITHOUT_FIT,
    Cell,
    Overview,
    Row,
    is_concrete,
    mean_cell,
    means_of_seeds,
    plain_repr,
    shift_note,
)
from lsmi_jax.estimation._negative_parts import negative_parts
from lsmi_jax.estimation._predictions import Predictions
from lsmi_jax.estimation._summary import Summary, summarize
from lsmi_jax.estimation._top_samples import ranked, suspicious

if TYPE_CHECKING:
    import pandas
    import xarray

__all__ = ["Estimate", "mean_cells"]

_gain, _kind = jax.jit(gain), jax.jit(kind)  # one program each
UNITS = "means in nats, 95% intervals; 1 bit = 0.693 nats"


class Estimate(NamedTuple):
    """Interactions of every sample, with the quantities they follow from; all ``[n]`` in input order, in nats.

    Attributes:
        interactions: Raw r, u1, u2, s of each sample.
        adjusted: Interactions after the paper's data-set-level shift, `lsmi_jax.adjust`; the raw ones under the
            union information, which needs no shift.
        information: Pointwise information ``i1, i2, i12``.
        surprisal: Surprisal ``h1, h2`` of the features; None if the redundancy needs no density.
        spread: Standard deviation of each sample's interactions over seeds, where all other values are means
            over seeds; None for one seed.
        diagnostics: How far to trust them.
        key: Random key of the resampling in `mean`, derived from the key of the fit.
        seeds: Raw interactions of each seed ``[m, n]``; ``interactions`` is their mean. Standard errors of
            means then include the fit. None for one seed.
        i_union: Pointwise union information; None if the redundancy does not use it.
        weights: Weight of each sample in means, with mean one; None for equal weights.
        groups: Group of each sample, ``0..C-1``; the bootstrap resamples groups. None if all samples are independent.
        predictions: Most probable class of each sample from each view, with its probability; None for a continuous
            target.
    """

    interactions: Interactions
    adjusted: Interactions
    information: tuple[jax.Array, jax.Array, jax.Array]
    surprisal: tuple[jax.Array, jax.Array] | None
    spread: Interactions | None
    diagnostics: Diagnostics
    key: jax.Array
    seeds: Interactions | None = None
    i_union: jax.Array | None = None
    weights: jax.Array | None = None
    groups: jax.Array | None = None
    predictions: Predictions | None = None

    @property
    def num_samples(self) -> int:
        """Number of samples n."""
        return self.interactions.redundancy.shape[0]

    @property
    def gain(self) -> jax.Array:
        """Information of both modalities beyond the better single one, ``[n]`` in nats: `lsmi_jax.gain`."""
        return _gain(*self.information)

    @property
    def kind(self) -> jax.Array:
        """Kind of each sample, codes ``[n]`` that index `lsmi_jax.KINDS`: `lsmi_jax.kind` at its default threshold."""
        return _kind(*self.information)

    def top(self, kind: str, n: int = 20) -> np.ndarray:
        """The most typical samples of one kind.

        Args:
            kind: One of `lsmi_jax.KINDS`.
            n: Number of samples; fewer if there are fewer of the kind.

        Returns:
            Their rows, best first: by the smaller of i1 and i2 for "both know", by i1 or i2 where one modality
            knows or misleads, by the gain for "only together", and by i12, lowest first, for "none knows".

        Raises:
            TypeError: If n is not an integer.
            ValueError: If there is no such kind, or n is below one.
        """
        return ranked(self.information, kind)[: check_count("n", n, 1)]

    def suspicious(self, n: int = 20) -> np.ndarray:
        """The samples whose labels are the least likely given both modalities: candidates for wrong labels.

        Args:
            n: Number of samples.

        Returns:
            Their rows, lowest i12 first, whatever its value. Samples without an i12 are left out.

        Raises:
            TypeError: If n is not an integer.
            ValueError: If n is below one.
        """
        return suspicious(self.information)[: check_count("n", n, 1)]

    def __repr__(self) -> str:
        return self._overview().as_text() if self._has_numbers() else plain_repr(self)

    def _repr_html_(self) -> str | None:
        return self._overview().as_html() if self._has_numbers() else None

    def columns(self) -> dict[str, np.ndarray]:
        """All values of each sample by name.

        Returns:
            Columns ``[n]`` in nats: ``r, u1, u2, s``, then the shifted parts with ``_adjusted``, ``i1, i2, i12``,
            ``gain``, ``kind``, ``predicted1, predicted2, predicted12`` with ``probability1`` and so on unless the
            target is continuous, ``i_union`` under the union information, ``h1, h2`` if the redundancy needs them, and
            ``r_spread`` and so on for more than one seed. ``kind`` holds names of `lsmi_jax.KINDS`.
        """
        return _frames.named_columns(self._blocks())

    def to_pandas(self, index: Sequence | np.ndarray | None = None) -> "pandas.DataFrame":
        """One row per sample, in nats (extra ``[table]``).

        Args:
            index: Name of each sample ``[n]``, in the order of the rows; None for 0 to n-1.

        Returns:
            The columns of `columns`; ``kind`` is categorical.

        Raises:
            ImportError: If pandas is not installed.
            ValueError: If the number of names is not the number of samples.
        """
        return _frames.to_pandas(self.columns(), index)

    def to_xarray(self, index: Sequence | np.ndarray | None = None) -> "xarray.Dataset":
        """Everything except the key as a labeled data set (extra ``[xarray]``).

        Args:
            index: Name of each sample ``[n]``, in the order of the rows; None for 0 to n-1.

        Returns:
            ``interactions``, ``adjusted`` and, for more than one seed, ``spread`` over ``sample`` and ``part``;
            ``information`` over ``sample`` and ``view``; ``surprisal``, if there is one, over ``sample`` and
            ``modality``, in nats; ``gain``, ``kind`` (names) and, under the union information, ``i_union`` over
            ``sample``; ``predicted`` and ``probability`` over ``sample`` and ``view``, unless the target is continuous;
            and the diagnostics.

        Raises:
            ImportError: If xarray is not installed.
            ValueError: If the number of names is not the number of samples.
        """
        return _frames.to_xarray(self._blocks(), self.diagnostics._asdict(), index)

    def mean(
        self,
        by: Any = None,
        *,
        adjusted: bool = False,
        level: float = 0.95,
        num_resamples: int = 1000,
    ) -> Summary:
        """Means of interactions and information, with standard errors and intervals.

        Errors are those of a bootstrap over samples, or over the groups of the estimate, and with two or more seeds
        also those of the fit.

        Args:
            by: Category of each sample, such as its class or the name of its class, as in
                `lsmi_jax.summarize`; None for all samples together.
            adjusted: Whether to apply the paper's shift, `lsmi_jax.adjust`; there is none with the union information.
            level: Nominal coverage of the intervals.
            num_resamples: Number of resamples.

        Returns:
            A `Summary` of scalars or ``[G]`` arrays, in nats.

        Raises:
            TypeError: If ``by`` are neither integers, strings, booleans nor categories.
            ValueError: If ``by`` are not ``[n]`` or negative, some are missing, or an option is out of range.
        """
        return summarize(
            self.key,
            self.interactions,
            self.information,
            by,
            groups=self.groups,
            weights=self.weights,
            seeds=self.seeds,
            adjusted=adjusted and self.i_union is None,
            level=level,
            num_resamples=num_resamples,
        )

    def _blocks(self) -> dict[str, Any]:
        """The fields that hold one value per sample."""
        union = None if self.i_union is None else (self.i_union,)
        columns: dict[str, Any] = {"i_union": union, "gain": (self.gain,), "kind": (self.kind,)}
        if self.predictions is not None:
            columns |= {"predicted": self.predictions.classes, "probability": self.predictions.probabilities}
        return {name: getattr(self, name) for name in self._fields[:5]} | columns

    def findings(self) -> list[str]:
        """One sentence for each unusual value of the means and of the diagnostics.

        Returns:
            Sentences; none if nothing is out of the ordinary.
        """
        return self._findings_of(mean_cells(self)[: len(PARTS)])

    def _findings_of(self, parts: list[Cell]) -> list[str]:
        """Findings, where the means are known."""
        return ([] if self.i_union is None else negative_parts(parts)) + self.diagnostics.findings()

    def _has_numbers(self) -> bool:
        """Whether there are values to print: readable ones, one per sample."""
        return is_concrete(self) and np.ndim(self.interactions.redundancy) == 1

    def _overview(self) -> Overview:
        """Raw and shifted means of the parts, and information with the performance of the discriminators."""
        cells = mean_cells(self)
        parts, information = cells[: len(PARTS)], cells[len(PARTS) :]
        longest = max((abs(cell.mean) for cell in parts if np.isfinite(cell.mean)), default=0) or 1.0
        heads: tuple[str, ...] = MEAN_COLUMNS
        notes: list[str] = []
        shifted: list[tuple[str, ...]] = [()] * len(parts)
        if self.i_union is None:  # means of the union information need no shift
            texts, notes = _shifted([cell.mean for cell in parts])
            heads, shifted = ("raw", *MEAN_COLUMNS[1:], "shifted"), [(text,) for text in texts]
        rows = [
            Row(LABELS[part.field], (*cell.texts(), *text), bar=(cell.mean / longest, part.color))
            for part, cell, text in zip(PARTS, parts, shifted, strict=True)
        ]
        losses, accuracies = np.asarray(self.diagnostics.cross_entropy), np.asarray(self.diagnostics.accuracy)
        empty = ("",) * len(shifted[0])
        rows += [
            Row(LABELS[quantity.field], (*cell.texts(), *empty, f"{loss:.3f}", f"{accuracy:.1%}"))
            for quantity, cell, loss, accuracy in zip(INFORMATION, information, losses, accuracies, strict=True)
        ]
        seeds = "" if self.spread is None else ", each the mean over seeds"
        heading = f"Estimate of {self.num_samples} samples{seeds}: {UNITS}"
        notes += [WITHOUT_FIT] if self.seeds is None else []
        return Overview(heading, (*heads, "cross-entropy", "accuracy"), rows, notes + self._findings_of(parts))


def mean_cells(result: Estimate) -> list[Cell]:
    """Means of the parts and of information with their standard errors, over the samples where all are finite."""
    values = (*result.interactions, *result.information)
    counted = finite_rows(*values)
    seeds: list[np.ndarray | None] = [None] * len(values)
    if result.seeds is not None:
        means = [means_of_seeds(part, counted, result.weights) for part in result.seeds]
        seeds = [*means, *information_of(means)]
    return [
        mean_cell(samples, by_seed, counted, result.weights, result.groups)
        for samples, by_seed in zip(values, seeds, strict=True)
    ]


def _shifted(means: Sequence[float]) -> tuple[list[str], list[str]]:
    """Mean parts after the paper's shift as text, and a note on the shift if there is one."""
    raw = Interactions(*map(jnp.float32, means))
    shift, zero = adjustment(raw), set_to_zero(raw, adjustment(raw))
    moved = (f"{mean + sign * float(shift):+z.3f}" for mean, sign in zip(means, SHIFT_SIGNS, strict=True))
    texts = [SET_TO_ZERO if is_zero else text for is_zero, text in zip(zero, moved, strict=True)]
    return texts, [shift_note(float(shift))] if shift != 0 else []
