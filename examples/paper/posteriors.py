"""What a study computes from the class posteriors that a model predicts for rows it was not trained on."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

import lsmi_jax
from lsmi_jax.decomposition import Interactions
from lsmi_jax.models import fit_power
from lsmi_jax.union import fit_potentials, log_union_scores

NUM_CELLS = 96  # of the codebook of the union information; half the default, since there are few held-out rows


def calibrate(held_out: jax.Array, labels: jax.Array, *others: jax.Array) -> tuple[jax.Array, ...]:
    """Divides logits by the temperature of least held-out cross-entropy.

    Args:
        held_out: Logits of held-out rows ``[h, K]``.
        labels: Class labels of these rows ``[h]``.
        others: Logits of other rows ``[..., K]``.

    Returns:
        Calibrated log-posteriors of the held-out rows, and of the others, in nats.
    """
    power = fit_power(held_out, labels)
    return tuple(jax.nn.log_softmax(power * logits) for logits in (held_out, *others))


def union_interactions(
    key: jax.Array,
    held_out: Sequence[jax.Array],
    logits: Sequence[jax.Array],
    labels: jax.Array | None,
    log_prior: jax.Array,
) -> tuple[Interactions, jax.Array]:
    """Interactions by the union information, whose potentials are fitted to held-out rows; labels do not enter these.

    Args:
        key: Random key.
        held_out: Logits of the first and the second modality of the rows to fit to, each ``[h, K]``.
        logits: Logits of the first modality, the second, and both, each ``[n, K]``.
        labels: Class labels ``[n]``; None for expectations under the joint posterior, where labels are unknown.
        log_prior: Log-prior ``[K]`` in nats.

    Returns:
        Interactions ``[n]``, and the information ``i1, i2, i12`` ``[3, n]``, in nats.
    """
    scores = log_union_scores(fit_potentials(key, held_out[:2], log_prior, num_cells=NUM_CELLS), logits[:2])
    parts, information = lsmi_jax.interactions_from_posteriors(
        logits, labels, log_prior, log_union_scores=scores, redundancy=lsmi_jax.UnionInformation()
    )
    if labels is None:
        probability = jax.nn.softmax(logits[2])
        parts, information = jax.tree.map(lambda values: (probability * values).sum(-1), (parts, information))
    return parts, jnp.stack(information[:3])
