"""p(y|x): a mixture of linear, kernel and network classifiers, and the class prior."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lsmi_jax.decomposition import average, label_log_prior
from lsmi_jax.inputs import MANY_COLUMNS, Folds, weights_of
from lsmi_jax.models._calibration import Calibration, fit_calibration
from lsmi_jax.models._chunking import in_chunks
from lsmi_jax.models._discriminant_analysis import LEAST_LOG_PRIOR, fit_discriminant, leave_one_out
from lsmi_jax.models._early_stopping import training_weights
from lsmi_jax.models._kernel_features import KernelFeatures, kernel_features
from lsmi_jax.models._logistic_regression import LinearWeights, fit_ridge, linear_logits
from lsmi_jax.models._networks import fit_networks
from lsmi_jax.models._ordinal import Regression, fit_regression, smoother_of
from lsmi_jax.models._pooling import Pool, fit_pool
from lsmi_jax.models._probe import Probe
from lsmi_jax.models._projection import leading_directions
from lsmi_jax.models._whitening import Standardize

__all__ = ["Discriminator", "fit_discriminator"]

# Chosen on benchmarks/accuracy.py; CHANGELOG.md lists the alternatives that lost.
PENALTIES = (1.0, 1e-1, 1e-2, 1e-3, 3e-4, 1e-4, 1e-5)
KERNEL_PENALTIES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
ANALYSIS = 2  # place of discriminant analysis among the kinds of members
CHUNK = 8192  # rows scored at a time


class Discriminator(NamedTuple):
    """A pool of classifiers and the class prior, weighted by their held-out losses.

    Attributes:
        standardize: Standardizing of the columns.
        directions: Leading directions of many columns ``[d, m]``, which the networks use; None for few.
        networks: The networks, stacked: every array has a leading axis of S members, each with its own whitening.
        linear: Kernels ``[2, d, K]`` and biases ``[2, K]`` of ridge regression and discriminant analysis.
        features: Features of the rows for the kernel member.
        kernel: Kernel ``[m, K]`` and bias ``[K]`` on these features.
        calibration: Calibration of each member, ``[S + 3]``: networks, ridge regression, discriminant analysis, kernel.
        pool: Pool of the members ``[S + 3]`` and the prior.
        log_prior: Log-prior of the classes ``[K]``, in nats.
        held_out_loss: Mean cross-entropy of the mixture on held-out rows, in nats.
        train_loss: Mean cross-entropy on training rows, in nats, estimated from the overfitting of the networks.
        smoother: Matrix ``[K, K]`` that smooths logits over ordered classes, whose smoothed members follow the others;
            None for classes without order.
        regressions: Regressions of ordered classes on the columns and on the features of the kernel member, which
            follow; None for classes without order.
    """

    standardize: Standardize
    directions: jax.Array | None
    networks: Probe
    linear: LinearWeights
    features: KernelFeatures
    kernel: LinearWeights
    calibration: Calibration
    pool: Pool
    log_prior: jax.Array
    held_out_loss: jax.Array
    train_loss: jax.Array
    smoother: jax.Array | None = None
    regressions: tuple[Regression, ...] | None = None

    def log_posterior(self, features: jax.Array) -> jax.Array:
        """Log-posterior of each class; also usable as logits.

        Args:
            features: Rows ``[n, d]``.

        Returns:
            Log p(y|x) ``[n, K]`` in nats, float32.
        """
        return in_chunks(self._mixture, features, CHUNK)

    def _mixture(self, rows: jax.Array) -> jax.Array:
        """Log-posteriors of a chunk of rows."""
        standardized = self.standardize(rows)
        projected = _project(self.directions, standardized)
        networks = jax.vmap(lambda probe: probe(projected))(self.networks)
        linear = jax.vmap(linear_logits, in_axes=(0, None))(self.linear, standardized)
        expanded = self.features(standardized)
        kernel = linear_logits(self.kernel, expanded)
        logits = _with_smoothed(self.smoother, jnp.concatenate([networks, linear, kernel[None]]))
        if self.regressions is not None:
            of_columns, of_features = self.regressions
            more = of_columns.log_posterior(standardized), of_features.log_posterior(expanded)
            logits = jnp.concatenate([logits, jnp.stack(more)])
        prior = jnp.maximum(self.log_prior, LEAST_LOG_PRIOR)
        return self.pool.log_posterior(self.calibration.log_posterior(logits, prior), self.log_prior)


def fit_discriminator(
    key: jax.Array,
    features: jax.Array,
    labels: jax.Array,
    splits: Folds,
    weights: jax.Array | None = None,
    ranks: jax.Array | None = None,
    *,
    num_classes: int,
) -> tuple[Discriminator, jax.Array]:
    """Fits p(y|x), a pure function to be compiled or mapped over folds.

    All members except the networks are convex or closed-form: ridge-penalized logistic regression; linear discriminant
    analysis with a shrunk covariance, for few rows; logistic regression on features of a Gaussian kernel; and
    networks that start from linear probes and are trained under input noise with early stopping. Networks replace
    their linear probes only if they beat them by two standard errors on the held-out rows (after the
    one-standard-error rule of Breiman et al., 1984). Every member gets a `Calibration` and a weight, by
    rows that it was not fitted on. The class prior is a member, so that uninformative features give (nearly) the
    prior. What is convex is then fitted again to all rows. With many columns, networks use only the leading directions.

    Args:
        key: Random key.
        features: Rows ``[n, d]``.
        labels: Class labels ``[n]``.
        splits: Training rows and held-out rows of each split, from `inner_splits`.
        weights: Weight of each row ``[n]``; None for equal weights.
        ranks: Rank of the target of each row ``[n]``, from 0 to 1, if the classes are its bins; None for classes
            without order.
        num_classes: Number of classes K.

    Returns:
        A `Discriminator`, and the log-posteriors ``[S, h, K]`` in nats of the held-out rows of each split, under
        members that were not fitted on them.
    """
    standardize = Standardize(features, weights)
    rows = standardize(features)
    left_out, left_out_weights = splits.left_out, weights_of(splits.left_out, splits.left_out_weights, weights)
    targets, log_prior = labels[left_out], label_log_prior(labels, num_classes, weights)
    # Members that are convex or in closed form.
    ridge_of = partial(fit_ridge, num_classes=num_classes)
    weighted = labels, left_out, weights, left_out_weights
    ridge = ridge_of(rows, *weighted, penalties=jnp.array(PENALTIES))

    def analyze(own: jax.Array) -> LinearWeights:
        return fit_discriminant(rows, labels, num_classes=num_classes, weights=own)

    analysis, analysis_logits = _fit_closed_form(analyze, linear_logits, rows, left_out, weights)
    expansion = kernel_features(rows, weights)
    expanded = expansion(rows)
    kernel = ridge_of(expanded, *weighted, penalties=jnp.array(KERNEL_PENALTIES), num_more=0)
    # Networks start from the linear member.
    projection_key, network_key = jax.random.split(key)
    directions, start = None, ridge.members
    if features.shape[1] > MANY_COLUMNS:
        directions = leading_directions(projection_key, rows, weights)
        start = directions.T @ start[0], start[1]
    networks, network_logits = fit_networks(network_key, _project(directions, rows), labels, splits, weights, start)

    kinds = [network_logits, ridge.held_out(rows, left_out), analysis_logits, kernel.held_out(expanded, left_out)]
    smoother = None if ranks is None else jnp.asarray(smoother_of(num_classes))
    logits, regressions = _with_smoothed(smoother, jnp.stack(kinds)), None
    if ranks is not None:
        regressions, more = _fit_regressions((rows, expanded), ranks, log_prior, left_out, weights)
        logits = jnp.concatenate([logits, more])
    # Where rows are few, the analysis of all rows is much surer than one of four fifths. Its power is therefore that of
    # logits without single rows, unless groups of rows tell of one another.
    without_one = logits[:0]
    if splits.left_out_weights is None:
        own = leave_one_out(rows, labels, num_classes=num_classes, weights=weights)[left_out]
        without_one = _with_smoothed(smoother, own[None])
    calibration, pool, held_out, loss = _combine(logits, without_one, targets, log_prior, left_out_weights, len(kinds))
    gap = networks.train_losses.mean() - networks.held_out_losses.mean()

    # The networks share the weight of their kind.
    of_kinds = [len(left_out), *[1] * (len(kinds) - 1)] * (1 if smoother is None else 2)
    each = np.array(of_kinds + [1] * (0 if regressions is None else len(regressions)))
    of_members = pool.log_weights[:-1] - jnp.log(each.astype(np.float32))
    of_members = jnp.repeat(of_members, each, total_repeat_length=each.sum())
    fitted = Discriminator(
        standardize,
        directions,
        networks.modules,
        jax.tree.map(lambda *leaves: jnp.stack(leaves), ridge.weights, analysis),
        expansion,
        kernel.weights,
        jax.tree.map(partial(jnp.repeat, repeats=each, total_repeat_length=each.sum()), calibration),
        pool._replace(log_weights=jnp.concatenate([of_members, pool.log_weights[-1:]])),
        log_prior,
        loss,
        loss + gap,
        smoother,
        regressions,
    )
    return fitted, held_out


def _combine(
    logits: jax.Array,
    without_one: jax.Array,
    targets: jax.Array,
    log_prior: jax.Array,
    weights: jax.Array | None,
    num_kinds: int,
) -> tuple[Calibration, Pool, jax.Array, jax.Array]:
    """Calibration of the members and their pool, by held-out logits ``[m, S, h, K]``; what it predicts, and its loss.

    Discriminant analysis, and its smoothed copy, get the calibration of logits without single rows, if there are any.
    """
    labels, counted = targets.reshape(-1), None if weights is None else weights.reshape(-1)
    every = jnp.concatenate([logits, without_one]).reshape(-1, len(labels), len(log_prior))
    prior = jnp.maximum(log_prior, LEAST_LOG_PRIOR)
    fitted = jax.vmap(lambda own: fit_calibration(own, labels, prior, counted))(every)
    calibration = jax.tree.map(lambda leaf: leaf[: len(logits)], fitted)
    members = calibration.log_posterior(every[: len(logits)], prior)
    pool = fit_pool(members, labels, log_prior, counted)
    held_out = pool.log_posterior(members, log_prior).reshape(logits.shape[1:])
    loss = -average(jnp.take_along_axis(held_out, targets[..., None], axis=2).reshape(-1), counted)
    places = ANALYSIS + num_kinds * np.arange(len(without_one))
    calibration = jax.tree.map(lambda own, each: own.at[places].set(each[len(logits) :]), calibration, fitted)
    return calibration, pool, held_out, loss


def _fit_regressions(
    inputs: tuple[jax.Array, ...],
    ranks: jax.Array,
    log_prior: jax.Array,
    left_out: jax.Array,
    weights: jax.Array | None,
) -> tuple[tuple[Regression, ...], jax.Array]:
    """Regressions of ordered classes on each of some inputs ``[n, m]``, and what they predict of held-out rows."""

    def fitted(rows: jax.Array) -> tuple[Regression, jax.Array]:
        fit = partial(fit_regression, rows, ranks, log_prior)
        return _fit_closed_form(fit, Regression.log_posterior, rows, left_out, weights)

    regressions, held_out = zip(*map(fitted, inputs), strict=True)
    return regressions, jnp.stack(held_out)


def _fit_closed_form(
    fit: Callable, predict: Callable, rows: jax.Array, left_out: jax.Array, weights: jax.Array | None
) -> tuple[Any, jax.Array]:
    """Result of ``fit`` on all rows, and its logits of the held-out rows of each split ``[S, h, K]``."""
    all_rows = jnp.ones(len(rows)) if weights is None else weights

    def held_out_logits(inputs: tuple[jax.Array, jax.Array]) -> jax.Array:
        part, own = inputs
        return predict(fit(own), rows[part])

    return fit(all_rows), jax.lax.map(held_out_logits, (left_out, training_weights(left_out, all_rows)))


def _with_smoothed(smoother: jax.Array | None, logits: jax.Array) -> jax.Array:
    """Logits ``[m, ..., K]`` of members, followed by those smoothed over ordered classes."""
    return logits if smoother is None else jnp.concatenate([logits, logits @ smoother])


def _project(directions: jax.Array | None, rows: jax.Array) -> jax.Array:
    """Coordinates of rows along directions, or all columns."""
    return rows if directions is None else rows @ directions
