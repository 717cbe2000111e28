"""PID-Batch: the unique information of features, by a neural alignment of the two modalities."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.scipy.special import logsumexp
from jax.typing import ArrayLike

from lsmi_jax.decomposition import check_count, check_positive, from_redundancy, log_posterior, smooth_log_posterior
from lsmi_jax.estimation import cross_fitted_posteriors
from lsmi_jax.inputs import check_class_counts, check_key, pack, stratified_folds
from lsmi_jax.models import descend, solve

__all__ = ["PidBatch", "pid_batch"]

WIDTH = 32  # of the hidden layers
SHARPNESS = 2.0  # initial scale of the alignment's logits
SMOOTHING = 1e-2  # keeps codes finite where a posterior is certain
LEARNING_RATE = 3e-3
MAX_SINKHORN_STEPS = 1000
STEPS_PER_CHECK = 20  # the last in log space
LARGEST_SCALE = 1e6  # by which the steps between two checks move a column
TINY = 1e-30
LONGEST_STEP = 0.5  # by Newton, of the log-scales of a class
RIDGE = 1e-5  # keeps a float32 system solvable where an alignment is sharp
MAX_BATCHES = 64  # of the final average


class PidBatch(NamedTuple):
    """Partial information decomposition of features, in nats.

    Attributes:
        redundancy: Information that both modalities have.
        unique1: Information that only the first modality has.
        unique2: Information that only the second modality has.
        synergy: Information that only both modalities together have.
        violation: Probability mass that misses its marginal where the Sinkhorn steps stopped, in the worst batch.
    """

    redundancy: jax.Array
    unique1: jax.Array
    unique2: jax.Array
    synergy: jax.Array
    violation: jax.Array


class Alignment(nnx.Module):
    """Codes of each modality for each class; their inner products are the logits of a joint distribution."""

    def __init__(self, key: jax.Array, num_classes: int):
        """Initializes the codes to log-ratios of the posterior, which aligns rows with similar posteriors."""
        rngs = nnx.Rngs(key)
        zeros = nnx.initializers.zeros_init()
        self.hidden1 = nnx.Linear(num_classes, WIDTH, rngs=rngs)
        self.hidden2 = nnx.Linear(num_classes, WIDTH, rngs=rngs)
        self.change1 = nnx.Linear(WIDTH, num_classes * num_classes, kernel_init=zeros, rngs=rngs)
        self.change2 = nnx.Linear(WIDTH, num_classes * num_classes, kernel_init=zeros, rngs=rngs)

    def __call__(self, log_posterior1: jax.Array, log_posterior2: jax.Array) -> jax.Array:
        """Logits ``[K, b, b]`` of every pair of rows, in each class."""
        codes1 = _codes(self.hidden1, self.change1, log_posterior1)
        codes2 = _codes(self.hidden2, self.change2, log_posterior2)
        return SHARPNESS * jnp.einsum("ike,jke->kij", codes1, codes2)


def _codes(hidden: nnx.Linear, change: nnx.Linear, log_posterior: jax.Array) -> jax.Array:
    """Codes ``[b, K, K]`` of rows: for each class a vector of K entries."""
    size, num_classes = log_posterior.shape
    smooth = smooth_log_posterior(log_posterior, SMOOTHING)
    log_ratios = smooth - smooth.mean(1, keepdims=True)
    return log_ratios[:, None] + change(jax.nn.gelu(hidden(log_ratios))).reshape(size, num_classes, num_classes)


def pid_batch(
    key: jax.Array,
    features: tuple[ArrayLike, ArrayLike] | None,
    labels: ArrayLike,
    *,
    logits: Sequence[ArrayLike] | None = None,
    num_folds: int = 5,
    num_steps: int = 100,
    batch_size: int = 256,
    tolerance: float = 1e-3,
) -> PidBatch:
    """Decomposes the information of two modalities about a label by the unique information, from batches of samples.

    The PID-Batch estimator of Liang et al., "Quantifying and modeling multimodal interactions" (2023). Among all
    joints with the marginals ``p(x1, y)`` and ``p(x2, y)``, a neural network finds one with the least information.
    Within a batch it gives a joint of all pairs of rows, which Sinkhorn steps move to the marginals (in log space, for
    all classes at once). Unlike in the original, marginals come from out-of-fold posteriors. These are also the
    network's input, because unique information depends on the features only through them. Rows can be paired only
    within a batch: with ten classes, few of 256 rows are similar, so the least information comes out too large,
    and redundancy and synergy too small.

    Args:
        key: Random key.
        features: Two blocks ``([n, d1], [n, d2])``; None if there are logits.
        labels: Class labels ``[n]`` in ``0..K-1``.
        logits: Logits of discriminators of the first modality, the second, and both, each ``[n, K]`` and not fitted on
            these rows; None to fit discriminators here.
        num_folds: Number of folds for the posteriors that are fitted here.
        num_steps: Number of training steps of the alignment.
        batch_size: Number of rows of a batch.
        tolerance: Probability mass that may miss its marginal. Sinkhorn steps stop there, or after 1000 steps.

    Returns:
        A `PidBatch` of scalars.

    Raises:
        TypeError: If the key, features, logits or labels have a wrong type.
        ValueError: If features, logits or labels have a wrong shape or wrong values, or there are features and logits.
    """
    fold_key, posterior_key, alignment_key = jax.random.split(check_key(key), 3)
    check_count("num_folds", num_folds, 2)
    check_count("num_steps", num_steps, 1)
    check_count("batch_size", batch_size, 2)
    check_positive("tolerance", tolerance)
    if features is not None and logits is not None:
        raise ValueError("features: expected None with logits, because only the logits are used, got both")
    data = pack(features, labels, logits=logits)
    if data.logits is None:
        check_class_counts(data.labels, data.num_classes, minimum=num_folds, reason=f"num_folds={num_folds}")
        folds = stratified_folds(fold_key, data.labels, num_folds)
        posteriors = cross_fitted_posteriors(posterior_key, data, folds)
    else:
        posteriors = tuple(map(log_posterior, data.logits))
    return _decompose(alignment_key, posteriors, num_steps, min(batch_size, data.num_rows), tolerance)


@partial(jax.jit, static_argnums=(2, 3))
def _decompose(
    key: jax.Array, posteriors: tuple[jax.Array, ...], num_steps: int, batch_size: int, tolerance: jax.Array
) -> PidBatch:
    """Trains the alignment, then decomposes the average over batches that share no row."""
    init_key, train_key, test_key = jax.random.split(key, 3)
    log_p1, log_p2, log_p12 = posteriors
    num_rows = len(log_p1)
    alignment = Alignment(init_key, log_p1.shape[1])
    rates = optax.warmup_cosine_decay_schedule(0.0, LEARNING_RATE, num_steps // 10, num_steps)
    optimizer = optax.adam(rates)
    graphdef, start = nnx.split(alignment)

    def information(params: Any, rows: jax.Array) -> tuple[jax.Array, ...]:
        module = nnx.merge(graphdef, params)
        return _batch_information(module(log_p1[rows], log_p2[rows]), log_p1[rows], log_p2[rows], tolerance)

    # Training: minimize the information of the aligned joint, on random batches.
    def step(carry: tuple, key: jax.Array) -> tuple:
        params, state = carry
        rows = jax.random.randint(key, (batch_size,), 0, num_rows)
        grads = jax.grad(lambda params: information(params, rows)[0])(params)
        return descend(optimizer, grads, params, state), None

    (params, _), _ = jax.lax.scan(step, (start, optimizer.init(start)), jax.random.split(train_key, num_steps))
    # Evaluation: I1, I2 and the union information come from the same batches, so R, U1 and U2 are consistent.
    num_batches = min(num_rows // batch_size, MAX_BATCHES)
    rows = jax.random.permutation(test_key, num_rows)[: num_batches * batch_size].reshape(num_batches, batch_size)
    joint, i1, i2, violation = jax.lax.map(partial(information, params), rows)
    union, i1, i2 = joint.mean(), i1.mean(), i2.mean()
    # I12 needs no alignment; every row has the probability 1/n.
    i12 = _margin_information(log_p12.T - jnp.log(jnp.float32(num_rows)))
    return PidBatch(*from_redundancy(i1 + i2 - union, i1, i2, i12), violation.max())


def _batch_information(
    logits: jax.Array, log_p1: jax.Array, log_p2: jax.Array, tolerance: jax.Array
) -> tuple[jax.Array, ...]:
    """Information of the aligned joint and of each marginal, and the violation of the marginals."""
    # In a batch the modalities' mean posteriors differ by sampling; both marginals get one prior, their geometric mean.
    log_prior = 0.5 * (_log_mean(log_p1) + _log_mean(log_p2))
    log_prior -= logsumexp(log_prior)
    size = jnp.log(jnp.float32(len(log_p1)))
    row_margins, column_margins = ((p - _log_mean(p)[None] + log_prior[None]).T - size for p in (log_p1, log_p2))
    log_joint, violation = _sinkhorn(logits, row_margins, column_margins, tolerance)
    # I(X1, X2; Y): the mean of log q(y|x1, x2) - log p(y) under the joint.
    log_ratio = log_joint - logsumexp(log_joint, axis=0)[None] - log_prior[:, None, None]
    information = (jnp.exp(log_joint) * log_ratio).sum()
    return information, _margin_information(row_margins), _margin_information(column_margins), violation


def _sinkhorn(
    logits: jax.Array, rows: jax.Array, columns: jax.Array, tolerance: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Scales the joints ``exp(logits) [K, b, b]`` to the log-marginals ``[K, b]``, and measures what they miss."""

    # Only the log-scales of the columns are free: those of the rows follow from the row marginals.
    def joint(scale: jax.Array, logits: jax.Array) -> jax.Array:
        scaled = logits + scale[:, None]
        return scaled + (rows - logsumexp(scaled, axis=2))[:, :, None]

    def missing(probabilities: jax.Array) -> jax.Array:
        return jnp.exp(columns) - probabilities.sum(1)

    def unfinished(state: tuple) -> jax.Array:
        _, kernel, count = state
        return (jnp.abs(missing(kernel)).sum() > tolerance) & (count < MAX_SINKHORN_STEPS)

    def body(state: tuple) -> tuple:
        scale, kernel, count = state
        scale += _balance(kernel, jnp.exp(rows), jnp.exp(columns))
        scale = columns - logsumexp(joint(scale, fixed) - scale[:, None], axis=1)
        return scale, jnp.exp(joint(scale, fixed)), count + STEPS_PER_CHECK

    fixed = jax.lax.stop_gradient(logits)
    start = jnp.zeros_like(columns)
    scale, *_ = jax.lax.while_loop(unfinished, body, (start, jnp.exp(joint(start, fixed)), 0))
    # One Newton step reduces the violation, and its derivative is that of the limit (implicit function theorem), so
    # gradients need not pass through the loop.
    scale = jax.lax.stop_gradient(scale)
    near = joint(scale, logits)
    step = _newton(jax.lax.stop_gradient(near), rows, columns, missing(jnp.exp(near)))
    # Where modalities are the same, the joint is nearly diagonal and hardly depends on the scales: the value of a step
    # is bounded, and its derivative is not.
    longest = jnp.abs(step).max(1, keepdims=True)
    excess = step - step / jnp.maximum(longest / LONGEST_STEP, 1)
    scale += step - jax.lax.stop_gradient(excess)
    moved = joint(scale, logits)
    return moved, jnp.abs(missing(jnp.exp(moved))).sum()


