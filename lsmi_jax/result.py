"""What comes back: the interactions of every sample, in input order, with their means and diagnostics."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax import frames, show
from lsmi_jax.decomposition import Interactions, Redundancy, adjust, decompose, single_source_fraction
from lsmi_jax.density import Density
from lsmi_jax.diagnostics import Diagnostics, all_finite
from lsmi_jax.discriminator import Discriminator
from lsmi_jax.estimator import Data, Estimator, Scores, pairs_of, score_stacked
from lsmi_jax.folds import in_input_order
from lsmi_jax.information import pointwise_information
from lsmi_jax.summary import Summary, summarize

if TYPE_CHECKING:
    import pandas
    import xarray

__all__ = ["Estimate", "assemble", "concatenate"]


class Estimate(NamedTuple):
    """Interactions of every sample, and what they were computed from; all ``[n]`` in input order, in nats.

    Attributes:
        interactions: Raw r, u1, u2, s of each sample.
        adjusted: The same after the paper's dataset-level shift, `lsmi_jax.adjust`.
        information: Pointwise information ``i1, i2, i12``.
        surprisal: Surprisal ``h1, h2``, in the space of ``entropy_space``.
        spread: Standard deviation of each sample's interactions over the seeds, where the others are means
            over seeds; None for one seed.
        diagnostics: How far to trust them.
        key: Random key of the resampling in `mean`, from that of the fit.
    """

    interactions: Interactions
    adjusted: Interactions
    information: tuple[jax.Array, jax.Array, jax.Array]
    surprisal: tuple[jax.Array, jax.Array]
    spread: Interactions | None
    diagnostics: Diagnostics
    key: jax.Array

    def __repr__(self) -> str:
        return show.as_text(self) if show.has_numbers(self) else show.as_fields(self)

    def _repr_html_(self) -> str | None:
        return show.as_html(self) if show.has_numbers(self) else None

    def to_pandas(self, index: Sequence | np.ndarray | None = None) -> "pandas.DataFrame":
        """A row a sample, in nats (extra ``[table]``).

        Args:
            index: Name of each sample ``[n]``, in the order of the rows; None for 0 to n-1.

        Returns:
            Columns ``r, u1, u2, s``, the same with ``_adjusted``, ``i1, i2, i12``, ``h1, h2``, and, where seeds were
            repeated, ``r_spread`` and so on.

        Raises:
            ImportError: If pandas is absent.
            ValueError: If there are not as many names as samples.
        """
        return frames.to_pandas(self, index)

    def to_xarray(self, index: Sequence | np.ndarray | None = None) -> "xarray.Dataset":
        """All but the key as a labelled data set (extra ``[xarray]``).

        Args:
            index: Name of each sample ``[n]``, in the order of the rows; None for 0 to n-1.

        Returns:
            ``interactions``, ``adjusted`` and, where seeds were repeated, ``spread`` over ``sample`` and ``part``;
            ``information`` over ``sample`` and ``view``; ``surprisal`` over ``sample`` and ``modality``, in nats; and
            the diagnostics.

        Raises:
            ImportError: If xarray is absent.
            ValueError: If there are not as many names as samples.
        """
        return frames.to_xarray(self, index)

    def mean(
        self,
        groups: ArrayLike | None = None,
        *,
        adjusted: bool = False,
        level: float = 0.95,
        num_resamples: int = 1000,
    ) -> Summary:
        """Means of interactions and information, with bootstrap standard errors and intervals.

        Args:
            groups: Group of each sample, ``0..G-1``, integers ``[n]``; None for all together.
            adjusted: Whether the means are those after the paper's shift, `lsmi_jax.adjust`.
            level: Probability that an interval aims to cover the mean with.
            num_resamples: Number of resamples.

        Returns:
            A `Summary` of scalars or ``[G]`` arrays, in nats.

        Raises:
            TypeError: If ``groups`` are not integers.
            ValueError: If ``groups`` are not ``[n]`` or negative, or an option is out of range.
        """
        return summarize(
            self.key,
            self.interactions,
            self.information,
            groups,
            adjusted=adjusted,
            level=level,
            num_resamples=num_resamples,
        )


@partial(jax.jit, static_argnums=3)
def assemble(estimators: Estimator, data: Data, rows: jax.Array, redundancy: Redundancy) -> tuple[Estimate, ...]:
    """Scores rows, puts the scores in input order, decomposes each pair, and averages over the seeds.

    Args:
        estimators: Estimators with leading axes of seeds and folds.
        data: The data set.
        rows: Row indices to score, of each seed and fold ``[m, F, h]``; every row once a seed.
        redundancy: Pointwise redundancy, as in `lsmi_jax.decompose`.

    Returns:
        An `Estimate` of each pair of blocks, in the order of the rows.
    """
    scores = score_stacked(estimators, data, rows)
    num_blocks = len(data.features)
    return tuple(
        _decompose_pair(*_of_pair(estimators, scores, (*pair, num_blocks + position)), data, rows, redundancy)
        for position, pair in enumerate(pairs_of(num_blocks))
    )


def _of_pair(estimators: Estimator, scores: Scores, members: tuple[int, int, int]) -> tuple[Estimator, Scores]:
    """What was fitted and scored of two blocks and of both, given the positions of these three views."""

    def pick(parts: tuple, count: int) -> tuple:
        return tuple(parts[m] for m in members[:count])

    discriminators = estimators.discriminators and pick(estimators.discriminators, 3)
    fitted = replace(estimators, discriminators=discriminators, densities=pick(estimators.densities, 2))
    return fitted, Scores(pick(scores.log_posteriors, 3), pick(scores.surprisals, 2))


def _decompose_pair(
    estimators: Estimator, scores: Scores, data: Data, rows: jax.Array, redundancy: Redundancy
) -> Estimate:
    def one_seed(scores: Scores, estimators: Estimator, rows: jax.Array) -> tuple:
        ordered = jax.tree.map(lambda leaf: in_input_order(leaf, rows, len(data.labels)), scores)
        posteriors, surprisals = ordered
        information = tuple(pointwise_information(p, data.labels, data.log_prior) for p in posteriors)
        interactions = decompose(*information, *surprisals, redundancy=redundancy)
        return interactions, information, surprisals, _diagnose(ordered, information, estimators, data)

    seeds = jax.vmap(one_seed)(scores, estimators, rows)
    interactions, information, surprisals, diagnostics = jax.tree.map(lambda leaf: leaf.mean(0), seeds)
    spread = None if len(rows) == 1 else jax.tree.map(lambda leaf: leaf.std(0, ddof=1), seeds[0])
    adjusted, key = adjust(interactions), estimators.key[0, 0]
    return Estimate(interactions, adjusted, information, surprisals, spread, diagnostics, key)


def concatenate(estimates: Sequence[Estimate]) -> Estimate:
    """The estimate of all rows, from those of parts of them under one estimator.

    Args:
        estimates: One or more, in the order of the rows.

    Returns:
        An `Estimate`.
    """
    rows = [(one.interactions, one.information, one.surprisal) for one in estimates]
    interactions, information, surprisal = jax.tree.map(lambda *parts: jnp.concatenate(parts), *rows)
    sizes = jnp.asarray([len(one.surprisal[0]) for one in estimates], jnp.float32)
    weights = sizes / sizes.sum()
    # All that is said of the rows is a mean over them, and the rest is the same for all parts.
    diagnostics = jax.tree.map(
        lambda *parts: jnp.tensordot(weights, jnp.stack(parts), 1), *(one.diagnostics for one in estimates)
    )
    key = estimates[0].key
    return Estimate(interactions, adjust(interactions), information, surprisal, None, diagnostics, key)


def _diagnose(scores: Scores, information: tuple, estimators: Estimator, data: Data) -> Diagnostics:
    (i1, i2, _), (h1, h2) = information, scores.surprisals
    label_log_prob = data.log_prior[data.labels]
    fitted: list[Discriminator | Density] = [*(estimators.discriminators or ()), *estimators.densities]
    gaps = [one.train_loss - one.held_out_loss for one in fitted]
    gaps = [gap.mean() for gap in gaps]
    return Diagnostics(
        single_source_fraction=single_source_fraction(i1, i2, h1, h2),
        cross_entropy=jnp.stack([-(i + label_log_prob).mean() for i in information]),
        accuracy=jnp.stack([(p.argmax(1) == data.labels).mean() for p in scores.log_posteriors]),
        prior_entropy=-jnp.where(jnp.isfinite(data.log_prior), jnp.exp(data.log_prior) * data.log_prior, 0).sum(),
        discriminator_gap=jnp.stack(gaps[:-2]) if gaps[:-2] else None,
        density_gap=jnp.stack(gaps[-2:]),
        finite_fraction=all_finite(*information, h1, h2),
    )
