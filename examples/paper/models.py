"""Two-modality classifiers of Table 4, small enough to train in seconds; the model of Table 10 is in transformer.py.

Each is made from a key and the feature blocks of the training rows, which it standardizes by, and called as
`model(key, features)`, where the key is None outside training. `model.loss(key, features, labels)` is the loss per row.

The interactions that a model has learned are measured as in the paper (Sec. 4.2.2), by probing its representations:
the logits of a single modality come from a linear probe on its hidden representation, without gradient to the model,
and the logits of both are the model's own. In decision-level fusion the model itself predicts from each modality.
"""

import math

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.lax import stop_gradient
from towers import Output, Pair, Towers, cross_entropies, plain_loss

from lsmi_jax.models import fit_powers

# Feature-level fusion. `size` holds num_classes and, optionally, width.


class Joint(nnx.Module):
    """Concatenation (Baltrusaitis et al., 2018)."""

    def __init__(self, key: jax.Array, features: Pair, **size: int):
        tower_key, key = jax.random.split(key)
        rngs = nnx.Rngs(key)
        self.towers = Towers(tower_key, features, **size)
        self.mix = nnx.Linear(2 * self.towers.width, self.towers.width, rngs=rngs)
        self.head = nnx.Linear(self.towers.width, self.towers.num_classes, rngs=rngs)

    def fuse(self, hidden: Pair) -> jax.Array:
        return self.head(jax.nn.gelu(self.mix(jnp.concatenate(hidden, axis=1))))

    def __call__(self, key: jax.Array | None, features: Pair) -> Output:
        hidden = self.towers(features)
        return Output((*self.towers.classify(stop_gradient(hidden)), self.fuse(hidden)), hidden)

    loss = plain_loss


class Bottleneck(nnx.Module):
    """MMIB: stochastic codes of each modality and of both, each of which predicts the label (Mai et al., 2022).

    As in the authors' complete MIB, the divergence of a code from a standard Gaussian is a mean over its dimensions
    with a weight of 1e-3, and noise starts small. Kept simple: a code is linear in the representation it is made from,
    and codes are fused by concatenation.
    """

    def __init__(self, key: jax.Array, features: Pair, *, strength: float = 1e-3, **size: int):
        tower_key, key = jax.random.split(key)
        rngs = nnx.Rngs(key)
        self.towers = Towers(tower_key, features, **size)
        width = self.towers.width
        self.codes = nnx.List([nnx.Linear(width * inputs, 2 * width, rngs=rngs) for inputs in (1, 1, 2)])
        self.head = nnx.Linear(width, self.towers.num_classes, rngs=rngs)
        self.strength = strength

    def __call__(self, key: jax.Array | None, features: Pair) -> Output:
        keys = (None,) * 3 if key is None else tuple(jax.random.split(key, 3))
        first, second = self.towers(features)
        h1, kl1 = _encode(keys[0], self.codes[0], first)
        h2, kl2 = _encode(keys[1], self.codes[1], second)
        fused, kl12 = _encode(keys[2], self.codes[2], jnp.concatenate([h1, h2], axis=1))
        logits = *self.towers.classify((h1, h2)), self.head(fused)
        return Output(logits, (h1, h2), self.strength * (kl1 + kl2 + kl12))

    loss = plain_loss


def _encode(key: jax.Array | None, layer: nnx.Linear, hidden: jax.Array) -> Pair:
    """A Gaussian code of each row (its mean without a key) and its divergence from a standard Gaussian."""
    mean, spread = jnp.split(layer(hidden), 2, axis=1)
    deviation = jax.nn.softplus(spread - 5) + 1e-6
    divergence = 0.5 * (mean**2 + deviation**2 - 2 * jnp.log(deviation) - 1).mean(1)
    noise = 0.0 if key is None else jax.random.normal(key, mean.shape)
    return mean + deviation * noise, divergence


