"""Out-of-fold predictions from one view of the data alone."""

import jax

from lsmi_jax.estimation._programs import fit_view
from lsmi_jax.estimation._splits import inner_splits_of, weights_of_rows
from lsmi_jax.inputs import Dataset, Folds, in_input_order
from lsmi_jax.models import Discriminator

__all__ = ["cross_fitted_view"]


def cross_fitted_view(key: jax.Array, view: jax.Array, data: Dataset, folds: Folds) -> jax.Array:
    """Out-of-fold log-posteriors of a discriminator of any features of the rows.

    Args:
        key: Random key.
        view: Features of the rows ``[n, d]``, float32.
        data: The data set, whose labels, groups and weights are used.
        folds: Its folds ``[F, ...]``.

    Returns:
        Log p(y|view) ``[n, K]`` in nats.
    """
    fit_key, split_key = jax.random.split(key, (2, 1))
    rows, fill = folds.train[None], None if folds.train_weights is None else folds.train_weights[None]
    splits = inner_splits_of(split_key, data, rows, fill)
    (weights,) = weights_of_rows((data.complete_weights,), rows, fill)
    discriminator, _ = fit_view(fit_key, view, data, rows, splits, weights)
    by_fold = _log_posteriors(jax.tree.map(lambda leaf: leaf[0], discriminator), view, folds.left_out)
    return in_input_order(by_fold, folds.left_out, data.num_rows)


@jax.jit
def _log_posteriors(discriminators: Discriminator, view: jax.Array, rows: jax.Array) -> jax.Array:
    """Log-posteriors of each fold's rows under the fold's own discriminator ``[F, h, K]``."""
    return jax.vmap(lambda discriminator, part: discriminator.log_posterior(view[part]))(discriminators, rows)
