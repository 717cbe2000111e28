"""Means of interactions and of information, with standard errors and bootstrap intervals."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import (
    INFORMATION,
    PARTS,
    Interactions,
    Means,
    check_count,
    check_interactions,
    check_positive,
    find_quantity,
    information_of,
    set_to_zero,
)
from lsmi_jax.estimation._bootstrap import Resampling, Rows, bootstrap
from lsmi_jax.estimation._formatting import (
    LABELS,
    MEAN_COLUMNS,
    SET_TO_ZERO,
    WITHOUT_FIT,
    Overview,
    Row,
    is_concrete,
    mean_texts,
    plain_repr,
    shift_note,
)
from lsmi_jax.estimation._top_groups import GroupMean, top_groups
from lsmi_jax.inputs import check_key, check_weights, encode

__all__ = ["Summary", "summarize"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, repr=False)
class Summary:
    """Means of all samples (scalars) or of categories of them (``[G]``), in nats, with bootstrap errors and intervals.

    The bootstrap resamples samples, or groups of samples that belong together, and is conditional on the fitted models.
    With two or more seeds, the variance over fits is added to its variance. Standard errors and intervals are NaN for
    fewer than two samples or groups. Samples with a value that is not finite are left out.

    Attributes:
        mean: Means of the quantities.
        standard_error: Their standard errors: of sampling, and of the fit if there are seeds.
        lower: Lower ends of their intervals: bootstrap percentiles, widened by the error of the fit.
        upper: Upper ends.
        num_samples: Number of samples that the means are over: those with finite values.
        fit_error: The part of the standard errors that is due to the fit; None for one seed, whose errors and
            intervals are of sampling only.
        shift: The constant of `lsmi_jax.adjust` by which the mean parts are shifted, in nats; None for raw means.
        names: Names of the categories; None for all samples, or if the categories were given as integers.
    """

    mean: Means
    standard_error: Means
    lower: Means
    upper: Means
    num_samples: jax.Array
    fit_error: Means | None = None
    shift: jax.Array | None = None
    names: tuple[str, ...] | None = field(default=None, metadata={"static": True})

    def __repr__(self) -> str:
        if not is_concrete(self) or np.ndim(self.num_samples) > 1:
            return plain_repr(self)
        return self._overall().as_text() if np.ndim(self.num_samples) == 0 else self._by_category().as_text()

    def _overall(self) -> Overview:
        """One row per quantity."""
        rows, zero = [], self.set_to_zero()
        columns = self.mean, self.standard_error, self.lower, self.upper
        for name in (quantity.field for quantity in (*PARTS, *INFORMATION)):
            mean, error, lower, upper = (float(getattr(means, name)) for means in columns)
            texts = mean_texts(mean, error, lower, upper)
            rows.append(Row(LABELS[name], (texts[0], "", SET_TO_ZERO) if name in zero else texts))
        mean_of = MEAN_COLUMNS[0] if self.shift is None else "shifted mean"
        notes = [] if self.shift is None else [shift_note(float(self.shift))]
        notes += [WITHOUT_FIT] if self.fit_error is None else []
        heading = f"Summary of {int(self.num_samples)} samples, in nats"
        return Overview(heading, (mean_of, *MEAN_COLUMNS[1:]), rows, notes)

    def set_to_zero(self) -> tuple[str, ...]:
        """Parts that the shift makes exactly zero, so that their means are not estimates.

        Returns:
            Fields of `lsmi_jax.Interactions`; empty for raw means, and for means by category, which the shift does not
            make zero.
        """
        if self.shift is None or np.ndim(self.shift):
            return ()
        zero = set_to_zero(Interactions(*self.mean[: len(PARTS)]), self.shift)
        return tuple(part.field for part, is_zero in zip(PARTS, zero, strict=True) if is_zero)

    def top(self, quantity: str, count: int = 3, *, names: Sequence[str] | None = None) -> list[GroupMean]:
        """The categories with the highest means of a quantity, as in Table 3 of Yang et al. (2025).

        Args:
            quantity: A part or information: ``"redundancy"``, ``"r"`` or ``"R"``, and so on.
            count: Number of categories; fewer if there are fewer.
            names: Name of each category, if the summary has none; None for their numbers.

        Returns:
            A `GroupMean` of each, highest first.

        Raises:
            ValueError: If the summary is of all samples, there is no such quantity, or names are not one per category.

        Examples:
            >>> part = jnp.array([0.0, 1.0, 2.0, 3.0])
            >>> summary = summarize(
            ...     jax.random.key(0), Interactions(part, part, part, part), (part,) * 3, ["cat", "cat", "dog", "dog"]
            ... )
            >>> [(group.name, group.mean) for group in summary.top("s")]
            [('dog', 2.5), ('cat', 0.5)]
        """
        field = find_quantity(quantity, (*PARTS, *INFORMATION), argument="quantity").field
        if np.ndim(self.num_samples) != 1:
            raise ValueError("summary: expected means by category, got those of all samples; use mean(by=labels)")
        mean, lower, upper = (np.asarray(getattr(own, field)) for own in (self.mean, self.lower, self.upper))
        return top_groups(mean, lower, upper, np.asarray(self.num_samples), self.names or names, count)

    def _by_category(self) -> Overview:
        """One row per category, with the mean of every quantity."""
        quantities = (*PARTS, *INFORMATION)
        means = np.stack([np.asarray(getattr(self.mean, quantity.field)) for quantity in quantities], axis=1)
        counts = np.asarray(self.num_samples)
        names = map(str, range(len(counts))) if self.names is None else self.names
        rows = [
            Row(name, (f"{int(count)}", *(f"{mean:+z.3f}" for mean in row)))
            for name, count, row in zip(names, counts, means, strict=True)
        ]
        header = ("samples", *(quantity.symbol for quantity in quantities))
        means_of = "means" if self.shift is None else "shifted means"
        notes = [WITHOUT_FIT] if self.fit_error is None else []
        return Overview(f"Summary of {len(rows)} categories: {means_of} in nats", header, rows, notes)


def summarize(
    key: jax.Array,
    interactions: Interactions,
    information: tuple[jax.Array, jax.Array, jax.Array],
    by: Any = None,
    *,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    seeds: Interactions | None = None,
    adjusted: bool = False,
    level: float = 0.95,
    num_resamples: int = 1000,
) -> Summary:
    """Means with standard errors and intervals, overall or by category.

    The bootstrap resamples samples. With the interactions of two or more ``seeds``, the variance of a mean over m
    fits, which is the variance of the m means divided by m, is added to its bootstrap variance. The half-width of an
    interval is the root of a sum of squares: of its half-width by the bootstrap, and of the normal quantile of
    ``level`` times the fit error.

    Args:
        key: Random key of the resampling.
        interactions: Interactions ``[n]`` in nats.
        information: Pointwise information ``i1, i2, i12``, each ``[n]``, in nats.
        by: Category of each sample ``[n]``, such as its class: integers ``0..G-1``, or strings,
            booleans or categories as `lsmi_jax.encode_labels` takes them, whose names and order the summary keeps;
            None for all samples together.
        groups: Group of each sample, ``0..C-1``, integers ``[n]``: the bootstrap resamples groups. None to resample
            samples.
        weights: Weight of each sample in the means ``[n]``; None for equal weights.
        seeds: Interactions of each seed ``[m, n]`` in nats; ``interactions`` is their mean. None for one seed: standard
            errors then do not include the fit.
        adjusted: Whether to apply the paper's shift, `lsmi_jax.adjust`; its constant is recomputed for each resample
            and for each seed.
        level: Nominal coverage of the intervals.
        num_resamples: Number of resamples.

    Returns:
        A `Summary` of scalars, or of ``[G]`` arrays.

    Raises:
        TypeError: If ``key`` is not a random key, ``by`` cannot be sorted, ``groups`` are not integers, or
            ``interactions`` have the wrong type.
        ValueError: If ``by`` or ``groups`` are not ``[n]``, negative, or as large as the number of samples, or an
            option is out of range.

    Examples:
        >>> part = jnp.array([0.0, 1.0, 2.0, 3.0])
        >>> parts = Interactions(part, part, part, part)
        >>> print(summarize(jax.random.key(0), parts, (part,) * 3, jnp.array([0, 0, 1, 1])).mean.redundancy)
        [0.5 2.5]
    """
    check_positive("level", level)
    if level >= 1:
        raise ValueError(f"level: expected between 0 and 1, got {level}")
    check_count("num_resamples", num_resamples, 2)
    size = len(check_interactions(interactions).redundancy)
    names, index = _named_parts(by, size)
    units = None if groups is None else _check_parts("groups", groups, size)
    # All seven quantities are resampled together.
    values = jnp.stack([*interactions, *information], axis=1)
    by_seed = None if seeds is None else _with_information(seeds)
    num_parts = int(index.max()) + 1
    # Padding with empty parts costs less than compiling a program for each number of parts.
    padded = max(4, 1 << (num_parts - 1).bit_length())
    rows = Rows(
        values,
        by_seed,
        jnp.asarray(index),
        None if units is None else jnp.asarray(units),
        check_weights(weights, size),
    )
    resampling = Resampling(None if units is None else int(units.max()) + 1, num_resamples, padded)
    found = bootstrap(check_key(key), rows, num_parts, level, adjusted, resampling)
    mean, spread, lower, upper = (Means(*part.T) for part in (found.mean, found.spread, found.lower, found.upper))
    fit = None if found.fit is None else Means(*found.fit.T)
    summary = Summary(mean, spread, lower, upper, found.num_samples, fit, found.shift if adjusted else None)
    of_parts = jax.tree.map(lambda leaf: leaf[0] if by is None else leaf[:num_parts], summary)
    return replace(of_parts, names=names)


def _named_parts(by: Any, size: int) -> tuple[tuple[str, ...] | None, np.ndarray]:
    """Names of the parts unless they are integers, and the part of each sample ``[n]``."""
    is_category = hasattr(by, "cat") or hasattr(by, "categories")
    if by is None or (not is_category and np.asarray(by).dtype.kind in "iufc"):
        return None, _check_parts("by", by, size)
    index, names = encode("by", by)
    return tuple(map(str, names)), _check_parts("by", index, size)


def _check_parts(name: str, parts: ArrayLike | None, size: int) -> np.ndarray:
    """Checks parts ``[n]`` in ``0..G-1``; ``name`` is for the message."""
    index = np.zeros(size, int) if parts is None else np.asarray(parts)
    if not np.issubdtype(index.dtype, np.integer):
        others = ", strings, booleans or categories" if name == "by" else ""
        raise TypeError(f"{name}: expected integers{others}, got dtype {index.dtype}")
    if index.shape != (size,) or size == 0:
        raise ValueError(f"{name}: expected shape ({size},) of at least one sample, got {index.shape}")
    if index.min() < 0:
        raise ValueError(f"{name}: expected 0..G-1, got {index.min()}; encode_labels makes them")
    if index.max() >= size:
        raise ValueError(
            f"{name}: expected 0..G-1 without gaps, got {index.max()} among {size} samples; encode_labels removes gaps"
        )
    return index


def _with_information(seeds: Interactions) -> jax.Array:
    """Parts and information of each seed ``[m, n, 7]``."""
    return jnp.stack([*seeds, *information_of(seeds)], axis=2)
