"""Scores rows with a fitted estimator: posteriors, surprisals and potentials."""

from typing import NamedTuple

import jax

from lsmi_jax.decomposition import (
    MinimumInformation,
    log_posterior,
)
from lsmi_jax.estimation._estimator import Estimator
from lsmi_jax.estimation._fitting import fit_stacked
from lsmi_jax.estimation._whole import WholeScores, score_whole
from lsmi_jax.inputs import Dataset, Folds, in_input_order, pairs_of, views
from lsmi_jax.union import potentials_of_rows

__all__ = ["Scores", "cross_fitted_posteriors", "score_rows"]


class Scores(NamedTuple):
    """Scores of rows under fitted models.

    Attributes:
        log_posteriors: Log-posteriors of every view ``[..., h, K]``, in nats.
        surprisals: Surprisals of every block ``[..., h]``, in nats; None without densities.
        potentials: Potentials of both blocks of every pair ``[..., h, K]``, in nats; None if there are none.
        whole: Scores under the models of all blocks; None if there are none.
    """

    log_posteriors: tuple[jax.Array, ...]
    surprisals: tuple[jax.Array, ...] | None
    potentials: tuple[tuple[jax.Array, ...], ...] | None
    whole: WholeScores | None = None

    @property
    def log_union_scores(self) -> jax.Array | None:
        """Log-scores ``[..., h, K]`` under the union information of the first pair; None without potentials."""
        return None if self.potentials is None else self.potentials[0][0] + self.potentials[0][1]


def score_rows(
    estimator: Estimator, features: tuple[jax.Array, ...], logits: tuple[jax.Array, ...] | None = None
) -> Scores:
    """Scores rows with one estimator.

    Args:
        estimator: Without leading axes.
        features: Feature blocks ``[n, d]``, in the estimator's units.
        logits: The user's logits, each ``[n, K]``, if it was fitted with logits.

    Returns:
        `Scores` of the rows.
    """
    if estimator.discriminators is None:
        posteriors = tuple(map(log_posterior, logits or ()))
    else:
        fitted = zip(estimator.discriminators, views(features), strict=True)
        posteriors = tuple(discriminator.log_posterior(view) for discriminator, view in fitted)
        pairs = zip(estimator.stacks or (), posteriors[len(features) :], pairs_of(len(features)), strict=True)
        stacked = tuple(stack.log_posterior(joint, posteriors[a], posteriors[b]) for stack, joint, (a, b) in pairs)
        posteriors = posteriors[: len(features)] + stacked
    potentials = None
    if estimator.potentials is not None:
        potentials = tuple(
            potentials_of_rows(potential, (posteriors[a], posteriors[b]))
            for potential, (a, b) in zip(estimator.potentials, pairs_of(len(features)), strict=True)
        )
    whole, num_views = None, len(features) + len(pairs_of(len(features)))
    if estimator.whole is not None:
        of_all = posteriors[num_views:]  # of the user, normalized
        posteriors = posteriors[:num_views]
        whole = score_whole(estimator.whole, features, posteriors, of_all[0] if of_all else None)
    surprisals = None
    if estimator.densities is not None:
        # A density in larger units is larger by their volume.
        fits = zip(estimator.densities, features, estimator.units, strict=True)
        surprisals = tuple(density.surprisal(rows) + units.log_volume for density, rows, units in fits)
    return Scores(posteriors, surprisals, potentials, whole)


def cross_fitted_posteriors(key: jax.Array, data: Dataset, folds: Folds) -> tuple[jax.Array, ...]:
    """Out-of-fold log-posteriors of the first block, the second, and both.

    Args:
        key: Random key.
        data: The data set.
        folds: Its folds.

    Returns:
        Three arrays ``[n, K]`` in nats.
    """
    stacked = fit_stacked(key, data, folds.train[None], MinimumInformation())
    estimators = jax.tree.map(lambda leaf: leaf[0], stacked)  # the only seed
    by_fold = _log_posteriors_of_folds(estimators, data.features, folds.left_out)
    return tuple(in_input_order(posterior, folds.left_out, data.num_rows) for posterior in by_fold)


@jax.jit
def _log_posteriors_of_folds(estimators: Estimator, features: tuple, rows: jax.Array) -> tuple[jax.Array, ...]:
    """Log-posteriors of each fold's rows under the fold's own estimator."""

    def of_fold(estimator: Estimator, part: jax.Array) -> tuple[jax.Array, ...]:
        return score_rows(estimator, tuple(block[part] for block in features)).log_posteriors

    return jax.vmap(of_fold)(estimators, rows)
