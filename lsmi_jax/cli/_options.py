"""Options of the command line, which the shell and a TOML file share."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter, Token

from lsmi_jax.decomposition import DEFAULT_REDUNDANCY, REDUNDANCIES, Redundancy
from lsmi_jax.inputs import num_predictions_of
from lsmi_jax.union import MOST_MODALITIES

__all__ = [
    "AppOptions",
    "FitOptions",
    "InputOptions",
    "OutputOptions",
    "RedundancyOptions",
    "Seed",
    "WholeNumber",
    "modality_names",
    "option",
    "plain",
]

DATA, RESULTS, REDUNDANCY, FIT, OTHER = map(
    Group.create_ordered, ("Data", "Results", "Redundancy", "Fit", "Other options")
)

if TYPE_CHECKING:
    RedundancyName = str
else:
    RedundancyName = Literal[tuple(REDUNDANCIES)]


def _whole_number(_: Any, tokens: Sequence[Token]) -> int:
    """Converts digits only: Cyclopts would round 2.5."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"expected a whole number, got {tokens[0].value!r}") from None


def _seed(kind: Any, tokens: Sequence[Token]) -> int:
    """A seed of a random key; JAX would wrap one that is out of range."""
    seed = _whole_number(kind, tokens)
    if not 0 <= seed < 2**32:
        raise ValueError(f"expected a seed from 0 to {2**32 - 1}, got {seed}")
    return seed


def _size(kind: Any, tokens: Sequence[Token]) -> int:
    """A positive number of bytes."""
    size = _whole_number(kind, tokens)
    if size < 1:
        raise ValueError(f"expected at least 1 byte, got {size}")
    return size


def _check_names(_: Any, options: "InputOptions") -> None:
    """Raises ValueError if a name is empty, as it would match every column, or if a modality is missing."""
    for field in fields(options):
        value = getattr(options, field.name)
        if "" in ((value,) if isinstance(value, str) else value if isinstance(value, tuple | list) else ()):
            raise ValueError(f"{field.name}: expected a name, got an empty one")
    modalities, own = options.modalities, options.logits or options.probabilities
    count = max([2, *(place for place, value in enumerate(modalities.values(), 1) if value is not None)])
    for name, value in [*modalities.items()][:count]:
        if value is None and (any(modalities.values()) or not own):
            raise ValueError(f"{name}: expected a name, unless --logits or --probabilities replaces all of them")
    counts = [count] if any(modalities.values()) else range(2, MOST_MODALITIES + 1)
    _check_predictions(options, [*map(num_predictions_of, counts)])


def _check_predictions(options: "InputOptions", expected: Sequence[int]) -> None:
    """Raises ValueError if predictions are not of each modality, of each pair, and of all."""
    for name in ("logits", "probabilities"):
        given = getattr(options, name)
        if given is not None and len(given) not in expected:
            counts = " or ".join(map(str, expected))
            raise ValueError(
                f"{name}: expected {counts} names, of each modality, of each pair, and of all, got {len(given)}"
            )


def _covariance(_: Any, tokens: Sequence[Token]) -> str | int:
    """A word, or the rank."""
    word = tokens[0].value
    return int(word) if word.isdecimal() else word


Flag = Annotated[bool, Parameter(negative="", show_default=False)]
WholeNumber = Annotated[int, Parameter(converter=_whole_number)]
Seed = Annotated[int, Parameter(converter=_seed)]


@Parameter(name="*", group=DATA, validator=_check_names)
@dataclass(frozen=True)
class InputOptions:
    """Names of the arrays in the data.

    Attributes:
        x1: The first modality: an array, or all columns whose names begin with this. FILE:NAME, here and in other
            options, is in another file. Optional, like --x2, if --logits or --probabilities is given.
        x2: The second modality.
        x3: A third one: results are then of all modalities together, and of each pair.
        x4: A fourth one.
        x5: A fifth one.
        labels: Class labels: integers, strings, anything that can be sorted.
        logits: Logits of your own models of the first modality, the second, and both; of three or more modalities
            those of each, of each pair (x1 and x2, x1 and x3, x2 and x3), and of all.
        probabilities: Probabilities of your own models, instead of --logits.
        ids: Names of the samples; row numbers by default.
        split_by: Rows with the same value here belong together, such as those of a speaker: they are never on both
            sides of a split, and errors of means count groups of rows.
        weights: Weight of each row, positive, in all fits and means.
        missing: What a row without any value in --x1 or --x2 is: an error, or (mask) a row that lacks the modality.
        means_by: Also report means by this column; repeatable.
        join: Ids in each of several files, by which their rows are matched; without it, all files must have the same
            rows.
        image: Pixels, or names of image files in the folder of the data, shown in the report.
        max_bytes: Maximum bytes of arrays to read; half of the memory by default.
        keep_na: Words such as NA, None and null in a .csv or .tsv file are text, not missing values.
    """

    labels: str
    x1: str | None = None
    x2: str | None = None
    x3: str | None = None
    x4: str | None = None
    x5: str | None = None
    logits: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None
    probabilities: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None
    ids: str | None = None
    split_by: str | None = None
    weights: str | None = None
    missing: Literal["error", "mask"] = "error"
    means_by: Annotated[list[str] | None, Parameter(negative="")] = None
    join: str | None = None
    image: str | None = None
    max_bytes: Annotated[int | None, Parameter(converter=_size)] = None
    keep_na: Flag = False

    @property
    def modalities(self) -> dict[str, str | None]:
        """Names of the modalities, by their options."""
        return {f"x{m}": getattr(self, f"x{m}") for m in range(1, MOST_MODALITIES + 1)}


