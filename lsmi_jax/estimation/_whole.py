"""Fits and scores what all modalities say together, on the folds and held-out rows of the other models."""

from functools import partial
from typing import NamedTuple

import jax

from lsmi_jax.estimation._programs import fit_blends, fit_view, fit_whole_unions, merge_parts
from lsmi_jax.inputs import Dataset, Folds, joined
from lsmi_jax.models import Blend, Discriminator
from lsmi_jax.storage import Stage
from lsmi_jax.union import WholeUnion, whole_union_scores

__all__ = ["HeldOut", "WholeModels", "WholeScores", "fit_whole", "score_whole", "stages_of_whole"]

DISCRIMINATOR, UNION = "all modalities discriminator", "all modalities union information"


class WholeModels(NamedTuple):
    """Models of three or more modalities together.

    Attributes:
        discriminator: Discriminator of all modalities; None if the logits are the user's.
        blend: How it is combined with the others; None if the logits are the user's.
        union: Potentials of all modalities, and of each set that leaves one out.
    """

    discriminator: Discriminator | None
    blend: Blend | None
    union: WholeUnion


class WholeScores(NamedTuple):
    """Scores of rows under the models of all modalities.

    Attributes:
        log_posterior: Log p(y|x1,x2,...) ``[..., h, K]``, in nats.
        union: Log-scores under the union information of all modalities ``[..., h, K]``, in nats.
        rest: Log-scores under that of all except the first, except the second, and so on.
    """

    log_posterior: jax.Array
    union: jax.Array
    rest: tuple[jax.Array, ...]


class HeldOut(NamedTuple):
    """Predictions of rows that the models were not fitted on, of all seeds and folds.

    Attributes:
        log_posteriors: Of each modality, then of the stack of each pair ``[m, F, h, K]``, in nats.
        labels: Their labels ``[m, F, h]``; None if the logits are the user's.
        weights: Their weights, zero where each modality is missing ``[m, F, h]``; None if equal.
        complete_weights: Their weights, zero where any modality is missing.
    """

    log_posteriors: tuple[jax.Array, ...]
    labels: jax.Array | None
    weights: tuple[jax.Array, ...] | None
    complete_weights: jax.Array | None


def fit_whole(
    keys: jax.Array,
    data: Dataset,
    rows: jax.Array,
    splits: Folds,
    weights: jax.Array | None,
    held_out: HeldOut,
    num_cells: int,
    stage: Stage,
) -> WholeModels:
    """Fits the models of all modalities.

    Args:
        keys: Random key of each seed ``[m]``.
        data: The data set.
        rows: Row indices to fit on ``[m, F, t]``.
        splits: Splits of these rows.
        weights: Weights of these rows, zero where a modality is missing; None for equal weights.
        held_out: What the other models predict.
        num_cells: Number of cells of the union information.
        stage: Runs each fit.

    Returns:
        `WholeModels` with leading axes of seeds and folds.
    """
    count = len(data.features)
    singles, pairs = held_out.log_posteriors[:count], held_out.log_posteriors[count:]
    joint_keys, union_keys = _own_keys(keys)
    discriminator = blend = None
    if data.logits is None and held_out.labels is not None:
        fit = partial(fit_view, joint_keys, joined(data.features), data, rows, splits, weights)
        discriminator, joint = stage(DISCRIMINATOR, fit)
        blend = fit_blends(
            merge_parts(joint), singles, pairs, held_out.labels, data.log_prior, held_out.complete_weights, data.mesh
        )
    union = stage(
        UNION,
        partial(fit_whole_unions, union_keys, singles, data.log_prior, held_out.weights, num_cells, data.mesh),
    )
    return WholeModels(discriminator, blend, union)


def score_whole(
    models: WholeModels,
    features: tuple[jax.Array, ...],
    log_posteriors: tuple[jax.Array, ...],
    logits: jax.Array | None,
) -> WholeScores:
    """Scores rows with the models of all modalities.

    Args:
        models: From `fit_whole`, of one seed and fold.
        features: Feature blocks ``[h, d]``.
        log_posteriors: Of each modality, then of each pair ``[h, K]``, in nats.
        logits: The user's logits of all modalities ``[h, K]``; None if a discriminator was fitted.

    Returns:
        `WholeScores`.
    """
    singles, pairs = log_posteriors[: len(features)], log_posteriors[len(features) :]
    if models.discriminator is None or models.blend is None:
        assert logits is not None
        joint = jax.nn.log_softmax(logits)
    else:
        joint = models.blend.log_posterior(models.discriminator.log_posterior(joined(features)), singles, pairs)
    return WholeScores(joint, *whole_union_scores(models.union, singles))


def stages_of_whole(*, fits_discriminator: bool) -> list[str]:
    """Names of the stages of `fit_whole`, in order."""
    return [DISCRIMINATOR, UNION] if fits_discriminator else [UNION]


@jax.jit
def _own_keys(keys: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Keys ``[m]`` of the discriminator and of the potentials, apart from those of resampling."""
    first, second = (jax.vmap(lambda key, own=own: jax.random.fold_in(key, own))(keys) for own in (1, 2))
    return first, second