class Bilinear(nnx.Module):
    """Products of bounded projections of the two modalities: a bilinear form of low rank (Kim et al., 2017).

    Fukui et al. (2016) compress the full outer product by random sketches. Kept simple: learned projections take their
    place, with the hyperbolic tangent of Kim et al. in place of a normalized signed square root.
    """

    def __init__(self, key: jax.Array, features: Pair, **size: int):
        tower_key, key = jax.random.split(key)
        rngs = nnx.Rngs(key)
        self.towers = Towers(tower_key, features, **size)
        width = self.towers.width
        self.projections = nnx.List([nnx.Linear(width, width, rngs=rngs) for _ in range(2)])
        self.head = nnx.Linear(width, self.towers.num_classes, rngs=rngs)

    def __call__(self, key: jax.Array | None, features: Pair) -> Output:
        hidden = self.towers(features)
        first, second = (jnp.tanh(project(h)) for project, h in zip(self.projections, hidden, strict=True))
        return Output((*self.towers.classify(stop_gradient(hidden)), self.head(first * second)), hidden)

    loss = plain_loss


# Decision-level fusion


class Additive(nnx.Module):
    """Mean of the logits of two separately trained models (Liang et al., 2021)."""

    def __init__(self, key: jax.Array, features: Pair, **size: int):
        self.towers = Towers(key, features, **size)

    def __call__(self, key: jax.Array | None, features: Pair) -> Output:
        hidden = self.towers(features)
        l1, l2 = self.towers.classify(hidden)
        return Output((l1, l2, stop_gradient((l1 + l2) / 2)), hidden)

    loss = plain_loss


class Weighted(nnx.Module):
    """Weighted sum of the logits of two separately trained models, with weights learned beforehand.

    The weights are those of least cross-entropy on the early-stopping rows, which the two models were not trained on.
    Kept simple: one weight per modality for all samples. Shao et al. (2024) weight each sample by Dirichlet evidence.
    """

    def __init__(self, key: jax.Array, features: Pair, **size: int):
        self.towers = Towers(key, features, **size)
        self.weights = nnx.Variable(jnp.full(2, 0.5))

    def __call__(self, key: jax.Array | None, features: Pair) -> Output:
        hidden = self.towers(features)
        logits = jnp.stack(self.towers.classify(hidden))
        fused = jnp.tensordot(self.weights[...], stop_gradient(logits), 1)
        return Output((logits[0], logits[1], fused), hidden)

    loss = plain_loss

    def finish(self, features: Pair, labels: jax.Array) -> None:
        """Learns the weights on held-out rows; called by `train` after training."""
        logits = jnp.stack(self(None, features).logits[:2])
        self.weights[...] = fit_powers(jax.nn.log_softmax(logits), labels, jnp.zeros(logits.shape[-1]))


class QualityAware(nnx.Module):
    """QMF: logits weighted by their energy, which is trained to rank rows by loss (Zhang et al., 2023).

    Zhang et al. rank rows by their mean loss over past epochs; this model ranks them by their loss in the batch.
    """

    def __init__(self, key: jax.Array, features: Pair, *, strength: float = 0.1, **size: int):
        self.towers = Towers(key, features, **size)
        self.strength = strength

    def __call__(self, key: jax.Array | None, features: Pair) -> Output:
        hidden = self.towers(features)
        l1, l2 = self.towers.classify(hidden)
        w1, w2 = (stop_gradient(_confidence(logits))[:, None] for logits in (l1, l2))
        return Output((l1, l2, w1 * l1 + w2 * l2), hidden)

    def loss(self, key: jax.Array | None, features: Pair, labels: jax.Array) -> jax.Array:
        logits = self(key, features).logits
        losses = cross_entropies(logits, labels)
        misranked = [_misranking(_confidence(view), loss) for view, loss in zip(logits[:2], losses[:2], strict=True)]
        return losses.sum(0) + self.strength * sum(misranked)


def _confidence(logits: jax.Array) -> jax.Array:
    """A tenth of the negative free energy, the scale of Zhang et al."""
    return jax.nn.logsumexp(logits, axis=1) / 10


def _misranking(confidence: jax.Array, losses: jax.Array) -> jax.Array:
    """Excess confidence in the row with the larger loss, for each row and its neighbor in the batch."""
    order = jnp.sign(stop_gradient(jnp.roll(losses, 1) - losses))
    return jax.nn.relu(order * (jnp.roll(confidence, 1) - confidence))


# Joint learning with additional regularization


class ModalityDropout(nnx.Module):
    """Drops one modality of random rows before fusion in training (Hussen Abdelaziz et al., 2020)."""

    def __init__(self, key: jax.Array, features: Pair, *, rate: float = 0.5, **size: int):
        self.joint = Joint(key, features, **size)
        self.rate = rate

    def __call__(self, key: jax.Array | None, features: Pair) -> Output:
        output = self.joint(None, features)
        if key is None:
            return output
        remaining = hide_one(key, output.hidden, rate=self.rate)
        return output._replace(logits=(*output.logits[:2], self.joint.fuse(remaining)))

    loss = plain_loss


