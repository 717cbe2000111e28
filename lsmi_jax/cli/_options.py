"""Options of the command line, which the shell and a TOML file share."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from lsmi_jax.decomposition import REDUNDANCIES, Redundancy

Name = Literal["specificity_ambiguity", "shared_exclusions", "minimum_information", "common_change"]

__all__ = ["AppOptions", "FitOptions", "InputOptions", "OutputOptions", "RedundancyOptions", "name_of", "plain"]


@Parameter(name="*", group="Data")
@dataclass(frozen=True)
class InputOptions:
    """Names of the arrays in the data.

    Attributes:
        x1: The first modality: an array, or all columns whose names begin with this.
        x2: The second modality.
        labels: Class labels: integers, strings, anything that can be sorted.
        logits: Logits of your own models of the first modality, the second, and both.
        ids: Names of the samples; row numbers by default.
        group: Also report means by this column; repeatable.
        image: Pixels or names of image files, shown in the report.
    """

    x1: str
    x2: str
    labels: str
    logits: Annotated[tuple[str, str, str] | None, Parameter(negative="")] = None
    ids: str | None = None
    group: Annotated[list[str] | None, Parameter(negative="")] = None
    image: str | None = None


@Parameter(name="*", group="Results")
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
    config: Path | None = None


@Parameter(name="*", group="Redundancy")
@dataclass(frozen=True)
class RedundancyOptions:
    """The pointwise redundancy, and the options of its densities.

    Attributes:
        redundancy: Name of the redundancy; specificity_ambiguity is the paper's.
        space: Where densities live: on class posteriors, or on features, as in the paper.
        num_components: Gaussians of a density.
        covariance: Covariance of a Gaussian: diagonal, full, or the rank of what is added to a diagonal precision.
    """

    redundancy: Literal["specificity_ambiguity", "shared_exclusions", "minimum_information", "common_change"] | None = (
        None
    )
    space: Literal["posterior", "features"] | None = None
    num_components: int | None = None
    covariance: str | None = None

    def build(self) -> Redundancy | None:
        """The option object; None if no option was given.

        Raises:
            ValueError: If the redundancy does not have an option.
        """
        given = {name: value for name, value in asdict(self).items() if value is not None}
        name = given.pop("redundancy", None)
        if name is None and not given:
            return None
        kind = REDUNDANCIES[name or "specificity_ambiguity"]
        for option in given:
            if option not in kind.__dataclass_fields__:
                raise ValueError(f"--{option.replace('_', '-')}: expected none for {name}, which needs no density")
        if str(given.get("covariance", "")).isdecimal():
            given["covariance"] = int(given["covariance"])
        return kind(**given)


@Parameter(name="*", group="Fit")
@dataclass(frozen=True)
class FitOptions:
    """How an estimate is made.

    Attributes:
        seed: Seed of the random key.
        num_folds: Number of folds.
        num_seeds: Repetitions under new folds, for a spread.
        resume: Continue an interrupted run from what it left in --out.
        save_estimator: Also fit on all rows, to score other data with.
    """

    seed: int = 0
    num_folds: int = 5
    num_seeds: int = 1
    resume: Annotated[bool, Parameter(negative="")] = False
    save_estimator: Annotated[bool, Parameter(negative="")] = False


@Parameter(name="*", group="Other")
@dataclass(frozen=True)
class AppOptions:
    """Options of every command.

    Attributes:
        debug: Show where an error comes from.
    """

    debug: Annotated[bool, Parameter(negative="")] = False


def name_of(redundancy: Redundancy) -> str:
    """Name of an option object, as `RedundancyOptions` takes it."""
    return next((name for name, kind in REDUNDANCIES.items() if type(redundancy) is kind), type(redundancy).__name__)


def plain(**options: Any) -> dict[str, Any]:
    """Options as JSON values, by their Python names."""
    flat: dict[str, Any] = {}
    for name, value in options.items():
        if hasattr(value, "__dataclass_fields__"):
            flat |= plain(**{field: getattr(value, field) for field in value.__dataclass_fields__})
        else:
            flat[name] = str(value) if isinstance(value, Path) else value
    return flat
