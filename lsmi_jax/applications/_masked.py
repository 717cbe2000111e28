"""What one trained network uses: interactions from its own outputs with a modality masked."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import (
    DEFAULT_REDUNDANCY,
    Redundancy,
    check_count,
    check_no_density,
    check_several,
    check_type,
)
from lsmi_jax.estimation import Estimate, estimate, mean_cell
from lsmi_jax.inputs import check_key, to_host
from lsmi_jax.storage import Reports, shown

__all__ = ["Predict", "Unused", "information_unused", "masked_interactions"]

Predict = Callable[[Any, Any], Any]
"""A trained network: from rows of both modalities to logits ``[b, K]``."""

Baseline = Literal["mean", "noise"] | Sequence[ArrayLike]
"""What replaces a masked modality."""


def masked_interactions(
    key: jax.Array,
    predict: Predict,
    features: Sequence[ArrayLike],
    labels: ArrayLike,
    *,
    baseline: Baseline = "mean",
    batch_size: int = 1024,
    log_prior: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    num_folds: int = 5,
    redundancy: Redundancy = DEFAULT_REDUNDANCY,
    progress: Reports = "auto",
) -> Estimate:
    """Interactions that a trained network uses, by masking one modality at a time.

    The posterior of the first modality is the network's output where the second is masked, and so on; Eq. 2 of Yang et
    al. (2025) is applied to these. Nothing is trained: only the potentials of the union information are fitted, out of
    fold. Rows that the network was trained on show what it memorized, so pass others.

    Args:
        key: Random key of the folds, and of the noise.
        predict: The network, called with rows of both modalities, NumPy arrays ``[b, ...]`` of at most ``batch_size``
            rows; returns logits ``[b, K]``, a JAX, NumPy or PyTorch array.
        features: The network's input from each modality, ``[n, ...]`` of any shape.
        labels: Class labels ``[n]`` in ``0..K-1``.
        baseline: What replaces a masked modality: ``"mean"`` of all rows; ``"noise"``, Gaussian with the mean and the
            spread of each feature; or, for each modality, an array of the shape of a row, or of all rows.
        batch_size: Number of rows in a call.
        log_prior: As in `lsmi_jax.estimate`.
        groups: As in `lsmi_jax.estimate`.
        weights: As in `lsmi_jax.estimate`.
        num_folds: Number of folds of the potentials.
        redundancy: The redundancy; it must need no density.
        progress: As in `lsmi_jax.estimate`.

    Returns:
        An `Estimate` in the order of the rows.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument, or what ``predict`` returns, has the wrong shape or values.

    Examples:
        >>> import lsmi_jax
        >>> labels = np.arange(40) % 2
        >>> x1, x2 = np.float32(2 * labels - 1)[:, None], np.ones((40, 1), np.float32)
        >>> predict = lambda x1, x2: np.concatenate([-9 * x1, 9 * x1 * x2], axis=1)
        >>> redundancy = lsmi_jax.MinimumInformation()
        >>> used = masked_interactions(jax.random.key(0), predict, (x1, x2), labels, redundancy=redundancy)
        >>> print(f"{used.interactions.unique1.mean():.2f} {used.interactions.unique2.mean():.2f}")
        0.69 0.00
    """
    fold_key, noise_key = jax.random.split(check_key(key))
    if not callable(predict):
        raise TypeError(f"predict: expected a function of both modalities, got {type(predict).__name__}")
    redundancy = check_no_density(redundancy)
    check_count("batch_size", batch_size, 1)
    first, second = (
        _as_rows(f"features[{m}]", block) for m, block in enumerate(check_several("features", features, 2))
    )
    if len(first) != len(second):
        raise ValueError(f"features: expected blocks of equal length, got {len(first)} and {len(second)}")
    no_first, no_second = _baselines(noise_key, baseline, (first, second))
    views = ((first, no_second), (no_first, second), (first, second))
    with shown(progress) as begin:
        if begin is not None:
            begin("outputs of the network")
        logits = [_outputs(predict, view, batch_size) for view in views]
        shapes = {own.shape for own in logits}
        if len(shapes) > 1:
            raise ValueError(
                f"predict: expected the same number of classes in every call, got logits of shapes {shapes}"
            )
        return estimate(
            fold_key,
            None,
            labels,
            num_folds=num_folds,
            num_classes=logits[0].shape[1],
            logits=logits,
            log_prior=log_prior,
            groups=groups,
            weights=weights,
            redundancy=redundancy,
            progress=begin,
        )


class Unused(NamedTuple):
    """Information that the data contain and a network does not use, of each sample, in nats.

    Attributes:
        information1: Of the first modality alone ``[n]``.
        information2: Of the second modality alone ``[n]``.
        information12: Of both together ``[n]``.
        weights: Weight of each sample in means; None for equal weights.
        groups: Group of each sample; None if all are independent.
    """

    information1: np.ndarray
    information2: np.ndarray
    information12: np.ndarray
    weights: jax.Array | None = None
    groups: jax.Array | None = None

    def mean(self) -> dict[str, tuple[float, float]]:
        """Means over the samples, with standard errors of the paired differences.

        Returns:
            The mean and its standard error of ``i1``, ``i2`` and ``i12``, in nats.
        """
        values = np.stack(self[:3])
        counted = np.isfinite(values).all(0)
        cells = (mean_cell(own, None, counted, self.weights, self.groups) for own in values)
        return {name: (cell.mean, cell.error) for name, cell in zip(("i1", "i2", "i12"), cells, strict=True)}


def information_unused(data: Estimate, used: Estimate) -> Unused:
    """What the data contain and a network leaves unused, sample by sample.

    Both are estimates: a negative value means that the network does better on the sample than the discriminators that
    were fitted to the data.

    Args:
        data: What the data contain, from `lsmi_jax.estimate`.
        used: What the network uses of the same rows, from `masked_interactions`.

    Returns:
        `Unused`: i1, i2 and i12 of the data minus those of the network.

    Raises:
        TypeError: If an argument is not an `lsmi_jax.Estimate`.
        ValueError: If they have different numbers of samples.
    """
    for name, own in (("data", data), ("used", used)):
        check_type(name, own, Estimate)
    if data.num_samples != used.num_samples:
        raise ValueError(f"used: expected {data.num_samples} samples, as the data have, got {used.num_samples}")
    pairs = zip(data.information, used.information, strict=True)
    i1, i2, i12 = (to_host(contained) - to_host(network) for contained, network in pairs)
    return Unused(i1, i2, i12, data.weights, data.groups)


def _as_rows(name: str, block: ArrayLike) -> np.ndarray:
    """A block of one row or more, as a NumPy array."""
    array = to_host(block)
    if not array.ndim or not len(array):
        raise ValueError(f"{name}: expected rows [n, ...], got shape {array.shape}")
    return array


def _baselines(key: jax.Array, baseline: Baseline, features: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """What replaces each modality, in the shape of its rows."""
    if isinstance(baseline, str):
        if baseline not in ("mean", "noise"):
            raise ValueError(f'baseline: expected "mean", "noise", or an array for each modality, got {baseline!r}')
        for m, block in enumerate(features):
            if not jnp.issubdtype(block.dtype, jnp.floating):
                raise TypeError(f"features[{m}]: expected floats for baseline={baseline!r}, got dtype {block.dtype}")
        random = np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())
        return [_typical(random if baseline == "noise" else None, block) for block in features]
    given = check_several("baseline", baseline, len(features))
    found = []
    for m, (own, block) in enumerate(zip(map(np.asarray, given), features, strict=True)):
        if own.shape not in (block.shape, block.shape[1:]):
            expected = f"{block.shape[1:]}, a row, or {block.shape}"
            raise ValueError(f"baseline[{m}]: expected shape {expected}, got {own.shape}")
        found.append(np.broadcast_to(own.astype(block.dtype), block.shape))
    return found


def _typical(random: np.random.Generator | None, block: np.ndarray) -> np.ndarray:
    """The mean row in every row, with Gaussian noise of the spread of each feature if there is a generator."""
    wide = block.astype(np.float64)
    mean = np.broadcast_to(wide.mean(0), block.shape)
    if random is not None:
        mean = mean + wide.std(0) * random.normal(size=block.shape)
    return mean.astype(block.dtype)


def _outputs(predict: Predict, view: tuple[np.ndarray, np.ndarray], batch_size: int) -> np.ndarray:
    """Logits ``[n, K]`` of a network, batch by batch."""
    outputs = []
    for start in range(0, len(view[0]), batch_size):
        first, second = (block[start : start + batch_size] for block in view)
        output = predict(first, second)
        array = np.asarray(output.detach().cpu() if hasattr(output, "detach") else output)  # of PyTorch
        if array.ndim != 2 or len(array) != len(first):
            raise ValueError(f"predict: expected logits [{len(first)}, K], got shape {array.shape}")
        outputs.append(array)
    if len({output.shape[1] for output in outputs}) > 1:
        raise ValueError("predict: expected the same number of classes in every call, got different numbers")
    return np.concatenate(outputs)
