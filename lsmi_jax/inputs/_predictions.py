"""What the user's own models predict: logits or probabilities of each modality, then of each pair."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from lsmi_jax.decomposition import as_array, check_several

__all__ = ["check_logits", "check_no_logits", "check_predictions", "num_blocks_of", "num_predictions_of"]

SUM_TOLERANCE = 1e-3  # of probabilities, which users round
LOOKS_EXACT = 1e-4  # of logits that are taken for probabilities


def check_predictions(
    logits: Sequence[ArrayLike] | None,
    probabilities: Sequence[ArrayLike] | None,
    num_samples: int,
    num_classes: int,
    count: int,
    present: Sequence[ArrayLike] | None = None,
) -> tuple[jax.Array, ...] | None:
    """Checks the predictions of the user's models, and converts them to logits.

    Args:
        logits: Logits ``[n, K]`` of each modality, then of each pair; of two classes also ``[n]`` or ``[n, 1]``, the
            logit of class 1.
        probabilities: Probabilities of the same shapes, instead of logits.
        num_samples: Number of rows n.
        num_classes: Number of classes K.
        count: Number of arrays.
        present: Where each prediction is known ``[n]``; None if all are. Other rows may hold anything.

    Returns:
        Logits ``[n, K]``, float32; None if neither is given.

    Raises:
        TypeError: If they are not floats.
        ValueError: If both are given, their number or a shape is wrong, or a row is not a prediction.
    """
    if logits is None and probabilities is None:
        return None
    if logits is not None and probabilities is not None:
        raise ValueError("probabilities: expected either logits or probabilities, got both")
    if probabilities is None:
        return check_logits(logits, num_samples, num_classes, count, present)  # type: ignore[arg-type]
    checked = []
    for m, values in enumerate(check_several("probabilities", probabilities, count)):
        name = f"probabilities[{m}]"
        array = _known(_floats(name, values, num_samples, num_classes, is_logit=False), present, m, 1 / num_classes)
        if not bool((jnp.isfinite(array) & (array >= 0)).all()):
            raise ValueError(f"{name}: expected probabilities of at least 0, got other values")
        bad = int((abs(array.sum(1) - 1) > SUM_TOLERANCE).sum())
        if bad:
            raise ValueError(f"{name}: expected rows that sum to 1, got others in {bad} of {num_samples} rows")
        checked.append(jnp.log(array))
    return tuple(checked)


def check_logits(
    logits: Sequence[ArrayLike],
    num_samples: int,
    num_classes: int,
    count: int = 3,
    present: Sequence[ArrayLike] | None = None,
) -> tuple[jax.Array, ...]:
    """Checks logits of each modality, then of each pair.

    Args:
        logits: Arrays of floats ``[n, K]``, of two classes also ``[n]`` or ``[n, 1]``; ``-inf`` is allowed, for a class
            that is ruled out.
        num_samples: Number of rows n.
        num_classes: Number of classes K.
        count: Number of arrays: three for two modalities.
        present: Where each of them is known ``[n]``; None if all are.

    Returns:
        The logits ``[n, K]`` as float32 arrays.

    Raises:
        TypeError: If they are not floats.
        ValueError: If the number of arrays or a shape is wrong, a value is NaN or +inf, a row has only ``-inf``, or all
            rows are probabilities.
    """
    checked = []
    for m, values in enumerate(check_several("logits", logits, count)):
        name = f"logits[{m}]"
        array = _known(_floats(name, values, num_samples, num_classes, is_logit=True), present, m, 0.0)
        bad = int((jnp.isnan(array) | (array == jnp.inf)).any(axis=1).sum())
        if bad:
            raise ValueError(f"{name}: expected no NaN and no +inf, got some in {bad} of {num_samples} rows")
        empty = int((array == -jnp.inf).all(axis=1).sum())
        if empty:
            raise ValueError(
                f"{name}: expected a possible class in every row, got only -inf in {empty} of {num_samples}"
            )
        looks_exact = (array >= 0).all(1) & (abs(array.sum(1) - 1) < LOOKS_EXACT)
        known = jnp.ones(num_samples, bool) if present is None else jnp.asarray(present[m])
        if bool(known.any() & (looks_exact | ~known).all()):
            raise ValueError(
                f"{name}: expected logits, got probabilities: no row is negative, and every row sums to 1; "
                "pass them as probabilities"
            )
        checked.append(array)
    return tuple(checked)


def check_no_logits(logits: object) -> None:
    """Raises ValueError if logits were passed in addition to batches, which hold their own."""
    if logits is not None:
        raise ValueError("logits: expected None with batches; make each batch (features, labels, logits)")


def num_predictions_of(num_blocks: int, together: bool | None = None) -> int:
    """Number of predictions of M modalities: of each, of each pair, and perhaps of all.

    Args:
        num_blocks: Number of modalities M.
        together: Whether there is one of all; None for whether there are more than two modalities.

    Returns:
        M(M+1)/2, and one more if there is one of all.

    Examples:
        >>> [num_predictions_of(m) for m in (2, 3, 4)]
        [3, 7, 11]
    """
    of_all = num_blocks > 2 if together is None else together
    return num_blocks * (num_blocks + 1) // 2 + of_all


def num_blocks_of(num_predictions: int, together: bool | None = None) -> int:
    """Number of modalities M from a number of predictions, the inverse of `num_predictions_of`.

    Args:
        num_predictions: Number of predictions.
        together: Whether there is one of all; None for whether there are more than two modalities.

    Returns:
        M; two for a wrong number, which a check reports.
    """
    most = num_predictions + 2
    return next((m for m in range(2, most) if num_predictions_of(m, together) == num_predictions), 2)


def _floats(name: str, values: ArrayLike, num_samples: int, num_classes: int, *, is_logit: bool) -> jax.Array:
    """Checks type and shape of one prediction ``[n, K]``; that of class 1 alone becomes those of both classes."""
    array = as_array(name, values)
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise TypeError(f"{name}: expected a floating dtype, got {array.dtype}")
    array = array.astype(jnp.float32)
    if num_classes == 2 and array.shape in ((num_samples,), (num_samples, 1)):
        second = array.reshape(-1)
        return jnp.stack([jnp.zeros_like(second) if is_logit else 1 - second, second], axis=1)
    if array.shape != (num_samples, num_classes):
        raise ValueError(f"{name}: expected shape ({num_samples}, {num_classes}), got {array.shape}")
    return array


def _known(array: jax.Array, present: Sequence[ArrayLike] | None, which: int, fill: float) -> jax.Array:
    """A prediction ``[n, K]`` whose unknown rows hold the same value for every class."""
    return array if present is None else jnp.where(jnp.asarray(present[which])[:, None], array, fill)
