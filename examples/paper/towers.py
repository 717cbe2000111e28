"""What the models of the studies share: what they say of rows, what that costs, and a network a modality."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from lsmi_jax.standardize import Standardize

Pair = tuple[jax.Array, jax.Array]


class Output(NamedTuple):
    """What a model says of ``b`` rows.

    Attributes:
        logits: Of the first modality, the second, and both, ``[b, K]``.
        hidden: Representation of each modality before they meet, ``[b, width]``.
        extra: What the model adds to the loss of each row ``[b]``, or 0.
    """

    logits: tuple[jax.Array, jax.Array, jax.Array]
    hidden: Pair
    extra: jax.Array | float = 0.0


def cross_entropies(logits: tuple[jax.Array, ...], labels: jax.Array) -> jax.Array:
    """Of each prediction and row, in nats, ``[p, b]``."""
    return jnp.stack([optax.softmax_cross_entropy_with_integer_labels(one, labels) for one in logits])


def plain_loss(model: Any, key: jax.Array | None, features: Pair, labels: jax.Array) -> jax.Array:
    """Cross-entropy of all three predictions, and what the model adds, ``[b]``."""
    output = model(key, features)
    return cross_entropies(output.logits, labels).sum(0) + output.extra


class Towers(nnx.Module):
    """A network a modality, with a linear head on what it finds."""

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
