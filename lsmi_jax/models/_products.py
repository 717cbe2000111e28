"""A classifier on products of two posteriors, which can learn a table over pairs of classes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lsmi_jax.models._linear_algebra import eigenvectors, second_moment
from lsmi_jax.models._logistic_regression import NUM_MORE, LinearWeights, fit_ridge, linear_logits
from lsmi_jax.models._whitening import Standardize

__all__ = ["Products", "fit_products"]

PENALTIES = (1e-1, 1e-2, 1e-3, 1e-4)
MAX_DIRECTIONS = 16  # of each posterior


class Products(NamedTuple):
    """Logistic regression on the products ``p(j|x1) p(k|x2)`` of all pairs of classes j, k.

    Attributes:
        directions: Leading directions of the probabilities of both modalities ``[2, K, M]``; None for few classes,
            where all M = K probabilities are used.
        standardize: Standardizing of the products.
        weights: Kernel ``[M^2, K]`` and bias ``[K]``.
    """

    directions: jax.Array | None
    standardize: Standardize
    weights: LinearWeights

    def log_posterior(self, first: jax.Array, second: jax.Array) -> jax.Array:
        """Log-posteriors ``[n, K]`` in nats, from those of both modalities ``[n, K]``."""
        products = self.standardize(_products(self.directions, first, second))
        return jax.nn.log_softmax(linear_logits(self.weights, products))


def fit_products(
    first: jax.Array, second: jax.Array, labels: jax.Array, weights: jax.Array | None = None
) -> tuple[Products, jax.Array]:
    """Fits a classifier on products of posteriors that were not fitted on these rows.

    Args:
        first: Log-posteriors of the first modality, by held-out part ``[S, h, K]``, in nats.
        second: Those of the second modality.
        labels: Class labels ``[S, h]``.
        weights: Weight of each row ``[S, h]``; None for equal weights.

    Returns:
        `Products`, and log-posteriors ``[S, h, K]`` in nats of the rows of each part, fitted to the other parts.
    """
    num_parts, size, num_classes = first.shape
    flat = None if weights is None else weights.reshape(-1)
    directions = None
    if num_classes > MAX_DIRECTIONS:
        directions = jnp.stack([_directions(jnp.exp(view).reshape(-1, num_classes), flat) for view in (first, second)])
    products = _products(directions, *(view.reshape(-1, num_classes) for view in (first, second)))
    standardize = Standardize(products, flat)
    rows, left_out = standardize(products), jnp.arange(num_parts * size).reshape(num_parts, size)
    # The many weights of many classes take most of the time, and continuing the best fit gains nothing there.
    ridge = fit_ridge(
        rows,
        labels.reshape(-1),
        left_out,
        flat,
        num_classes=num_classes,
        penalties=jnp.array(PENALTIES),
        num_more=NUM_MORE if directions is None else 0,
    )
    held_out = jax.nn.log_softmax(ridge.held_out(rows, left_out))
    return Products(directions, standardize, ridge.weights), held_out


def _products(directions: jax.Array | None, first: jax.Array, second: jax.Array) -> jax.Array:
    """Products of the probabilities of both modalities, or of their leading coordinates, ``[n, M^2]``."""
    left, right = jnp.exp(first), jnp.exp(second)
    if directions is not None:
        left, right = left @ directions[0], right @ directions[1]
    return (left[:, :, None] * right[:, None, :]).reshape(left.shape[0], -1)


def _directions(probabilities: jax.Array, weights: jax.Array | None) -> jax.Array:
    """Leading eigenvectors of the second moment of probabilities ``[K, M]``."""
    return eigenvectors(second_moment(probabilities, weights))[:, -MAX_DIRECTIONS:]
