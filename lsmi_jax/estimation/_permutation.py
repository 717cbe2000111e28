"""Permutation test: could the mean interactions be chance?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from lsmi_jax.decomposition import INFORMATION, PARTS, Means, check_count, check_several
from lsmi_jax.estimation._estimate import estimate
from lsmi_jax.estimation._formatting import LABELS, Overview, Row, is_concrete, plain_repr
from lsmi_jax.estimation._result import Estimate, mean_cells
from lsmi_jax.inputs import check_key, encode_labels, to_host
from lsmi_jax.storage import Reports, shown

__all__ = ["Null", "PermutationTest", "permutation_test"]

Null = Literal["labels", "rows", "within_class"]
"""What is permuted, which defines the null hypothesis."""

BLOCKS = ("first", "second")


@jax.tree_util.register_dataclass
@dataclass(frozen=True, repr=False)
class PermutationTest:
    """Mean interactions and information, and their distribution under a null hypothesis.

    Attributes:
        observed: Means of the data, scalars, in nats.
        permuted: Means of permuted data, ``[num_permutations]``, in nats.
        p_value: Probability of a mean at least as large under the null hypothesis.
        null: What was permuted, as in `permutation_test`.
        block: Index of the feature block that was permuted; None for labels.
    """

    observed: Means
    permuted: Means
    p_value: Means
    null: Null = field(metadata={"static": True})
    block: int | None = field(metadata={"static": True})

    @property
    def hypothesis(self) -> str:
        """The null hypothesis as a phrase."""
        if self.null == "labels":
            return "the labels are independent of both blocks"
        if self.null == "within_class":
            return "the blocks are independent given the label"
        own, other = BLOCKS[self.block or 0], BLOCKS[1 - (self.block or 0)]
        return f"the {own} block is independent of the {other} block and the labels"

    @property
    def meaningful(self) -> tuple[str, ...]:
        """Fields of `Means` whose p-value tests what the field stands for; see `permutation_test`."""
        if self.null == "labels":
            return ("information1", "information2", "information12")
        if self.null == "within_class":
            return ("synergy", "information12")
        return (f"information{1 + (self.block or 0)}", "information12")

    def __repr__(self) -> str:
        if not is_concrete(self):
            return plain_repr(self)
        rows = []
        for name in (quantity.field for quantity in (*PARTS, *INFORMATION)):
            observed, permuted, p_value = (
                np.asarray(getattr(means, name)) for means in (self.observed, self.permuted, self.p_value)
            )
            p_text = f"{p_value:.3g}" if name in self.meaningful else "-"
            rows.append(Row(LABELS[name], (f"{observed:+z.3f}", f"{permuted.mean():+z.3f}", p_text)))
        heading = f"PermutationTest, {len(self.permuted.redundancy)} permutations: raw means in nats"
        notes = [
            f"The null hypothesis is that {self.hypothesis}.",
            "A dash marks a mean that this null hypothesis does not test.",
        ]
        return Overview(heading, ("observed", "null mean", "p-value"), rows, notes).as_text()


def permutation_test(
    key: jax.Array,
    features: Sequence[ArrayLike] | None,
    labels: ArrayLike,
    *,
    null: Null = "labels",
    block: int | None = None,
    num_permutations: int = 99,
    progress: Reports = "auto",
    **options: Any,
) -> PermutationTest:
    """Tests mean information, or synergy, against its distribution under a null hypothesis.

    What is permuted defines the null hypothesis, and with it the question that a small p-value answers:

    | null | null hypothesis | question | meaningful p-values |
    |---|---|---|---|
    | ``"labels"`` | labels independent of both blocks | Is there any information? | I1, I2, I12 |
    | ``"rows"`` | block independent of the other and of the labels | Is it informative? | its own I, I12 |
    | ``"within_class"`` | blocks independent given the label | Does the pairing matter? | S, I12 |

    ``"labels"`` permutes the labels, ``"rows"`` the rows of one block, and ``"within_class"`` the rows of one block
    within each class, which preserves I1 and I2.

    The p-values of the other means are computed too, but do not test what their names suggest: R, for example, is
    above the null of ``"labels"`` whenever a single block is informative. Blocks that are independent given the label
    may have synergy; a small p-value of S under ``"within_class"`` means that there is more of it than such
    blocks have. Blocks that repeat each other lower I12 and S instead, and give p-values near one.

    With ``groups``, whole groups are permuted. If all rows of each group share one label, labels of groups are
    permuted. Otherwise, rows are rearranged in the order of the permuted groups; this is exact if all groups have
    the same size.

    Every permutation refits all models with new folds, so that data and permutations are exchangeable under
    the null hypothesis and the p-values are exact for any estimator. The test costs ``num_permutations + 1``
    estimates, compiled once.

    Args:
        key: Random key.
        features: The two feature blocks, ``[n, d1]`` and ``[n, d2]``; None as in `lsmi_jax.estimate`.
        labels: Class labels ``[n]`` in ``0..K-1``.
        null: What is permuted: ``"labels"``, ``"rows"`` or ``"within_class"``.
        block: Index of the block to permute, 0 or 1. Required for ``"rows"``. None for ``"labels"``, and for
            ``"within_class"``, where either block gives the same null distribution.
        num_permutations: Number of permutations; p-values are multiples of ``1 / (num_permutations + 1)``.
        progress: As in `lsmi_jax.estimate`, with the number of each permutation.
        **options: Options of `lsmi_jax.estimate`. The user's ``logits`` or ``probabilities`` require
            ``null="labels"``, as a joint discriminator would have to be fitted again on permuted blocks.

    Returns:
        A `PermutationTest`. The total is ``information12``; each part has its own p-value, for raw means.

    Raises:
        TypeError: As `lsmi_jax.estimate`.
        ValueError: As `lsmi_jax.estimate`, or if ``num_permutations`` is not positive, or ``null`` and ``block`` do
            not go together.
    """
    check_count("num_permutations", num_permutations, 1)
    block = _check_null(null, block, options)
    key = check_key(key)
    _check_two(features, options)
    permutation_key, *keys = jax.random.split(key, num_permutations + 2)
    order_keys, permuted = jax.random.split(permutation_key, num_permutations), []
    with shown(progress) as begin:
        if begin is not None:
            begin("data as they are")
        observed = _means(estimate(keys[0], features, labels, progress=None, **options))
        for number, (own_key, order_key) in enumerate(zip(keys[1:], order_keys, strict=True), start=1):
            if begin is not None:
                begin(f"permutation {number} of {num_permutations}")
            blocks, own_labels, own_options = _permute(order_key, features, labels, null, block, options)
            permuted.append(_means(estimate(own_key, blocks, own_labels, progress=None, **own_options)))
    # The observed estimate counts as one permutation, so that no p-value is zero.
    under_null = Means(*(jnp.stack(column) for column in zip(*permuted, strict=True)))
    # An undefined mean counts as extreme, so that it is never significant.
    p_values = [(1 + (~(n < o)).sum()) / (num_permutations + 1) for n, o in zip(under_null, observed, strict=True)]
    return PermutationTest(observed, under_null, Means(*p_values), null, block)


def _check_two(features: Any, options: dict[str, Any]) -> None:
    """Raises ValueError unless there are two blocks, and predictions of them and of both."""
    given = {"features": (features, 2), "logits": (options.get("logits"), 3)}
    given["probabilities"] = options.get("probabilities"), 3
    for name, (values, count) in given.items():
        if values is not None:
            check_several(name, values, count)


def _check_null(null: str, block: int | None, options: dict[str, Any]) -> int | None:
    """The block to permute, or None, after a check that the options go together."""
    if null not in get_args(Null):
        raise ValueError(f"null: expected one of {', '.join(get_args(Null))}, got {null!r}")
    if null == "labels":
        if block is not None:
            raise ValueError(f'block: expected None for null="labels", got {block!r}')
        return None
    if null == "within_class" and options.get("target", "classes") != "classes":
        raise ValueError(f'null: expected "labels" or "rows" for a continuous target, got {null!r}')
    for name in ("logits", "probabilities"):
        if options.get(name) is not None:
            raise ValueError(f'{name}: expected None for null="{null}", which needs discriminators to be refitted')
    if null == "within_class" and block is None:
        return 1
    if isinstance(block, bool) or block not in (0, 1):
        raise ValueError(f'block: expected 0 or 1 for null="{null}", got {block!r}')
    return block


def _permute(
    key: jax.Array,
    features: Sequence[ArrayLike] | None,
    labels: ArrayLike,
    null: Null,
    block: int | None,
    options: dict[str, Any],
) -> tuple[Sequence[ArrayLike] | None, ArrayLike, dict[str, Any]]:
    """Features, labels and options after one random permutation, which keeps the rows of a group together."""
    on_host = to_host(labels)
    groups = options.get("groups")
    unit = np.arange(len(on_host)) if groups is None else encode_labels(groups)[0]
    order = np.asarray(jax.random.permutation(key, unit.max() + 1))
    if null == "labels" or features is None:
        return features, _permuted_labels(order, unit, on_host), options
    chosen = _chosen_rows(order, unit, on_host if null == "within_class" else np.zeros_like(unit))
    permuted = [_taken(rows, chosen) if index == block else rows for index, rows in enumerate(features)]
    missing = options.get("missing", "error")
    if not isinstance(missing, str):
        masks = [np.asarray(mask)[chosen] if index == block else mask for index, mask in enumerate(missing)]
        options = options | {"missing": masks}
    return permuted, labels, options


def _permuted_labels(order: np.ndarray, unit: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Labels ``[n]`` of groups in a random order: one per group where groups have one, otherwise row by row."""
    of_group = np.empty(len(order), labels.dtype)
    of_group[unit] = labels
    if (of_group[unit] == labels).all():
        return of_group[order][unit]
    return labels[_chosen_rows(order, unit, np.zeros_like(unit))]


def _chosen_rows(order: np.ndarray, unit: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The permutation of the rows of each class ``[n]`` that a random order of the groups induces."""
    # Rows by class and group in their own order are matched with rows by class and group in the random order.
    chosen = np.empty_like(unit)
    chosen[np.lexsort((unit, labels))] = np.lexsort((np.argsort(order)[unit], labels))
    return chosen


def _taken(rows: ArrayLike, chosen: np.ndarray) -> ArrayLike:
    """Chosen rows of a block; a masked array stays one."""
    return rows[chosen] if isinstance(rows, np.ma.MaskedArray) else to_host(rows)[chosen]


def _means(result: Estimate) -> Means:
    """Raw means of an estimate."""
    return Means(*(jnp.float32(cell.mean) for cell in mean_cells(result)))
