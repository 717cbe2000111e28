"""Teaching a small network what a large one knows, sample by sample as its interactions say."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.applications.shares import Shares, shares
from lsmi_jax.decomposition import Interactions
from lsmi_jax.precision import widen

__all__ = ["distillation_loss", "distillation_weights"]


def distillation_weights(interactions: Interactions) -> Shares:
    """What to distil of each sample, by a teacher's interactions: Sec. 4.3.2 and Figure 5 of Yang et al. (2025).

    Redundancy and uniqueness are in a modality by itself, and weigh its features; synergy shows in the
    output only, and weighs it. The weights are `lsmi_jax.applications.shares`.

    Args:
        interactions: The teacher's interactions ``[n]`` in nats, best of samples that it was not trained on.

    Returns:
        Weights ``[n]`` of the first modality's features, the second's, and the output, which no gradient
        passes.

    Examples:
        >>> parts = Interactions(*(jnp.array([x]) for x in (1.0, 0.5, -0.2, 0.5)))
        >>> print(*distillation_weights(parts))
        [0.5] [0.25] [0.25]
    """
    return jax.lax.stop_gradient(shares(interactions))


def distillation_loss(
    features: Sequence[ArrayLike],
    logits: ArrayLike,
    teacher_features: Sequence[ArrayLike],
    teacher_logits: ArrayLike,
    weights: Shares,
    *,
    temperature: ArrayLike = 1.0,
) -> jax.Array:
    """How far a student is from a teacher: in each modality's features, and in the output (Figure 5).

    Features differ by their mean squared error, so the teacher's are best standardised; one is then the
    error of a student who says nothing. Outputs differ by the divergence of the softened posteriors, times
    the temperature squared (Hinton et al., "Distilling the knowledge in a neural network", 2015). Direct
    distillation of features is that with the weights ``Shares(0.5, 0.5, 0.0)``.

    Args:
        features: The student's features of the first modality ``[n, d1]`` and the second ``[n, d2]``, as wide
            as the teacher's: a narrow student is projected.
        logits: The student's joint logits ``[n, K]``.
        teacher_features: The teacher's features ``[n, d1]`` and ``[n, d2]``.
        teacher_logits: The teacher's joint logits ``[n, K]``; ``-inf`` is allowed, for a class ruled out.
        weights: Of the two features and the output, each ``[n]`` or a scalar, from `distillation_weights`.
        temperature: What logits are divided by, positive.

    Returns:
        Losses ``[n]``, float32 or wider; only the student's features and logits have gradients.

    Raises:
        TypeError: If features or logits are not floats.
        ValueError: If shapes do not match, or the temperature, where its value is known, is not positive.

    Examples:
        >>> features, logits = [jnp.ones((1, 4)), jnp.zeros((1, 2))], jnp.zeros((1, 3))
        >>> taught = [jnp.zeros((1, 4)), jnp.zeros((1, 2))]
        >>> print(distillation_loss(features, logits, taught, logits, Shares(0.5, 0.25, 0.25)))
        [0.5]
    """
    if len(features) != 2 or len(teacher_features) != 2:
        raise ValueError(f"features: expected 2 of student and teacher, got {len(features)}, {len(teacher_features)}")
    _check_temperature(temperature)
    student = _as_floats(features1=features[0], features2=features[1], logits=logits)
    taught = _as_floats(
        teacher_features1=teacher_features[0], teacher_features2=teacher_features[1], teacher_logits=teacher_logits
    )
    _check_shapes(student, taught)
    taught, weights = jax.lax.stop_gradient((taught, weights))
    parts = [jnp.square(own - other).mean(-1) for own, other in zip(student[:2], taught[:2], strict=True)]
    parts.append(_divergence(taught[2], student[2], temperature))
    total = jnp.zeros_like(parts[0])
    for weight, part in zip(weights, parts, strict=True):
        total += jnp.broadcast_to(weight, part.shape).astype(part.dtype) * part
    return total


def _divergence(teacher_logits: jax.Array, logits: jax.Array, temperature: ArrayLike) -> jax.Array:
    """Divergence of the student's softened posterior from the teacher's, in nats times temperature squared."""
    warmth = jnp.asarray(temperature, logits.dtype)
    target, own = (jax.nn.log_softmax(one / warmth) for one in (teacher_logits, logits))
    possible = jnp.isfinite(target)
    difference = jnp.where(possible, jnp.where(possible, target, 0) - own, 0)
    return warmth**2 * (jnp.exp(target) * difference).sum(-1)


def _as_floats(**named: ArrayLike) -> list[jax.Array]:
    arrays = {name: jnp.asarray(value) for name, value in named.items()}
    for name, array in arrays.items():
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError(f"{name}: expected a floating dtype, got {array.dtype}")
        if array.ndim != 2:
            raise ValueError(f"{name}: expected shape [n, d], got {array.shape}")
    return [widen(array) for array in arrays.values()]


def _check_shapes(student: list[jax.Array], taught: list[jax.Array]) -> None:
    shapes, expected = ([one.shape for one in those] for those in (student, taught))
    if shapes != expected:
        raise ValueError(f"features, logits: expected shapes {expected}, as the teacher's, got {shapes}")
    if len({shape[0] for shape in shapes}) != 1:
        raise ValueError(f"features, logits: expected as many rows in each, got shapes {shapes}")


def _check_temperature(temperature: ArrayLike) -> None:
    if not isinstance(temperature, jax.core.Tracer) and not float(temperature) > 0:  # type: ignore[arg-type]
        raise ValueError(f"temperature: expected a positive number, got {temperature}")