@Parameter(name="*", group=RESULTS)
@dataclass(frozen=True)
class OutputOptions:
    """Where and how results are written.

    Attributes:
        out: Folder for the results.
        format: Format of the table of samples.
        config: TOML file of these options, without the dashes; the shell takes precedence.
    """

    out: Path
    format: Literal["parquet", "csv"] = "parquet"
    config: Annotated[Path | None, Parameter(group=OTHER)] = None


@Parameter(name="*", group=REDUNDANCY, validator=lambda _, options: options.build())
@dataclass(frozen=True)
class RedundancyOptions:
    """The pointwise redundancy, and its options.

    Attributes:
        redundancy: Name of the redundancy; by default the one of --estimator, or union_information. The paper's is
            specificity_ambiguity.
        num_cells: Number of cells of the codebook of the union information.
        num_components: Number of Gaussians of a density.
        covariance: Covariance of a Gaussian: diagonal, full, or the rank of what is added to a diagonal precision.
    """

    redundancy: RedundancyName | None = None
    num_cells: Annotated[int | None, Parameter(converter=_whole_number)] = None
    num_components: Annotated[int | None, Parameter(converter=_whole_number)] = None
    covariance: Annotated[str | int | None, Parameter(converter=_covariance)] = None

    def build(self, default: Redundancy = DEFAULT_REDUNDANCY) -> Redundancy:
        """The option object.

        Args:
            default: The redundancy with its options that is used unless others are given.

        Raises:
            ValueError: If the redundancy does not have an option that is given, or its value is out of range.
        """
        given = {name: value for name, value in asdict(self).items() if value is not None}
        if not given:
            return default
        name = given.pop("redundancy", name_of(default))
        kind = REDUNDANCIES[name]
        known = {field.name for field in fields(kind)}
        for unknown in given.keys() - known:
            having = " and ".join(other for other, kind in REDUNDANCIES.items() if _has(kind, unknown))
            raise ValueError(f"{unknown}: not an option of {name}, only of {having}")
        fitted: dict[str, Any] = asdict(default) if is_dataclass(default) else {}
        return kind(**{name: value for name, value in (fitted | given).items() if name in known})


@Parameter(name="*", group=FIT)
@dataclass(frozen=True)
class FitOptions:
    """How an estimate is made.

    Attributes:
        seed: Seed of the random key.
        target: What --labels are: classes; (continuous) numbers, which are cut at their quantiles into bins whose order
            is used; or (multilabel) columns of 0 and 1, an array or all columns whose names begin with it.
        unlabeled: What a missing value in --labels is: an error, or (use) a row that is never scored; only models that
            need no label learn from it.
        num_folds: Number of folds.
        num_seeds: Repetitions with new folds, for a spread.
        resume: Continue an interrupted run from what it left in --out.
        save_estimator: Also fit on all rows, to score other data later.
    """

    seed: Seed = 0
    target: Literal["classes", "continuous", "multilabel"] = "classes"
    unlabeled: Literal["error", "use"] = "error"
    num_folds: WholeNumber = 5
    num_seeds: WholeNumber = 1
    resume: Flag = False
    save_estimator: Flag = False


@Parameter(name="*", group=OTHER)
@dataclass(frozen=True)
class AppOptions:
    """Options of every command.

    Attributes:
        debug: Show where an error comes from.
    """

    debug: Flag = False


def modality_names(given: Sequence[str | None]) -> tuple[str, ...]:
    """Names of modalities, from the beginnings of the names of their columns.

    Args:
        given: Values of the options of the modalities.

    Returns:
        The values without a separator at their end. The option replaces a value that is left out, and follows one that
        is used twice.
    """
    names = [(name or f"x{m}").rstrip("_-. ") or f"x{m}" for m, name in enumerate(given, 1)]
    return tuple(name if names.count(name) == 1 else f"{name} (x{m})" for m, name in enumerate(names, 1))


def option(argument: str) -> str:
    """What an argument of the library is called here, for messages."""
    same = {field.name for kind in (InputOptions, FitOptions, RedundancyOptions) for field in fields(kind)}
    return f"--{argument.replace('_', '-')}" if argument in same else _RENAMED.get(argument, argument)


_PLACES = ("first", "second", "third", *(f"{place}th" for place in range(4, 1 + MOST_MODALITIES**2)))
_RENAMED = {
    "out": "--out",
    "features": "--x1, --x2",
    **{f"features[{m}]": f"--x{m + 1}" for m in range(MOST_MODALITIES)},
    **{
        f"{kind}[{m}]": f"--{kind} ({place})" for kind in ("logits", "probabilities") for m, place in enumerate(_PLACES)
    },
    "checkpoint": "--resume",
    "path": "--estimator",
    "groups": "--split-by",
    "missing": "--missing",
}
"""Arguments of the library whose options have other names."""


def plain(**options: Any) -> dict[str, Any]:
    """Options as JSON values, by their Python names; an option object is its name with its options."""
    flat: dict[str, Any] = {}
    for name, value in options.items():
        if hasattr(value, "__dataclass_fields__"):
            flat |= plain(**{field.name: getattr(value, field.name) for field in fields(value)})
            if name == "redundancy":
                flat[name] = name_of(value)
        else:
            flat[name] = str(value) if isinstance(value, Path) else value
    return flat


def name_of(redundancy: Redundancy) -> str:
    """Name of an option object."""
    return next((name for name, kind in REDUNDANCIES.items() if type(redundancy) is kind), type(redundancy).__name__)


def _has(kind: type, name: str) -> bool:
    """Whether an option object has an option."""
    return name in {field.name for field in fields(kind)}
