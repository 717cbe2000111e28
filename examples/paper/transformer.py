"""A hierarchical multimodal transformer (Table 10): unimodal layers, then fused layers.

Its weights do not depend on the number of unimodal layers. Each layer has separate weights for each modality, and in
unimodal layers a token attends only to tokens of its own modality, so that only the stage of fusion differs.

The interface is that of models.py. The information of a single modality is read in three ways, since the finding
depends on it, each by a linear head without gradient to the model:

- pooled: from the mean of its tokens just before fusion, the usual readout of a branch;
- tokens: from the concatenation of these tokens;
- alone: from the mean of its tokens after all layers without fusion.

A fourth reading has no linear head: the model itself predicts, with the other modality at its training mean.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.lax import stop_gradient
from towers import Output, Pair, cross_entropies

from lsmi_jax.models import Standardize, Statistic

READINGS = ("pooled", "tokens", "alone")
NUM_HEADS = 4


class Branch(nnx.Module):
    """Weights of one layer for one modality."""

    def __init__(self, width: int, rngs: nnx.Rngs):
        self.norms = nnx.List([nnx.LayerNorm(width, rngs=rngs) for _ in range(2)])
        self.project = nnx.Linear(width, 3 * width, rngs=rngs)
        self.out = nnx.Linear(width, width, rngs=rngs)
        self.up = nnx.Linear(width, 2 * width, rngs=rngs)
        self.down = nnx.Linear(2 * width, width, rngs=rngs)

    def project_tokens(self, tokens: jax.Array) -> jax.Array:
        """Queries, keys and values ``[b, T, heads, 3 width / heads]``."""
        return self.project(self.norms[0](tokens)).reshape(*tokens.shape[:2], NUM_HEADS, -1)

    def update(self, tokens: jax.Array, attended: jax.Array) -> jax.Array:
        tokens = tokens + self.out(attended.reshape(tokens.shape))
        return tokens + self.down(jax.nn.gelu(self.up(self.norms[1](tokens))))


class Layer(nnx.Module):
    """Attention within each modality, or across both after fusion."""

    def __init__(self, key: jax.Array, width: int):
        rngs = nnx.Rngs(key)
        self.branches = nnx.List([Branch(width, rngs) for _ in range(2)])

    def __call__(self, tokens: Pair, fused: jax.Array) -> Pair:
        counts = [part.shape[1] for part in tokens]
        projected = [branch.project_tokens(part) for branch, part in zip(self.branches, tokens, strict=True)]
        queries, keys, values = jnp.split(jnp.concatenate(projected, axis=1), 3, axis=3)
        modality = np.repeat([0, 1], counts)
        mask = (modality[:, None] == modality) | fused
        attended = jax.nn.dot_product_attention(queries, keys, values, mask=mask[None, None])
        parts = zip(self.branches, tokens, jnp.split(attended, [counts[0]], axis=1), strict=True)
        t1, t2 = (branch.update(part, values) for branch, part, values in parts)
        return t1, t2


class HierarchicalTransformer(nnx.Module):
    """A transformer of two blocks whose columns are consecutive tokens, ``num_tokens`` of them."""

    def __init__(
        self,
        key: jax.Array,
        features: Pair,
        unimodal_layers: jax.Array,
        *,
        num_tokens: tuple[int, int],
        num_classes: int,
        depth: int = 5,
        width: int = 32,
    ):
        layer_key, key = jax.random.split(key)
        rngs = nnx.Rngs(key)
        dims = [block.shape[1] // count for block, count in zip(features, num_tokens, strict=True)]
        self.standardize = nnx.List([Standardize(block.reshape(-1, 1)) for block in features])  # one scale per block
        self.means = nnx.List([Statistic(block.mean(0)) for block in features])
        self.embeddings = nnx.List([nnx.Linear(dim, width, rngs=rngs) for dim in dims])
        self.positions = nnx.List([nnx.Param(0.1 * rngs.params.normal((1, count, width))) for count in num_tokens])
        self.layers = jax.vmap(lambda key: Layer(key, width))(jax.random.split(layer_key, depth))
        self.readers = nnx.List([_reader(width * size, num_classes, rngs) for size in (1, 1, *num_tokens, 1, 1)])
        self.head = _reader(2 * width, num_classes, rngs)
        self.unimodal_layers = Statistic(jnp.asarray(unimodal_layers))
        self.num_tokens, self.depth = num_tokens, depth

    def embed(self, features: Pair) -> Pair:
        parts = zip(self.standardize, features, self.num_tokens, self.embeddings, self.positions, strict=True)
        t1, t2 = (
            embed(scale(block.reshape(-1, 1)).reshape(len(block), count, -1)) + position[...]
            for scale, block, count, embed, position in parts
        )
        return t1, t2

    def stages(self, features: Pair, unimodal_layers: jax.Array | int) -> Pair:
        """Tokens before each layer and after the last, ``[depth + 1, b, T, width]``."""
        fused = jnp.arange(self.depth) >= unimodal_layers
        start = self.embed(features)
        last, before = jax.lax.scan(
            lambda tokens, layer: (layer[0](tokens, layer[1]), tokens), start, (self.layers, fused)
        )
        s1, s2 = (jnp.concatenate([tokens, end[None]]) for tokens, end in zip(before, last, strict=True))
        return s1, s2

    def readings(self, features: Pair) -> tuple[Output, ...]:
        """Output of the model with each of the `READINGS` of a single modality."""
        stages = self.stages(features, self.unimodal_layers[...])
        both = self._classify(stages)
        at_fusion = [stage[self.unimodal_layers[...]] for stage in stages]
        unimodal = self.stages(features, self.depth)
        hidden = [*map(_mean, at_fusion), *map(_concatenate, at_fusion), *(_mean(stage[-1]) for stage in unimodal)]
        logits = [reader(stop_gradient(h)) for reader, h in zip(self.readers, hidden, strict=True)]
        return tuple(Output((*logits[i : i + 2], both), (hidden[i], hidden[i + 1])) for i in (0, 2, 4))

    def masked(self, features: Pair) -> Pair:
        """Logits of the model from each modality, where every row of the other is the mean of the training rows."""
        (x1, x2), (m1, m2) = (
            features,
            (jnp.broadcast_to(m[...], x.shape) for m, x in zip(self.means, features, strict=True)),
        )
        first, second = (self._classify(self.stages(view, self.unimodal_layers[...])) for view in ((x1, m2), (m1, x2)))
        return first, second

    def _classify(self, stages: Pair) -> jax.Array:
        """Logits of both modalities from the tokens after the last layer."""
        return self.head(jnp.concatenate([_mean(stage[-1]) for stage in stages], axis=1))

    def __call__(self, key: jax.Array | None, features: Pair) -> Output:
        return self.readings(features)[0]

    def loss(self, key: jax.Array | None, features: Pair, labels: jax.Array) -> jax.Array:
        readings = self.readings(features)
        alone = [logits for reading in readings for logits in reading.logits[:2]]
        return cross_entropies((*alone, readings[0].logits[2]), labels).sum(0)


def _reader(width: int, num_classes: int, rngs: nnx.Rngs) -> nnx.Sequential:
    return nnx.Sequential(nnx.LayerNorm(width, rngs=rngs), nnx.Linear(width, num_classes, rngs=rngs))


def _mean(tokens: jax.Array) -> jax.Array:
    return tokens.mean(1)


def _concatenate(tokens: jax.Array) -> jax.Array:
    return tokens.reshape(len(tokens), -1)
