"""Pointwise information about a label, from the logits of a discriminator."""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.decomposition._arrays import as_array, check_count, expand_like, widen

__all__ = ["label_log_prior", "log_posterior", "pointwise_information", "score_information", "smooth_log_posterior"]


def label_log_prior(labels: ArrayLike, num_classes: int, weights: ArrayLike | None = None) -> jax.Array:
    """Log-prior of each class, estimated by its frequency among the labels.

    Args:
        labels: Class labels in ``0..num_classes-1``, integers of any shape.
        num_classes: Number of classes K.
        weights: Weight of each label, of the same shape, not negative; None for equal weights.

    Returns:
        Log-prior ``[K]`` in nats. An absent class has ``-inf``. A label out of range turns the
        result into NaN, because compiled code cannot raise an error.

    Raises:
        TypeError: If ``labels`` or ``num_classes`` are not integers.
        ValueError: If ``labels`` are empty, ``num_classes`` is not positive, or weights have another shape.

    Examples:
        >>> print(jnp.exp(label_log_prior(jnp.array([0, 1, 1, 1]), num_classes=2)))
        [0.25 0.75]
    """
    labels = _as_labels(labels)
    check_count("num_classes", num_classes, 1)
    if labels.ndim == 0 or labels.size == 0:
        raise ValueError(f"labels: expected an array of at least one, got shape {labels.shape}")
    # Frequencies of the classes. Invalid labels are counted nowhere: JAX would clamp their index silently.
    valid = (labels >= 0) & (labels < num_classes)
    index = jnp.where(valid, labels, 0)
    if weights is None:
        counts = jnp.zeros(num_classes, jnp.int32).at[index].add(valid.astype(jnp.int32))
        frequencies = counts.astype(jnp.result_type(float)) / labels.size
    else:
        shares = as_array("weights", weights)
        if shares.shape != labels.shape:
            raise ValueError(f"weights: expected shape {labels.shape} to match the labels, got {shares.shape}")
        frequencies = jnp.zeros(num_classes).at[index].add(shares / shares.sum())
    return jnp.where(valid.all(), jnp.log(frequencies), jnp.nan)


def log_posterior(logits: ArrayLike) -> jax.Array:
    """Log-softmax over the classes, in float32 or wider.

    Args:
        logits: Unnormalized log p(y|x), ``[..., K]``, in nats.

    Returns:
        Log p(y|x) ``[..., K]`` in nats.
    """
    return jax.nn.log_softmax(widen(jnp.asarray(logits)), axis=-1)


def pointwise_information(logits: ArrayLike, labels: ArrayLike | None, log_prior: ArrayLike) -> jax.Array:
    """Pointwise mutual information ``i(x; y) = log p(y|x) - log p(y)`` of each sample with its label.

    The first line of Eq. 2 of Yang et al. (2025), with p(y|x) the softmax of the logits.

    Args:
        logits: Unnormalized log p(y|x), ``[..., K]``, in nats. Half precision is computed in float32.
        labels: Class labels in ``0..K-1``, integers ``[...]``; None for the information of every class.
        log_prior: Log p(y), ``[K]``, in nats.

    Returns:
        Pointwise mutual information in nats, ``[...]``, or ``[..., K]`` without labels. NaN where a
        label is out of range, because compiled code cannot raise an error.

    Raises:
        TypeError: If ``logits`` are not floats or ``labels`` are not integers.
        ValueError: If the shapes do not match.

    Examples:
        >>> logits = jnp.log(jnp.array([[0.5, 0.5], [0.25, 0.75]]))
        >>> information = pointwise_information(logits, jnp.array([0, 1]), jnp.log(jnp.array([0.5, 0.5])))
        >>> print(jnp.exp(information))
        [1.  1.5]
    """
    logits, log_prior = as_array("logits", logits), as_array("log_prior", log_prior)
    _check_logits("logits", logits, log_prior)
    # i = log p(y|x) - log p(y), in log space so that confident posteriors keep their digits.
    return score_information(log_posterior(logits), labels, log_prior)


def score_information(log_scores: ArrayLike, labels: ArrayLike | None, log_prior: ArrayLike) -> jax.Array:
    """Log-score of each sample's label minus its log-prior, without normalizing the scores.

    Args:
        log_scores: Log-score of each class ``[..., K]``, in nats.
        labels: Class labels in ``0..K-1``, integers ``[...]``; None for every class.
        log_prior: Log p(y), ``[K]``, in nats.

    Returns:
        Nats, ``[...]``, or ``[..., K]`` without labels. NaN where a label is out of range.

    Raises:
        TypeError: If ``log_scores`` are not floats or ``labels`` are not integers.
        ValueError: If the shapes do not match.
    """
    scores, log_prior = as_array("log_scores", log_scores), as_array("log_prior", log_prior)
    _check_logits("log_scores", scores, log_prior)
    prior = log_prior.astype(scores.dtype)
    if labels is None:
        return scores - expand_like(prior, scores)
    labels = _as_labels(labels)
    if labels.shape != scores.shape[:-1]:
        raise ValueError(f"labels: expected shape {scores.shape[:-1]} to match the logits, got {labels.shape}")
    return _pick(scores, labels) - _pick(prior, labels)


def smooth_log_posterior(log_posterior: jax.Array, smoothing: float) -> jax.Array:
    """Label smoothing in log space: moves a fraction of each posterior to the uniform distribution.

    Args:
        log_posterior: Normalized log p(y|x), ``[..., K]``, in nats; ``-inf`` is allowed.
        smoothing: The fraction, between 0 and 1.

    Returns:
        Finite log-posterior ``[..., K]`` in nats.
    """
    # log((1 - a) p + a / K), as a log-sum-exp so that p = 0 is allowed.
    return jnp.logaddexp(log_posterior + math.log1p(-smoothing), math.log(smoothing / log_posterior.shape[-1]))


def _pick(table: jax.Array, labels: jax.Array) -> jax.Array:
    """Picks each label's entry of ``[K]`` or ``[..., K]``; NaN, never a neighbor's, for a label out of range."""
    num_classes = table.shape[-1]
    valid = (labels >= 0) & (labels < num_classes)
    index = jnp.where(valid, labels, 0)
    picked = table[index] if table.ndim == 1 else jnp.take_along_axis(table, index[..., None], axis=-1)[..., 0]
    return jnp.where(valid, picked, jnp.nan)


def _as_labels(labels: ArrayLike) -> jax.Array:
    """Checks that labels are integers."""
    labels = as_array("labels", labels)
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise TypeError(f"labels: expected an integer dtype, got {labels.dtype}")
    return labels


def _check_logits(name: str, logits: jax.Array, log_prior: jax.Array) -> None:
    """Checks that logits are floats whose last axis matches the prior; ``name`` is for the message."""
    if not jnp.issubdtype(logits.dtype, jnp.floating):
        raise TypeError(f"{name}: expected a floating dtype, got {logits.dtype}")
    if logits.ndim == 0:
        raise ValueError(f"{name}: expected shape [..., K], got a scalar")
    if log_prior.shape != logits.shape[-1:]:
        raise ValueError(f"log_prior: expected shape {logits.shape[-1:]} to match {name}, got {log_prior.shape}")
