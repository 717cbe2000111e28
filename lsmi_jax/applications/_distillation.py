"""Distillation that is weighted, sample by sample, by the teacher's interactions."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.applications._shares import Shares, shares
from lsmi_jax.decomposition import Interactions, check_temperature, widen
from lsmi_jax.estimation import Estimate

__all__ = ["distillation_loss", "distillation_weights"]


def distillation_weights(interactions: Estimate | Interactions) -> Shares:
    """Distillation weights of each sample: Sec. 4.3.2 and Figure 5 of Yang et al. (2025).

    Redundancy and uniqueness are present in a single modality, so they weight its features. Synergy appears only
    in the output, so it weights the output. The weights are `lsmi_jax.applications.shares`.

    Args:
        interactions: The teacher's interactions of n samples, in nats: an `lsmi_jax.Estimate`, whose raw
            interactions are used, or `lsmi_jax.Interactions`. Use samples that the teacher was not trained on.

    Returns:
        Weights ``[n]`` of the first modality's features, the second's, and the output. Gradients stop here.

    Examples:
        >>> parts = Interactions(*(jnp.array([x]) for x in (1.0, 0.5, -0.2, 0.5)))
        >>> print(*distillation_weights(parts))
        [0.5] [0.25] [0.25]
    """
    parts = interactions.interactions if isinstance(interactions, Estimate) else interactions
    return jax.lax.stop_gradient(shares(parts))


def distillation_loss(
    features: Sequence[ArrayLike],
    logits: ArrayLike,
    teacher_features: Sequence[ArrayLike],
    teacher_logits: ArrayLike,
    weights: Shares,
    *,
    temperature: ArrayLike = 1.0,
) -> jax.Array:
    """Distance of a student from its teacher, in the features of each modality and in the output (Figure 5).

    Features are compared by mean squared error. Standardize the teacher's, so that a student that predicts their
    mean has error one. Outputs are compared by the Kullback-Leibler divergence of the posteriors at the given
    temperature, times the temperature squared (Hinton et al., "Distilling the knowledge in a neural network",
    2015). The weights ``Shares(0.5, 0.5, 0.0)`` give plain feature distillation.

    Args:
        features: The student's features of the first modality ``[n, d1]`` and the second ``[n, d2]``. They must be as
            wide as the teacher's, so project those of a narrower student.
        logits: The student's joint logits ``[n, K]``.
        teacher_features: The teacher's features ``[n, d1]`` and ``[n, d2]``.
        teacher_logits: The teacher's joint logits ``[n, K]``; ``-inf`` rules out a class.
        weights: Weights of the two features and the output, each ``[n]`` or scalar, from `distillation_weights`.
        temperature: Divisor of the logits, positive.

    Returns:
        Losses ``[n]``, float32 or wider. Only the student's features and logits receive gradients.

    Raises:
        TypeError: If features or logits are not floats.
        ValueError: If the shapes do not match, or the temperature is not positive (not checked under ``jit``).

    Examples:
        >>> features, logits = [jnp.ones((1, 4)), jnp.zeros((1, 2))], jnp.zeros((1, 3))
        >>> teacher_features = [jnp.zeros((1, 4)), jnp.zeros((1, 2))]
        >>> print(distillation_loss(features, logits, teacher_features, logits, Shares(0.5, 0.25, 0.25)))
        [0.5]
    """
    if len(features) != 2 or len(teacher_features) != 2:
        raise ValueError(f"features: expected 2 of student and teacher, got {len(features)}, {len(teacher_features)}")
    check_temperature(temperature)
    student = _check_matrices(features1=features[0], features2=features[1], logits=logits)
    teacher = _check_matrices(
        teacher_features1=teacher_features[0], teacher_features2=teacher_features[1], teacher_logits=teacher_logits
    )
    _check_shapes(student, teacher)
    teacher, weights = jax.lax.stop_gradient((teacher, weights))
    terms = [jnp.square(own - target).mean(-1) for own, target in zip(student[:2], teacher[:2], strict=True)]
    terms.append(_divergence(teacher[2], student[2], temperature))
    total = jnp.zeros_like(terms[0])
    for weight, term in zip(weights, terms, strict=True):
        total += jnp.broadcast_to(weight, term.shape).astype(term.dtype) * term
    return total


def _divergence(teacher_logits: jax.Array, logits: jax.Array, temperature: ArrayLike) -> jax.Array:
    """Divergence of the student's softened posterior from the teacher's, in nats times temperature squared."""
    scale = jnp.asarray(temperature, logits.dtype)
    target, own = (jax.nn.log_softmax(unscaled / scale) for unscaled in (teacher_logits, logits))
    # 0 log 0 = 0 where the teacher rules out a class; the inner `where` keeps its gradient finite.
    possible = jnp.isfinite(target)
    difference = jnp.where(possible, jnp.where(possible, target, 0) - own, 0)
    # The temperature squared keeps the size of gradients, which shrink as its inverse square.
    return scale**2 * (jnp.exp(target) * difference).sum(-1)


def _check_matrices(**named: ArrayLike) -> list[jax.Array]:
    """Returns matrices of floats, float32 or wider, which may differ in shape."""
    arrays = {name: jnp.asarray(value) for name, value in named.items()}
    for name, array in arrays.items():
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError(f"{name}: expected a floating dtype, got {array.dtype}")
        if array.ndim != 2:
            raise ValueError(f"{name}: expected shape [n, d], got {array.shape}")
    return [widen(array) for array in arrays.values()]


def _check_shapes(student: list[jax.Array], teacher: list[jax.Array]) -> None:
    """Checks that student and teacher agree in all shapes, with the same number of rows."""
    shapes, expected = ([array.shape for array in arrays] for arrays in (student, teacher))
    if shapes != expected:
        raise ValueError(f"features, logits: expected shapes {expected}, as the teacher's, got {shapes}")
    if len({shape[0] for shape in shapes}) != 1:
        raise ValueError(f"features, logits: expected the same number of rows, got shapes {shapes}")