def hide_one(key: jax.Array, hidden: Pair, *, rate: float) -> Pair:
    """Sets either modality to zero, with equal probability, in a fraction of the rows."""
    draw = jax.random.uniform(key, (len(hidden[0]), 1))
    return jnp.where(draw < rate / 2, 0, hidden[0]), jnp.where(draw > 1 - rate / 2, 0, hidden[1])


class Alignment(nnx.Module):
    """A contrastive loss that matches the two modalities of each row within the batch (Radford et al., 2021).

    It is a cross-entropy in nats, too, and has the weight of the others. Kept simple: representations themselves are
    compared, without a projection, at a fixed temperature. Controls for data whose pairs share nothing but their class:
    with ``positives="redrawn"``, each row is matched with a random row of its class, newly drawn in each batch, and
    with ``positives="class"`` with all rows of its class alike (Khosla et al., 2020).
    """

    def __init__(self, key: jax.Array, features: Pair, *, strength: float = 1.0, positives: str = "own", **size: int):
        self.joint = Joint(key, features, **size)
        self.strength, self.positives = strength, positives

    def __call__(self, key: jax.Array | None, features: Pair) -> Output:
        return self.joint(key, features)

    def loss(self, key: jax.Array, features: Pair, labels: jax.Array) -> jax.Array:
        logits, hidden, _ = self(key, features)
        own = jnp.eye(len(labels))
        match self.positives:
            case "own":
                targets = own
            case "redrawn":
                targets = own[_same_class(key, labels)]
            case "class":
                same = (labels[:, None] == labels[None]).astype(jnp.float32)
                targets = same / same.sum(1, keepdims=True)
            case _:
                raise ValueError(f'positives: expected "own", "redrawn" or "class", got {self.positives!r}')
        return cross_entropies(logits, labels).sum(0) + self.strength * contrast(hidden, targets)


def _same_class(key: jax.Array, labels: jax.Array) -> jax.Array:
    """The rows of a batch permuted at random within each class, as positions ``[b]``."""
    shuffled = jax.random.permutation(key, len(labels))
    places = shuffled[jnp.argsort(labels[shuffled], stable=True)]
    return jnp.zeros_like(places).at[jnp.argsort(labels, stable=True)].set(places)


def contrast(hidden: Pair, targets: jax.Array, *, temperature: float = 0.1) -> jax.Array:
    """Symmetric InfoNCE of each row in nats, ``[b]``; targets ``[b, b]`` say which rows match, as probabilities."""
    first, second = (h / (jnp.linalg.norm(h, axis=1, keepdims=True) + 1e-6) for h in hidden)
    similarity = first @ second.T / temperature
    both = optax.softmax_cross_entropy(jnp.stack([similarity, similarity.T]), jnp.stack([targets, targets.T]))
    return both.mean(0)


class Reconstruction(nnx.Module):
    """Decodes each modality from its own representation (after Tsang et al., 2020).

    The squared error is relative to the variance of the training rows, so that it starts at one. Its weight is the
    logarithm of the number of classes, where the cross-entropy starts: both losses start equal.
    """

    def __init__(self, key: jax.Array, features: Pair, *, strength: float = 1.0, **size: int):
        joint_key, key = jax.random.split(key)
        rngs = nnx.Rngs(key)
        self.joint = Joint(joint_key, features, **size)
        width = self.joint.towers.width
        self.decoders = nnx.List([nnx.Linear(width, block.shape[1], rngs=rngs) for block in features])
        self.strength = strength * math.log(self.joint.towers.num_classes)

    def __call__(self, key: jax.Array | None, features: Pair) -> Output:
        output = self.joint(key, features)
        return output._replace(extra=self.strength * self.errors(features, output.hidden).mean(0))

    def errors(self, features: Pair, hidden: Pair) -> jax.Array:
        """Squared error of each modality relative to its variance, ``[2, b]``."""
        parts = zip(self.decoders, hidden, self.joint.towers.scale(features), strict=True)
        return jnp.stack([((decode(h) - block) ** 2).mean(1) for decode, h, block in parts])

    loss = plain_loss
