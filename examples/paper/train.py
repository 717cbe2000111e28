"""Cross-fitting of the models in models.py: each row is predicted by a model that was not trained on it."""

from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from towers import cross_entropies

from lsmi_jax.inputs import in_input_order, stratified_folds
from lsmi_jax.models import Whiten, fit, fit_linear, fit_power, linear_losses

PENALTIES = (1e-1, 1e-2, 1e-3)
QUICK = {"xla_backend_optimization_level": 1}  # compiles in a third of the time; training takes no longer

Make = Callable[..., Any]
"""Makes a model from a key, the feature blocks of its training rows, which it may standardize by, and settings."""


def train(
    key: jax.Array,
    make: Make,
    rows: tuple,
    held_out: tuple,
    *,
    settings: tuple = (),
    learning_rate: float = 1e-3,
    weight_decay: float = 1e-4,
    num_rounds: int = 20,
    steps_per_round: int = 25,
    batch_size: int = 128,
) -> Any:
    """Trains one model and keeps the weights whose joint prediction has the least held-out loss; to be jitted.

    What a model learns on held-out rows, such as weights of its predictions, is up to its method `finish`, if any.

    Args:
        key: Random key.
        make: Makes the model.
        rows: Training features and labels, ``((x1, x2), labels)``.
        held_out: Features and labels for early stopping.
        settings: Further arrays that the model is made from.
        learning_rate: Peak of a learning rate with warm-up and cosine decay.
        weight_decay: Decoupled weight decay.
        num_rounds: Number of held-out evaluations.
        steps_per_round: Optimizer steps between evaluations.
        batch_size: Number of rows in a batch.

    Returns:
        The trained model.
    """
    make_key, key = jax.random.split(key)
    graphdef, params, rest = nnx.split(make(make_key, rows[0], *settings), nnx.Param, ...)  # type: ignore[misc]

    def loss(params: nnx.State, batch: tuple, key: jax.Array | None) -> jax.Array:
        model = nnx.merge(graphdef, params, rest)
        if key is None:
            return cross_entropies(model(None, batch[0]).logits[2:], batch[1])[0]
        return model.loss(key, *batch)

    num_steps = num_rounds * steps_per_round
    rates = optax.warmup_cosine_decay_schedule(0.0, learning_rate, num_steps // 20, num_steps)
    fitted = fit(
        key,
        params,
        loss,
        rows,
        held_out,
        optimizer=optax.adamw(rates, weight_decay=weight_decay),
        num_rounds=num_rounds,
        steps_per_round=steps_per_round,
        batch_size=batch_size,
    )
    model = nnx.merge(graphdef, fitted.params, rest)
    if hasattr(model, "finish"):
        model.finish(*held_out)
    return model


class CrossFit(NamedTuple):
    """Out-of-fold predictions of each row, ``[m, n, K]`` for m seeds.

    Attributes:
        logits: The model's logits of the first modality, the second, and both.
        probed: Log-posteriors of a linear probe of each modality's representation, and of the joint logits, all at
            their temperature of least loss on early-stopping rows. Heads that are trained with the model
            underestimate a representation, and what was fitted to training rows is overconfident on others.
    """

    logits: tuple[jax.Array, jax.Array, jax.Array]
    probed: tuple[jax.Array, jax.Array, jax.Array]


def cross_fit(keys: jax.Array, make: Make, features: tuple, labels: np.ndarray, **options: Any) -> CrossFit:
    """Predicts each row by models, and by probes of these, that were trained and stopped without it.

    Args:
        keys: One random key per seed ``[m]``.
        make: Makes a model.
        features: The two feature blocks.
        labels: Class labels ``[n]``.
        options: `num_folds`, of which one in eight of the other rows is used for early stopping; others go to `train`.

    Returns:
        Logits of each row.
    """
    (rows, stop, left_out), parts = _read_parts(keys, make, features, labels, **options)
    targets = jnp.asarray(labels)[rows], jnp.asarray(labels)[stop]
    found = CrossFit(parts[2].logits, _probe(parts, *targets))
    return jax.tree.map(lambda values: _in_order(values, left_out, len(labels)), found)


def _output(model: Any, features: tuple) -> Any:
    return model(None, features)._replace(extra=0.0)


def _read_parts(keys, make, features, labels, *, num_folds=5, **options) -> tuple[tuple, tuple]:
    """Training, early-stopping and left-out rows ``[m, F, ...]``, and the arrays read from each."""
    data = tuple(map(jnp.asarray, features)), jnp.asarray(labels)
    split_keys, train_keys = jnp.split(jax.vmap(jax.random.split)(keys), 2, axis=1)
    rows = _splits(split_keys[:, 0], data[1], num_folds)
    return rows, _train_and_read(train_keys[:, 0], rows, data, make, tuple(sorted(options.items())))


@partial(jax.jit, static_argnums=2)
def _splits(keys: jax.Array, labels: jax.Array, num_folds: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Training, early-stopping and left-out rows of each seed and fold, ``[m, F, ...]``."""

    def one_fold(key: jax.Array, rows: jax.Array) -> tuple[jax.Array, jax.Array]:
        eighths = stratified_folds(key, labels[rows], 8)
        return rows[eighths.train[0]], rows[eighths.left_out[0]]

    def one_seed(key: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        fold_key, key = jax.random.split(key)
        folds = stratified_folds(fold_key, labels, num_folds)
        return *jax.vmap(one_fold)(jax.random.split(key, num_folds), folds.train), folds.left_out

    return jax.vmap(one_seed)(keys)


@partial(jax.jit, static_argnums=(3, 4), compiler_options=QUICK)
def _train_and_read(keys, rows, data, make, options) -> tuple:
    def one_fit(key: jax.Array, rows: tuple[jax.Array, ...]) -> tuple:
        parts = [jax.tree.map(itemgetter(part), data) for part in rows]
        model = train(key, make, *parts[:2], **dict(options))
        return tuple(_output(model, features) for features, _ in parts)

    keys = jax.vmap(lambda key: jax.random.split(key, rows[2].shape[1]))(keys)
    return jax.vmap(jax.vmap(one_fit))(keys, rows)


@jax.jit
def _probe(parts, labels, stop_labels) -> tuple[jax.Array, ...]:
    """Logits of the left-out rows: probes of each representation and the joint logits, all at their temperature."""
    num_classes = parts[2].logits[2].shape[-1]

    def probe(rows, stop, left_out, labels, stop_labels) -> tuple[jax.Array, jax.Array]:
        """Logistic regression with the ridge penalty of least loss on early-stopping rows."""
        whiten = Whiten(rows)
        weights = fit_linear(whiten(rows), labels, num_classes=num_classes, penalties=jnp.asarray(PENALTIES))
        best = jax.vmap(linear_losses, (0, None, None))(weights, whiten(stop), stop_labels).mean(1).argmin()
        kernel, bias = jax.tree.map(itemgetter(best), weights)
        return whiten(stop) @ kernel + bias[None], whiten(left_out) @ kernel + bias[None]

    def temper(stop, left_out, stop_labels) -> jax.Array:
        """Log-posteriors at the temperature of least loss on early-stopping rows."""
        return jax.nn.log_softmax(fit_power(stop, stop_labels) * left_out)

    def views(parts, labels, stop_labels) -> tuple[jax.Array, ...]:
        rows, stop, left_out = parts
        hidden = zip(rows.hidden, stop.hidden, left_out.hidden, strict=True)
        found = [probe(*view, labels, stop_labels) for view in hidden]
        found.append((stop.logits[2], left_out.logits[2]))
        return tuple(temper(*view, stop_labels) for view in found)

    return jax.vmap(jax.vmap(views))(parts, labels, stop_labels)


@partial(jax.jit, static_argnums=2)
def _in_order(values: jax.Array, left_out: jax.Array, num_rows: int) -> jax.Array:
    """Values of all rows ``[m, n, ...]`` from those of the left-out rows ``[m, F, h, ...]``."""
    return jax.vmap(lambda some, rows: in_input_order(some, rows, num_rows))(values, left_out)
