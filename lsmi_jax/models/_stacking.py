"""Stacks: predictors of several modalities together with those of each alone, fitted to held-out rows."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lsmi_jax.models._discriminant_analysis import LEAST_LOG_PRIOR
from lsmi_jax.models._pooling import Pool, fit_pool
from lsmi_jax.models._powers import fit_powers, fuse
from lsmi_jax.models._products import Products, fit_products

__all__ = ["Blend", "Stack", "fit_blend", "fit_stack"]


class Stack(NamedTuple):
    """How the discriminator of two modalities is combined with those of each alone.

    Attributes:
        powers: Powers of the first and the second posterior in additive fusion ``[2]``.
        products: Classifier on products of the first and the second posterior.
        pool: Pool of the joint, the first, the second, additive fusion and products.
        log_prior: Log-prior of the classes ``[K]``, in nats.
    """

    powers: jax.Array
    products: Products
    pool: Pool
    log_prior: jax.Array

    def log_posterior(self, joint: jax.Array, first: jax.Array, second: jax.Array) -> jax.Array:
        """Log-posterior of the stack.

        Args:
            joint: Log-posteriors of the discriminator of both modalities ``[n, K]``, in nats.
            first: Those of the first modality.
            second: Those of the second modality.

        Returns:
            Log p(y|x1,x2) ``[n, K]`` in nats.
        """
        fused = fuse(self.powers, jnp.stack([first, second]), self.log_prior)
        products = self.products.log_posterior(first, second)
        return self.pool.log_posterior(jnp.stack([joint, first, second, fused, products]), self.log_prior)


def fit_stack(
    joint: jax.Array,
    first: jax.Array,
    second: jax.Array,
    labels: jax.Array,
    log_prior: jax.Array,
    weights: jax.Array | None = None,
) -> tuple[Stack, jax.Array]:
    """Fits a stack to rows that the discriminators were not fitted on.

    Args:
        joint: Log-posteriors of the discriminator of both modalities, by held-out part ``[S, h, K]``, in nats.
        first: Those of the first modality.
        second: Those of the second modality.
        labels: Class labels ``[S, h]``.
        log_prior: Log-prior of the classes ``[K]``, in nats.
        weights: Weight of each row ``[S, h]``; None for equal weights.

    Returns:
        A `Stack`, and its log-posteriors of these rows ``[S, h, K]``, in nats.
    """
    shape = joint.shape
    products, held_out = fit_products(first, second, labels, weights)
    prior = jnp.maximum(log_prior, LEAST_LOG_PRIOR)  # an absent class must not make the fused logits undefined
    joint, first, second, held_out = (part.reshape(-1, part.shape[-1]) for part in (joint, first, second, held_out))
    labels, weights = labels.reshape(-1), None if weights is None else weights.reshape(-1)
    singles = jnp.stack([first, second])
    powers = fit_powers(singles, labels, prior, weights)
    members = jnp.stack([joint, first, second, fuse(powers, singles, prior), held_out])
    pool = fit_pool(members, labels, prior, weights)
    return Stack(powers, products, pool, prior), pool.log_posterior(members, prior).reshape(shape)


class Blend(NamedTuple):
    """How the discriminator of three or more modalities is combined with those of each alone and of each pair.

    Attributes:
        powers: Powers of the posteriors of the modalities in additive fusion ``[M]``.
        pool: Pool of the joint, additive fusion and each pair.
        log_prior: Log-prior of the classes ``[K]``, in nats.
    """

    powers: jax.Array
    pool: Pool
    log_prior: jax.Array

    def log_posterior(self, joint: jax.Array, singles: Sequence[jax.Array], pairs: Sequence[jax.Array]) -> jax.Array:
        """Log-posterior of the blend.

        Args:
            joint: Log-posteriors of the discriminator of all modalities ``[n, K]``, in nats.
            singles: Those of each modality.
            pairs: Those of the stack of each pair.

        Returns:
            Log p(y|x1,x2,...) ``[n, K]`` in nats.
        """
        fused = fuse(self.powers, jnp.stack(list(singles)), self.log_prior)
        return self.pool.log_posterior(jnp.stack([joint, fused, *pairs]), self.log_prior)


def fit_blend(
    joint: jax.Array,
    singles: Sequence[jax.Array],
    pairs: Sequence[jax.Array],
    labels: jax.Array,
    log_prior: jax.Array,
    weights: jax.Array | None = None,
) -> Blend:
    """Fits a blend to rows that the discriminators were not fitted on.

    Args:
        joint: Log-posteriors of the discriminator of all modalities ``[n, K]``, in nats.
        singles: Those of each modality.
        pairs: Those of the stack of each pair.
        labels: Class labels ``[n]``.
        log_prior: Log-prior of the classes ``[K]``, in nats.
        weights: Weight of each row ``[n]``; None for equal weights.

    Returns:
        A `Blend`.
    """
    prior = jnp.maximum(log_prior, LEAST_LOG_PRIOR)
    powers = fit_powers(jnp.stack(list(singles)), labels, prior, weights)
    fused = fuse(powers, jnp.stack(list(singles)), prior)
    return Blend(powers, fit_pool(jnp.stack([joint, fused, *pairs]), labels, prior, weights), prior)
