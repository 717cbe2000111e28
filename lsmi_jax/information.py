"""Pointwise information about a label, from the logits of a discriminator."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.precision import widen

__all__ = ["label_log_prior", "log_ratio_coordinates", "pointwise_information", "with_doubt"]


def label_log_prior(labels: ArrayLike, num_classes: int) -> jax.Array:
    """Log-prior of each class, estimated by its frequency among the labels.

    Args:
        labels: Class labels in ``0..num_classes-1``, integers of any shape.
        num_classes: Number of classes K.

    Returns:
        Log-prior ``[K]`` in nats. An absent class has ``-inf``; a label out of range, which
        compiled code cannot report, turns the whole result into NaN.

    Raises:
        TypeError: If ``labels`` are not integers.
        ValueError: If ``labels`` are empty or ``num_classes`` is not positive.

    Examples:
        >>> print(jnp.exp(label_log_prior(jnp.array([0, 1, 1, 1]), num_classes=2)))
        [0.25 0.75]
    """
    labels = _as_labels(labels)
    if num_classes < 1:
        raise ValueError(f"num_classes: expected at least 1, got {num_classes}")
    if labels.size == 0:
        raise ValueError("labels: expected at least one, got an empty array")
    valid = (labels >= 0) & (labels < num_classes)
    counts = jnp.zeros(num_classes, jnp.int32).at[jnp.where(valid, labels, 0)].add(valid.astype(jnp.int32))
    frequencies = counts.astype(jnp.result_type(float)) / labels.size
    return jnp.where(valid.all(), jnp.log(frequencies), jnp.nan)


def pointwise_information(logits: ArrayLike, labels: ArrayLike, log_prior: ArrayLike) -> jax.Array:
    """Pointwise mutual information ``i(x; y) = log p(y|x) - log p(y)`` of each sample with its label.

    The first line of Eq. 2 of Yang et al. (2025), with p(y|x) the softmax of the logits.

    Args:
        logits: Unnormalised log p(y|x), ``[..., K]``, in nats; half precision is computed in float32.
        labels: Class labels in ``0..K-1``, integers ``[...]``.
        log_prior: Log p(y), ``[K]``, in nats.

    Returns:
        Pointwise mutual information ``[...]`` in nats; NaN where a label is out of range, which
        compiled code cannot report.

    Raises:
        TypeError: If ``logits`` are not floats or ``labels`` are not integers.
        ValueError: If the shapes do not match.

    Examples:
        >>> logits = jnp.log(jnp.array([[0.5, 0.5], [0.25, 0.75]]))
        >>> information = pointwise_information(logits, jnp.array([0, 1]), jnp.log(jnp.array([0.5, 0.5])))
        >>> print(jnp.exp(information))
        [1.  1.5]
    """
    logits, labels, log_prior = jnp.asarray(logits), _as_labels(labels), jnp.asarray(log_prior)
    _check_shapes(logits, labels, log_prior)
    log_posterior = jax.nn.log_softmax(widen(logits), axis=-1)
    return _pick(log_posterior, labels) - _pick(log_prior.astype(log_posterior.dtype), labels)


def with_doubt(log_posterior: jax.Array, doubt: float) -> jax.Array:
    """Spreads a part of each posterior evenly over the classes, so that it is finite however sure it was.

    Args:
        log_posterior: Normalised log p(y|x), ``[..., K]``, in nats.
        doubt: The part that is spread, between 0 and 1.

    Returns:
        Log-posterior ``[..., K]`` in nats.
    """
    return jnp.logaddexp(log_posterior + math.log1p(-doubt), math.log(doubt / log_posterior.shape[-1]))


def log_ratio_coordinates(logits: ArrayLike) -> jax.Array:
    """Isometric log-ratio coordinates of the posterior that the logits define.

    Egozcue et al., "Isometric logratio transformations for compositional data analysis", Mathematical
    Geology 35, 2003. They hold all that the posterior does, without its constraint, so a density can
    live on them; and whatever the features were, there are K - 1.

    Args:
        logits: Unnormalised log p(y|x), ``[..., K]``, in nats, finite.

    Returns:
        Coordinates ``[..., K - 1]`` in nats, float32 or wider.

    Examples:
        >>> print(log_ratio_coordinates(jnp.array([jnp.sqrt(2.0), 0.0])).round(3))
        [1.]
    """
    logits = widen(jnp.asarray(logits))
    basis = jnp.asarray(_helmert(logits.shape[-1]), logits.dtype)
    return (logits - logits.mean(-1, keepdims=True)) @ basis


def _helmert(num_classes: int) -> np.ndarray:
    """Orthonormal basis [K, K-1] of the vectors that sum to zero."""
    k = np.arange(1, num_classes)
    basis = np.triu(np.ones((num_classes, num_classes - 1)))
    basis[k, k - 1] = -k
    return basis / np.sqrt(k * (k + 1))


def _pick(table: jax.Array, labels: jax.Array) -> jax.Array:
    """Entry of the label in ``[K]`` or ``[..., K]``; NaN, never a neighbour, for a label out of range."""
    num_classes = table.shape[-1]
    valid = (labels >= 0) & (labels < num_classes)
    index = jnp.where(valid, labels, 0)
    picked = table[index] if table.ndim == 1 else jnp.take_along_axis(table, index[..., None], axis=-1)[..., 0]
    return jnp.where(valid, picked, jnp.nan)


def _as_labels(labels: ArrayLike) -> jax.Array:
    labels = jnp.asarray(labels)
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise TypeError(f"labels: expected an integer dtype, got {labels.dtype}")
    return labels


def _check_shapes(logits: jax.Array, labels: jax.Array, log_prior: jax.Array) -> None:
    if not jnp.issubdtype(logits.dtype, jnp.floating):
        raise TypeError(f"logits: expected a floating dtype, got {logits.dtype}")
    if logits.ndim == 0:
        raise ValueError("logits: expected shape [..., K], got a scalar")
    if labels.shape != logits.shape[:-1]:
        raise ValueError(f"labels: expected shape {logits.shape[:-1]} to match the logits, got {labels.shape}")
    if log_prior.shape != logits.shape[-1:]:
        raise ValueError(f"log_prior: expected shape {logits.shape[-1:]} to match the logits, got {log_prior.shape}")