def _balance(kernel: jax.Array, rows: jax.Array, columns: jax.Array) -> jax.Array:
    """Log-scales of the columns after Sinkhorn steps on probabilities, which need products but no exponentials."""

    def step(_: jax.Array, scales: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        of_rows, of_columns = scales
        of_columns = columns / jnp.maximum(jnp.einsum("kij,ki->kj", kernel, of_rows), TINY)
        of_columns = jnp.clip(of_columns, 1 / LARGEST_SCALE, LARGEST_SCALE)  # where float32 has lost a column
        return rows / jnp.maximum(jnp.einsum("kij,kj->ki", kernel, of_columns), TINY), of_columns

    start = jnp.ones_like(rows), jnp.ones_like(columns)
    return jnp.log(jax.lax.fori_loop(0, STEPS_PER_CHECK - 1, step, start)[1])


def _newton(log_joint: jax.Array, rows: jax.Array, columns: jax.Array, missing: jax.Array) -> jax.Array:
    """Change of the columns' log-scales that supplies the mass they miss, to first order."""
    # The Jacobian of the column sums by the log-scales is diag(c) - Q^T diag(1/r) Q, with the joint Q and the marginals
    # r and c. Dividing by sqrt(c) on both sides makes it symmetric with unit diagonal: I - N^T N.
    root = jnp.exp(0.5 * columns)
    normalized = jnp.exp(log_joint - 0.5 * (rows[:, :, None] + columns[:, None]))
    gram = jnp.einsum("kij,kil->kjl", normalized, normalized)
    # Adding one constant to all log-scales does not change the joint; this term makes the system regular.
    constant = root[:, :, None] * root[:, None] / (root**2).sum(1)[:, None, None]
    system = (1 + RIDGE) * jnp.eye(root.shape[1])[None] - gram + constant
    return jax.vmap(solve)(system, missing / root) / root


def _log_mean(log_p: jax.Array) -> jax.Array:
    """Logarithm of the mean over rows."""
    return logsumexp(log_p, axis=0) - jnp.log(jnp.float32(len(log_p)))


def _margin_information(log_margins: jax.Array) -> jax.Array:
    """Mutual information of the log-joint of rows and classes ``[K, b]``, in nats."""
    log_rows, log_classes = logsumexp(log_margins, axis=0), logsumexp(log_margins, axis=1)
    return (jnp.exp(log_margins) * (log_margins - log_rows[None] - log_classes[:, None])).sum()
