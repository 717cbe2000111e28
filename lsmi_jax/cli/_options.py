"""The words of the command line, from the shell or from a TOML file."""

import argparse
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import lsmi_jax

__all__ = ["REDUNDANCIES", "parse"]

REDUNDANCIES = {
    "specificity-ambiguity": lsmi_jax.specificity_ambiguity,
    "minimum-information": lsmi_jax.minimum_information,
    "common-change": lsmi_jax.common_change,
    "shared-exclusions": lsmi_jax.shared_exclusions,
}

ESTIMATE = """examples:
  lsmi-jax estimate data.npz --x1 audio --x2 video --labels y --out results/
  lsmi-jax estimate table.csv --x1 audio_ --x2 video_ --labels emotion --ids clip --group speaker --out results/
  lsmi-jax estimate features/ --x1 image --x2 text --labels topic --config options.toml --out results/

Data are arrays by name: a .npz or .safetensors file, a folder of .npy files, or the columns of a .parquet or .csv file;
of those, --x1 takes all columns whose names begin with what it is given. In a TOML file, options are written as here,
without the dashes: folds = 10, entropy-space = "features", group = ["speaker"]."""
SCORE = """example:
  lsmi-jax estimate train.npz --x1 audio --x2 video --labels y --out train/ --save-estimator
  lsmi-jax score test.npz --estimator train/estimator --x1 audio --x2 video --labels y --out test/"""
COMPARE = """example:
  lsmi-jax compare results-a/ results-b/"""


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Options of one command; those of ``--config`` where the shell says nothing else.

    Args:
        arguments: Words after the program's name; None for those of the process.

    Returns:
        The options.

    Raises:
        SystemExit: With status 2, if they make no sense.
    """
    parser = argparse.ArgumentParser(prog="lsmi-jax", description=lsmi_jax.__doc__)
    parser.add_argument("--version", action="version", version=f"lsmi-jax {lsmi_jax.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    made = {name: add(commands) for name, add in _COMMANDS.items()}
    for one in made.values():
        one.add_argument("--debug", action="store_true", help="show where an error comes from")
    options = parser.parse_args(arguments)
    command = made[options.command]
    if getattr(options, "config", None):
        command.set_defaults(**_from_file(command, options.config))
        options = parser.parse_args(arguments)
    missing = [f"--{name}" for name in ("x1", "x2", "labels", "out", "estimator") if getattr(options, name, "") is None]
    if missing:
        command.error(f"missing {', '.join(missing)}: give it here or in the file of --config")
    return options


def _command(commands: Any, name: str, words: str, examples: str | None = None) -> argparse.ArgumentParser:
    kind = argparse.RawDescriptionHelpFormatter
    return commands.add_parser(name, help=words, description=words, epilog=examples, formatter_class=kind)


def _add_estimate(commands: Any) -> argparse.ArgumentParser:
    command = _command(commands, "estimate", "out-of-fold interactions of every sample of a data set", ESTIMATE)
    _add_data(command)
    command.add_argument("--seed", type=int, default=0, help="of the random key (%(default)s)")
    command.add_argument("--folds", type=int, default=5, help="number of folds (%(default)s)")
    command.add_argument("--repeats", type=int, default=1, help="fits under new folds, for a spread (%(default)s)")
    command.add_argument("--entropy-space", choices=("posterior", "features"), default="posterior", help="%(default)s")
    command.add_argument("--resume", action="store_true", help="go on with what an interrupted run left in --out")
    command.add_argument("--save-estimator", action="store_true", help="also fit on all rows, to score others with")
    return command


def _add_score(commands: Any) -> argparse.ArgumentParser:
    command = _command(commands, "score", "interactions of other samples under a fitted estimator", SCORE)
    _add_data(command)
    command.add_argument(
        "--estimator", type=Path, metavar="FOLDER", help="what estimate --save-estimator left, results/estimator"
    )
    return command


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument("data", type=Path, help=".npz, .safetensors, .parquet, .csv, or a folder of .npy")
    command.add_argument("--x1", metavar="NAME", help="the first modality")
    command.add_argument("--x2", metavar="NAME", help="the second modality")
    command.add_argument("--labels", metavar="NAME", help="class labels: integers, strings, anything that sorts")
    command.add_argument("--out", type=Path, metavar="FOLDER", help="where results go")
    command.add_argument(
        "--logits", nargs=3, metavar="NAME", help="of your own models of the first modality, the second, and both"
    )
    command.add_argument("--ids", metavar="NAME", help="names of the samples (otherwise their row numbers)")
    command.add_argument("--group", action="append", metavar="NAME", default=None, help="means by this too; repeatable")
    command.add_argument("--image", metavar="NAME", help="pixels or names of image files, shown in the report")
    command.add_argument(
        "--redundancy", choices=tuple(REDUNDANCIES), default="specificity-ambiguity", help="%(default)s is the paper's"
    )
    command.add_argument("--format", choices=("parquet", "csv"), default="parquet", help="of samples (%(default)s)")
    command.add_argument("--config", type=Path, metavar="FILE", help="TOML file of these options")


def _add_compare(commands: Any) -> argparse.ArgumentParser:
    command = _command(commands, "compare", "two results side by side, paired where the samples are the same", COMPARE)
    command.add_argument("first", type=Path, help="folder of results")
    command.add_argument("second", type=Path, help="folder of results")
    return command


def _add_demo(commands: Any) -> argparse.ArgumentParser:
    command = _command(commands, "demo", "decompose 2000 handwritten digits that come with the package")
    command.add_argument("--out", type=Path, default=Path("demo-output"), help="folder for the files (%(default)s)")
    command.add_argument("--seed", type=int, default=0, help="of the random key (%(default)s)")
    return command


def _add_info(commands: Any) -> argparse.ArgumentParser:
    return _command(commands, "info", "versions and devices, for a report of a problem")


_COMMANDS = {
    "estimate": _add_estimate,
    "score": _add_score,
    "compare": _add_compare,
    "demo": _add_demo,
    "info": _add_info,
}


def _from_file(command: argparse.ArgumentParser, path: Path) -> dict[str, Any]:
    """Options of a TOML file, checked as those of the shell are."""
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        command.error(f"--config: expected a TOML file, got {path}: {error}")
    known = {action.dest: action for action in command._actions if action.option_strings and action.dest != "config"}
    values = {}
    for name, value in content.items():
        action = known.get(name.replace("-", "_"))
        if action is None or action.dest in ("help", "debug"):
            command.error(f"--config: expected options of {command.prog}, got {name!r} in {path}")
        wanted = _wanted(action)
        if not wanted.holds(value):
            command.error(f"--config: expected {name} to be {wanted.words}, got {value!r}")
        values[action.dest] = action.type(value) if callable(action.type) else value
    return values


class _Wanted(NamedTuple):
    """What an option takes, in words, and whether a value of a TOML file is that."""

    words: str
    holds: Callable[[Any], bool]


def _wanted(action: argparse.Action) -> _Wanted:
    if action.choices is not None:
        return _Wanted(f"one of {', '.join(action.choices)}", lambda value: value in (action.choices or ()))
    if action.nargs == 0:
        return _Wanted("true or false", lambda value: isinstance(value, bool))
    if action.type is int:
        return _Wanted("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool))
    if action.nargs == 3:
        return _Wanted("three names in brackets", lambda value: _are_names(value) and len(value) == 3)
    if isinstance(action, argparse._AppendAction):
        return _Wanted("names in brackets", _are_names)
    return _Wanted("a string", lambda value: isinstance(value, str))


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)
