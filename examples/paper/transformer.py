"""A hierarchical multimodal transformer (Table 10): layers of one modality alone, then layers of both.

It has the same weights whatever the number of unimodal layers. Each layer has its own for each modality, and in the
first ones a token attends to those of its own modality only: the stage of fusion is all that differs.

Called as the models of models.py. What a modality says alone is read in three ways, as the answer turns on it, each by
a linear head that sends no gradient back:

- pooled: from the mean of its tokens where the modalities are about to meet, as one reads a branch;
- tokens: from all its tokens there, side by side;
- alone: from the mean of its tokens after all layers, of which none lets it see the other modality.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.lax import stop_gradient
from towers import Output, Pair, cross_entropies

from lsmi_jax.standardize import Standardize, Statistic

READINGS = ("pooled", "tokens", "alone")
NUM_HEADS = 4


class Branch(nnx.Module):
    """One modality's weights of a layer."""

    def __init__(self, width: int, rngs: nnx.Rngs):
        self.norms = nnx.List([nnx.LayerNorm(width, rngs=rngs) for _ in range(2)])
        self.project = nnx.Linear(width, 3 * width, rngs=rngs)
        self.out = nnx.Linear(width, width, rngs=rngs)
        self.up = nnx.Linear(width, 2 * width, rngs=rngs)
        self.down = nnx.Linear(2 * width, width, rngs=rngs)

    def ask(self, tokens: jax.Array) -> jax.Array:
        """Queries, keys and values ``[b, T, heads, 3 width / heads]``."""
        return self.project(self.norms[0](tokens)).reshape(*tokens.shape[:2], NUM_HEADS, -1)

    def answer(self, tokens: jax.Array, attended: jax.Array) -> jax.Array:
        tokens = tokens + self.out(attended.reshape(tokens.shape))
        return tokens + self.down(jax.nn.gelu(self.up(self.norms[1](tokens))))


class Layer(nnx.Module):
    """Attention within the modalities or, if they meet, across."""

    def __init__(self, key: jax.Array, width: int):
        rngs = nnx.Rngs(key)
        self.branches = nnx.List([Branch(width, rngs) for _ in range(2)])

    def __call__(self, tokens: Pair, meet: jax.Array) -> Pair:
        counts = [part.shape[1] for part in tokens]
        asked = [branch.ask(part) for branch, part in zip(self.branches, tokens, strict=True)]
        queries, keys, values = jnp.split(jnp.concatenate(asked, axis=1), 3, axis=3)
        modality = np.repeat([0, 1], counts)
        mask = (modality[:, None] == modality) | meet
        attended = jax.nn.dot_product_attention(queries, keys, values, mask=mask[None, None])
        parts = zip(self.branches, tokens, jnp.split(attended, [counts[0]], axis=1), strict=True)
        t1, t2 = (branch.answer(part, got) for branch, part, got in parts)
        return t1, t2


class HierarchicalTransformer(nnx.Module):
    """Made with the token counts of the blocks, whose rows are tokens one after another."""

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
        self.standardize = nnx.List([Standardize(block.reshape(-1, 1)) for block in features])  # pixels are of one unit
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
        meet = jnp.arange(self.depth) >= unimodal_layers
        start = self.embed(features)
        last, before = jax.lax.scan(
            lambda tokens, layer: (layer[0](tokens, layer[1]), tokens), start, (self.layers, meet)
        )
        s1, s2 = (jnp.concatenate([some, end[None]]) for some, end in zip(before, last, strict=True))
        return s1, s2

    def readings(self, features: Pair) -> tuple[Output, ...]:
        """What the model says of rows, in each of the `READINGS` of one modality alone."""
        stages = self.stages(features, self.unimodal_layers[...])
        both = self.head(jnp.concatenate([_mean(stage[-1]) for stage in stages], axis=1))
        meeting = [stage[self.unimodal_layers[...]] for stage in stages]
        apart = self.stages(features, self.depth)
        seen = [*map(_mean, meeting), *map(_side_by_side, meeting), *(_mean(stage[-1]) for stage in apart)]
        said = [reader(stop_gradient(hidden)) for reader, hidden in zip(self.readers, seen, strict=True)]
        return tuple(Output((*said[i : i + 2], both), (seen[i], seen[i + 1])) for i in (0, 2, 4))

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


def _side_by_side(tokens: jax.Array) -> jax.Array:
    return tokens.reshape(len(tokens), -1)
