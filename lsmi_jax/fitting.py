"""Fitting discriminators and densities, all seeds and folds together."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from lsmi_jax.density import Density, fit_density
from lsmi_jax.discriminator import Discriminator, fit_discriminator
from lsmi_jax.estimator import Data, EntropySpace, Estimator, log_posteriors, pairs_of, views
from lsmi_jax.folds import Folds, in_input_order
from lsmi_jax.posterior_space import blur, posterior_coordinates
from lsmi_jax.stages import Stage, computed

__all__ = ["VIEWS", "cross_fitted_posteriors", "fit_stacked"]

VIEWS = ("first", "second", "joint")  # what the views of two blocks are called


def fit_stacked(
    key: jax.Array,
    data: Data,
    rows: jax.Array,
    *,
    entropy_space: EntropySpace,
    num_components: int,
    covariance: str | int,
    stage: Stage = computed,
    names: Sequence[str] = VIEWS,
) -> Estimator:
    """Fits one estimator for each seed and fold, all together.

    Args:
        key: Random key.
        data: The data set.
        rows: Row indices to fit on, of each seed and fold ``[m, F, t]``.
        entropy_space: Where the densities live.
        num_components: Number of Gaussians of a `Knife`.
        covariance: Covariance of a `Knife`.
        stage: What happens around the fit of each discriminator and density.
        names: Names of the blocks, then of their pairs, for ``stage``.

    Returns:
        An `Estimator` with leading axes of seeds and folds.
    """
    num_blocks = len(data.features)
    num_views = num_blocks + len(pairs_of(num_blocks))
    keys = _split_keys(key, num_views + num_blocks + 1, len(rows))
    discriminators, seen = None, data.logits or views(data.features)
    if data.logits is None:
        discriminators = _fit_each(keys[:num_views], seen, data, rows, stage, names)
    densities = []
    for m in range(num_blocks):
        one = None if discriminators is None else discriminators[m]
        source = data.features[m] if entropy_space == "features" else seen[m]
        inputs = (keys[num_views + m], one, source, rows)
        fit = partial(_fit_one_density, *inputs, entropy_space, num_components, covariance)
        densities.append(stage(f"{names[m]} density", fit))
    log_prior, own_key = _repeat(data.log_prior, keys[-1], rows.shape[:2])
    num_features = tuple(block.shape[1] for block in data.features)
    return Estimator(discriminators, tuple(densities), log_prior, own_key, entropy_space, num_features)


def _fit_each(
    keys: Iterable[jax.Array], seen: tuple, data: Data, rows: jax.Array, stage: Stage, names: Sequence[str]
) -> tuple:
    """A discriminator of each view."""
    fitted = []
    for name, one_key, block in zip(names, keys, seen, strict=True):
        fit = partial(_fit_discriminators, one_key, block, data.labels, rows, data.num_classes)
        fitted.append(stage(f"{name} discriminator", fit))
    return tuple(fitted)


def cross_fitted_posteriors(key: jax.Array, data: Data, folds: Folds) -> tuple[jax.Array, ...]:
    """Log-posteriors of the first block, the second, and both, from discriminators that never saw the row.

    Args:
        key: Random key.
        data: The data set.
        folds: Its folds.

    Returns:
        Three arrays ``[n, K]`` in nats.
    """
    keys = jax.random.split(key, (3, 1))
    stacked = _fit_each(keys, views(data.features), data, folds.train[None], computed, VIEWS)
    discriminators = jax.tree.map(lambda leaf: leaf[0], stacked)  # of the one seed
    of_folds = _log_posteriors_of_folds(discriminators, data.features, folds.left_out)
    return tuple(in_input_order(posterior, folds.left_out, len(data.labels)) for posterior in of_folds)


@jax.jit
def _log_posteriors_of_folds(discriminators, features, rows) -> tuple[jax.Array, ...]:
    return jax.vmap(lambda one, part: log_posteriors(one, tuple(block[part] for block in features)))(
        discriminators, rows
    )


@partial(jax.jit, static_argnums=(1, 2))
def _split_keys(key: jax.Array, count: int, num_seeds: int) -> tuple[jax.Array, ...]:
    """Keys of the discriminators, the densities, and what is resampled; of each seed ``[m]``."""
    return tuple(jax.random.split(key, (count, num_seeds)))


@partial(jax.jit, static_argnums=2)
def _repeat(log_prior: jax.Array, keys: jax.Array, stacked: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
    """A log-prior ``[K]`` and keys ``[m]``, for each seed and fold ``[m, F]``."""
    return jnp.broadcast_to(log_prior, (*stacked, len(log_prior))), jnp.broadcast_to(keys[:, None], stacked)


@partial(jax.jit, static_argnums=4)
def _fit_discriminators(keys, features, labels, rows, num_classes) -> Discriminator:
    def one(key: jax.Array, part: jax.Array) -> Discriminator:
        return fit_discriminator(key, features, labels, part, num_classes=num_classes)

    return _over_folds(one)(keys, rows)


def _fit_one_density(keys, discriminators, source, rows, entropy_space, num_components, covariance) -> Density:
    """In two programs, since the second, which takes long to compile, is then the same for blocks of any width."""
    if entropy_space == "posterior":
        source = _posteriors(discriminators, source, rows)
    return _fit_densities(keys, source, rows, entropy_space, num_components, covariance)


@jax.jit
def _posteriors(discriminators: Discriminator | None, source: jax.Array, rows: jax.Array) -> jax.Array:
    """Log-posteriors of the rows of each seed and fold ``[m, F, t, K]``, of a view, or of logits themselves."""
    if discriminators is None:
        return source[rows]
    return jax.vmap(jax.vmap(lambda one, part: one.log_posterior(source[part])))(discriminators, rows)


@partial(jax.jit, static_argnums=(3, 4, 5))
def _fit_densities(keys, source, rows, entropy_space, num_components, covariance) -> Density:
    """Densities of rows of features, or of posteriors with noise."""

    def one(key: jax.Array, part: jax.Array) -> Density:
        noise_key, key = jax.random.split(key)
        points = source[part] if entropy_space == "features" else blur(noise_key, posterior_coordinates(part))
        return fit_density(key, points, num_components=num_components, covariance=covariance)

    return _over_folds(one)(keys, rows if entropy_space == "features" else source)


def _over_folds(one: Callable) -> Callable:
    """Maps over seeds and folds; folds of a seed share its key, and so batches and noise.

    On CPUs, XLA takes several times longer for nested maps, and for a map over one alone.
    """

    def over_both(keys: jax.Array, *arguments: Any) -> Any:
        num_seeds, num_folds = jax.tree.leaves(arguments)[0].shape[:2]
        flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), (jnp.repeat(keys, num_folds), *arguments))
        if num_seeds * num_folds == 1:
            result = one(*jax.tree.map(lambda leaf: leaf[0], flat))
            return jax.tree.map(lambda leaf: leaf[None, None], result)
        results = jax.vmap(one)(*flat)
        return jax.tree.map(lambda leaf: leaf.reshape(num_seeds, num_folds, *leaf.shape[1:]), results)

    return over_both
