"""What is fitted, stacked over seeds and folds, and what it says of rows."""

from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from lsmi_jax.density import Density
from lsmi_jax.discriminator import Discriminator
from lsmi_jax.posterior_space import posterior_coordinates

__all__ = [
    "Data",
    "EntropySpace",
    "Estimator",
    "Scores",
    "log_posteriors",
    "pairs_of",
    "score_rows",
    "score_stacked",
    "stack",
    "unstack",
    "views",
]

NARROW = 64  # columns of a pair of blocks up to which one compiled discriminator for all pays

EntropySpace = Literal["posterior", "features"]
"""Where the density lives: on the discriminators' own posteriors, or on the features (the paper)."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Estimator:
    """Fitted discriminators and densities, a pytree.

    Attributes:
        discriminators: Of each modality, then of each pair; None where the logits are the user's.
        densities: Of each modality.
        log_prior: Log-prior of the classes ``[K]``, in nats.
        key: Random key for what is resampled from scores.
        entropy_space: Where the densities live.
        num_features: Columns of each feature block.
    """

    discriminators: tuple[Discriminator, ...] | None
    densities: tuple[Density, ...]
    log_prior: jax.Array
    key: jax.Array
    entropy_space: EntropySpace = field(metadata={"static": True})
    num_features: tuple[int, ...] = field(metadata={"static": True})


class Data(NamedTuple):
    """A checked data set: float32 features, int32 labels, the user's logits if any, and the log-prior."""

    features: tuple[jax.Array, ...]
    labels: jax.Array
    logits: tuple[jax.Array, ...] | None
    log_prior: jax.Array

    @property
    def num_classes(self) -> int:
        """Number of classes K."""
        return self.log_prior.shape[0]


class Scores(NamedTuple):
    """Log-posteriors of every discriminator ``[F, h, K]``, and surprisals of every block ``[F, h]``."""

    log_posteriors: tuple[jax.Array, ...]
    surprisals: tuple[jax.Array, ...]


def pairs_of(num_blocks: int) -> tuple[tuple[int, int], ...]:
    """All pairs of blocks, in the order in which their discriminators, logits and results come.

    Args:
        num_blocks: Number of blocks M.

    Returns:
        M(M-1)/2 pairs of positions.

    Examples:
        >>> pairs_of(3)
        ((0, 1), (0, 2), (1, 2))
    """
    return tuple(combinations(range(num_blocks), 2))


@jax.jit
def stack(estimator: Estimator) -> Estimator:
    """An estimator as that of one seed and one fold.

    Args:
        estimator: Without leading axes.

    Returns:
        The same with leading axes of seeds and folds.
    """
    return jax.tree.map(lambda leaf: leaf[None, None], estimator)


@jax.jit
def unstack(estimators: Estimator) -> Estimator:
    """The estimator of the first seed and fold.

    Args:
        estimators: With leading axes of seeds and folds.

    Returns:
        An estimator without.
    """
    return jax.tree.map(lambda leaf: leaf[0, 0], estimators)


def log_posteriors(discriminators: tuple, features: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    """What each discriminator says of its view of some rows.

    Args:
        discriminators: Of each block, then of each pair.
        features: Feature blocks ``[n, d]``.

    Returns:
        Log-posteriors ``[n, K]`` in nats.
    """
    return tuple(one.log_posterior(view) for one, view in zip(discriminators, views(features), strict=True))


def score_rows(
    estimator: Estimator, features: tuple[jax.Array, ...], logits: tuple[jax.Array, ...] | None = None
) -> Scores:
    """Scores rows with one estimator.

    Args:
        estimator: Without leading axes.
        features: Feature blocks ``[n, d]``.
        logits: The user's logits, each ``[n, K]``, if it was fitted with theirs.

    Returns:
        `Scores` of the rows.
    """
    if estimator.discriminators is None:
        posteriors = tuple(map(jax.nn.log_softmax, logits or ()))
    else:
        posteriors = log_posteriors(estimator.discriminators, features)
    points = features
    if estimator.entropy_space == "posterior":
        points = tuple(map(posterior_coordinates, posteriors[: len(features)]))
    return Scores(posteriors, tuple(d.surprisal(x) for d, x in zip(estimator.densities, points, strict=True)))


def score_stacked(estimators: Estimator, data: Data, rows: jax.Array) -> Scores:
    """Scores each fold's rows with its own estimator.

    Args:
        estimators: Estimators with leading axes of seeds and folds.
        data: The data set.
        rows: Row indices to score, of each seed and fold ``[m, F, h]``.

    Returns:
        `Scores` with leading axes of seeds and folds.
    """

    def one(estimator: Estimator, part: jax.Array) -> Scores:
        return score_rows(estimator, *jax.tree.map(lambda block: block[part], (data.features, data.logits)))

    return jax.vmap(jax.vmap(one))(estimators, rows)


@jax.jit
def views(features: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    """What each discriminator sees: each block, then each pair of blocks.

    Constant columns say nothing and cost little: with them views are of fewer shapes, each compiled once. Narrow views
    are all of one width, and wide ones, where more than two blocks make many, of a multiple of `NARROW`.

    Args:
        features: Feature blocks ``[n, d]``.

    Returns:
        Arrays ``[n, ...]``.
    """
    pairs = [jnp.concatenate([features[a], features[b]], axis=1) for a, b in pairs_of(len(features))]
    widest = max(pair.shape[1] for pair in pairs)
    unit = 1 if widest > NARROW and len(features) == 2 else min(widest, NARROW)
    return tuple(jnp.pad(view, ((0, 0), (0, -view.shape[1] % unit))) for view in (*features, *pairs))
