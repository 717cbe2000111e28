"""Shared by the models of the studies: their outputs, their loss, and one network per modality."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from lsmi_jax.models import Standardize

Pair = tuple[jax.Array, jax.Array]


class Output(NamedTuple):
    """Output of a model for ``b`` rows.

    Attributes:
        logits: Logits of the first modality, the second, and both, each ``[b, K]``.
        hidden: Representation of each modality before fusion, ``[b, width]``.
        extra: Additional loss of each row ``[b]``, or 0.
    """

    logits: tuple[jax.Array, jax.Array, jax.Array]
    hidden: Pair
    extra: jax.Array | float = 0.0


def cross_entropies(logits: tuple[jax.Array, ...], labels: jax.Array) -> jax.Array:
    """Cross-entropy ``[p, b]`` in nats of each prediction and row."""
    return jnp.stack([optax.softmax_cross_entropy_with_integer_labels(view, labels) for view in logits])


def plain_loss(model: Any, key: jax.Array | None, features: Pair, labels: jax.Array) -> jax.Array:
    """Sum of the cross-entropies of all three predictions and the model's additional loss, ``[b]``."""
    output = model(key, features)
    return cross_entropies(output.logits, labels).sum(0) + output.extra


class Towers(nnx.Module):
    """One network per modality, with a linear head."""

    def __init__(self, key: jax.Array, features: Pair, *, num_classes: int, width: int = 64):
        rngs = nnx.Rngs(key)
        dims = [block.shape[1] for block in features]
        self.standardize = nnx.List([Standardize(block) for block in features])
        self.first = nnx.List([nnx.Linear(dim, width, rngs=rngs) for dim in dims])
        self.second = nnx.List([nnx.Linear(width, width, rngs=rngs) for _ in dims])
        self.heads = nnx.List([nnx.Linear(width, num_classes, rngs=rngs) for _ in dims])
        self.width, self.num_classes = width, num_classes

    def scale(self, features: Pair) -> Pair:
        x1, x2 = (scale(block) for scale, block in zip(self.standardize, features, strict=True))
        return x1, x2

    def __call__(self, features: Pair) -> Pair:
        layers = zip(self.first, self.second, self.scale(features), strict=True)
        h1, h2 = (jax.nn.gelu(second(jax.nn.gelu(first(block)))) for first, second, block in layers)
        return h1, h2

    def classify(self, hidden: Pair) -> Pair:
        l1, l2 = (head(h) for head, h in zip(self.heads, hidden, strict=True))
        return l1, l2
