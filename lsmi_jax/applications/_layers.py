"""What the layers of a trained network know: interactions of their activations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import DEFAULT_REDUNDANCY, Redundancy, check_no_density
from lsmi_jax.estimation import (
    Estimate,
    Summary,
    columns_of_means,
    cross_fitted_view,
    estimate,
    estimate_of,
    folds_of,
    is_concrete,
    means_of,
    overview_of,
    plain_repr,
)
from lsmi_jax.inputs import check_counts, check_key, import_extra, pack, to_host
from lsmi_jax.storage import Reports, shown

if TYPE_CHECKING:
    import pandas

__all__ = ["Layers", "probe_layers"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, repr=False)
class Layers:
    """Interactions of every layer of a network; index it by name or position.

    Attributes:
        estimates: An `lsmi_jax.Estimate` of each layer, in their order.
        names: Names of the layers.
    """

    estimates: tuple[Estimate, ...]
    names: tuple[str, ...] = field(metadata={"static": True})

    def __getitem__(self, layer: int | str) -> Estimate:
        return estimate_of(self.estimates, self.names, layer, "layer")

    def __len__(self) -> int:
        return len(self.estimates)

    def __repr__(self) -> str:
        if not is_concrete(self.estimates):
            return plain_repr(self)
        heading = f"{len(self)} layers, {self[0].num_samples} samples: raw means in nats"
        return overview_of(heading, self.names, self.estimates).as_text()

    def means(self, **options: Any) -> Summary:
        """Means of interactions and information in every layer, from the same resamples of the rows.

        Args:
            **options: Options of `lsmi_jax.Estimate.mean` except ``by``.

        Returns:
            A `lsmi_jax.Summary` of ``[L]`` arrays in the order of the layers, in nats.

        Raises:
            ValueError: As `lsmi_jax.Estimate.mean`.
        """
        return means_of(self.estimates, **options)

    def to_pandas(self) -> "pandas.DataFrame":
        """Mean interactions in every layer (extra ``[table]``).

        Returns:
            One row per layer; the columns of `lsmi_jax.Pairs.to_pandas`.

        Raises:
            ImportError: If pandas is not installed.
        """
        pandas = import_extra("pandas", purpose="Layers.to_pandas", extra="table")
        return pandas.DataFrame(columns_of_means(self.estimates), index=pandas.Index(self.names, name="layer"))


def probe_layers(
    key: jax.Array,
    activations: Mapping[str, Sequence[ArrayLike] | ArrayLike],
    labels: ArrayLike,
    *,
    num_folds: int = 5,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    redundancy: Redundancy = DEFAULT_REDUNDANCY,
    progress: Reports = "auto",
) -> Layers:
    """Interactions of the activations of a trained network, layer by layer (Table 10 of Yang et al., 2025).

    Held-out discriminators read the label from the activations (Eq. 2), in one compiled program for layers of the same
    width, on the same folds for all layers. The network is not trained, and not needed: activations are arrays.

    Args:
        key: Random key.
        activations: Activations of each layer, by its name, in the order of depth:

            - two arrays, the activations of the branches: the joint discriminator sees both;
            - three arrays, the activations of a fused layer where only the first modality is given, only the second,
              and both (the others masked);
            - one array, the activations of a fused layer: i1 and i2 are those of the layer before.

            Each is ``[n, d]``, or ``[n, ..., d]``, whose middle axes (tokens, pixels) are averaged.
        labels: Class labels ``[n]`` in ``0..K-1``.
        num_folds: As in `lsmi_jax.estimate`.
        groups: As in `lsmi_jax.estimate`.
        weights: As in `lsmi_jax.estimate`.
        redundancy: The redundancy; it must need no density.
        progress: As in `lsmi_jax.estimate`, with the name of each layer.

    Returns:
        `Layers`, with an `lsmi_jax.Estimate` of each. In a fused layer, synergy is negative to the extent that the
        layer keeps less than the modalities provide.

    Raises:
        TypeError: As `lsmi_jax.estimate`.
        ValueError: As `lsmi_jax.estimate`, with the name of the layer, or if there is no layer, or the first is a
            single array.
    """
    key = check_key(key)
    redundancy = check_no_density(redundancy)
    layers = {str(name): _arrays(str(name), given) for name, given in _check_layers(activations).items()}
    options: dict[str, Any] = {"num_folds": num_folds, "groups": groups, "weights": weights, "redundancy": redundancy}
    options["progress"] = None
    known: dict[int, jax.Array] = {}  # posteriors by the array that they are computed from

    def posterior(array: np.ndarray) -> jax.Array:
        if id(array) not in known:
            data = pack((array, array), labels, groups=groups, weights=weights)
            check_counts(data, minimum=num_folds, reason=f"num_folds={num_folds}")
            fold_key, fit_key = jax.random.split(key)  # the folds of `estimate`
            folds = jax.tree.map(lambda leaf: leaf[0], folds_of(fold_key, data, num_folds, 1))
            known[id(array)] = cross_fitted_view(fit_key, data.features[0], data, folds)
        return known[id(array)]

    def of_layer(name: str, arrays: list[np.ndarray], branches: list[np.ndarray]) -> Estimate:
        try:
            if len(arrays) == 2:
                return estimate(key, arrays, labels, **options)
            views = [*branches, *arrays] if len(arrays) == 1 else arrays
            return estimate(key, None, labels, logits=list(map(posterior, views)), **options)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{error} (layer {name})") from error

    estimates: list[Estimate] = []
    branches: list[np.ndarray] = []
    with shown(progress) as begin:
        for name, arrays in layers.items():
            if begin is not None:
                begin(name)
            estimates.append(of_layer(name, arrays, branches))
            branches = arrays[:2] if len(arrays) > 1 else branches
    return Layers(tuple(estimates), tuple(layers))


def _check_layers(activations: Any) -> Mapping[str, Any]:
    """Checks that there are layers by name, and that the first has branches."""
    if not isinstance(activations, Mapping):
        raise TypeError(f"activations: expected arrays by the name of the layer, got {type(activations).__name__}")
    if not activations:
        raise ValueError("activations: expected at least one layer, got none")
    name, first = next(iter(activations.items()))
    if not isinstance(first, list | tuple) or len(first) == 1:
        raise ValueError(f"activations: expected two or three arrays of the first layer, got one of {name}")
    return activations


def _arrays(name: str, given: Any) -> list[np.ndarray]:
    """One, two or three arrays of a layer ``[n, d]``; middle axes are averaged."""
    parts = list(given) if isinstance(given, list | tuple) else [given]
    if not 1 <= len(parts) <= 3:
        raise ValueError(f"activations: expected one, two or three arrays of a layer, got {len(parts)} of {name}")
    return [_pooled(name, to_host(part)) for part in parts]


def _pooled(name: str, array: np.ndarray) -> np.ndarray:
    """Activations ``[n, d]``."""
    if array.ndim < 2:
        raise ValueError(f"activations: expected arrays [n, ..., d], got shape {array.shape} of {name}")
    if array.ndim == 2:
        return array
    wide = array.astype(np.float64) if array.dtype == np.float64 else array.astype(np.float32)
    return wide.mean(axis=tuple(range(1, array.ndim - 1)))
