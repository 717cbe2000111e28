"""Interactions that a fitted estimator expects of samples whose labels are not known."""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.decomposition import Interactions, Redundancy
from lsmi_jax.estimation._assembly import decompose_scores
from lsmi_jax.estimation._estimator import Estimator
from lsmi_jax.estimation._fit_and_score import redundancy_of
from lsmi_jax.estimation._scoring import score_rows
from lsmi_jax.inputs import pack

__all__ = ["expected_interactions", "log_posteriors"]


def expected_interactions(
    estimator: Estimator, features: Sequence[ArrayLike], *, redundancy: Redundancy | None = None
) -> Interactions:
    """Mean of each sample's interactions over all labels, weighted by their probability given both modalities.

    ``sum_y p(y|x1,x2) r(x1,x2,y)``, and so on for the other parts: what can be known of a sample without its label. It
    inherits the errors of the estimator's own posterior, which also weights it.

    Args:
        estimator: From `lsmi_jax.fit_estimator`, with discriminators and for classes.
        features: The two feature blocks, ``[n, d1]`` and ``[n, d2]``.
        redundancy: Another redundancy that needs no further fit; None for the one it was fitted for.

    Returns:
        Interactions ``[n]`` in nats.

    Raises:
        TypeError: If ``estimator`` has the wrong type.
        ValueError: If the features differ from those of the fit, or the estimator has no discriminators, a continuous
            target, or more than two modalities.
    """
    chosen = redundancy_of(estimator, redundancy, only_two=True)
    return _expected(estimator, _blocks(estimator, features), chosen)


def log_posteriors(estimator: Estimator, features: Sequence[ArrayLike]) -> tuple[jax.Array, ...]:
    """Log-posteriors of samples whose labels are not known, from the first modality, the second, and both.

    Args:
        estimator: From `lsmi_jax.fit_estimator`, with discriminators and for classes.
        features: The two feature blocks, ``[n, d1]`` and ``[n, d2]``.

    Returns:
        Log p(y|x1), log p(y|x2) and log p(y|x1,x2) ``[n, K]``, in nats.

    Raises:
        TypeError: If ``estimator`` has the wrong type.
        ValueError: If the features differ from those of the fit, or the estimator has no discriminators, a continuous
            target, or more than two modalities.
    """
    redundancy_of(estimator, None, only_two=True)
    return _posteriors(estimator, _blocks(estimator, features))


def _blocks(estimator: Estimator, features: Sequence[ArrayLike]) -> tuple[jax.Array, ...]:
    """Checked feature blocks in the estimator's units."""
    if estimator.discriminators is None:
        raise ValueError("estimator: expected one with discriminators, got one for your own logits")
    if estimator.knots is not None:
        raise ValueError("estimator: expected one for classes, got one for a continuous target")
    size = jnp.shape(features[0])[0]
    data = pack(
        features,
        jnp.zeros(size, jnp.int32),  # no label is known, and none enters
        num_classes=estimator.num_classes,
        log_prior=estimator.log_prior,
        units=estimator.units,
    )
    return data.features


@jax.jit
def _posteriors(estimator: Estimator, features: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    """Log-posteriors of the three views."""
    return score_rows(estimator, features).log_posteriors[:3]


@partial(jax.jit, static_argnums=2)
def _expected(estimator: Estimator, features: tuple[jax.Array, ...], redundancy: Redundancy) -> Interactions:
    """Interactions of each label, one after another, averaged under the posterior of both modalities."""
    scores = score_rows(estimator, features)
    num_rows, num_classes = scores.log_posteriors[2].shape

    def add(total: Interactions, label: jax.Array) -> tuple[Interactions, None]:
        labels = jnp.full(num_rows, label)
        parts, _ = decompose_scores(scores, labels, estimator.log_prior, redundancy)
        chance = jnp.exp(scores.log_posteriors[2][:, label])
        # An impossible label has an infinite surprisal, and weight zero.
        added = (jnp.where(chance > 0, chance * part, 0.0) for part in parts)
        return Interactions(*map(jnp.add, total, added)), None

    start = Interactions(*(jnp.zeros(num_rows) for _ in range(4)))
    return jax.lax.scan(add, start, jnp.arange(num_classes))[0]
