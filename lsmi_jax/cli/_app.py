"""Parses the command line and runs one command, with errors as single lines."""

import sys
import tomllib
from pathlib import Path
from typing import Any

import cyclopts
from cyclopts import App

import lsmi_jax
from lsmi_jax.cli import _commands
from lsmi_jax.cli._process import exit_on_interrupt

__all__ = ["run"]

RENAMED = {
    "features": "--x1, --x2",
    "features[0]": "--x1",
    "features[1]": "--x2",
    "logits[0]": "--logits (first)",
    "logits[1]": "--logits (second)",
    "logits[2]": "--logits (third)",
    "checkpoint": "--resume",
    "path": "--estimator",
}
"""Arguments of the library whose options have other names."""

SAME = ("labels", "logits", "num_folds", "num_seeds", "num_components", "covariance", "space", "redundancy")


def make_app(config: Path | None = None) -> App:
    """The commands, with defaults from a TOML file."""
    defaults = ()
    if config is not None:
        defaults = cyclopts.config.Dict(_read(config), source=str(config), use_commands_as_keys=False)
    app = App(
        name="lsmi-jax",
        help="Redundancy, uniqueness and synergy of two modalities, for every single sample.",
        version=f"lsmi-jax {lsmi_jax.__version__}",
        config=defaults,
        exit_on_error=False,
        print_error=False,
        result_action="return_value",
    )
    for command in (_commands.estimate, _commands.score, _commands.compare, _commands.demo, _commands.info):
        app.command(command)
    return app


def run(words: list[str] | None) -> int:
    """Runs the command line.

    Args:
        words: Words after the program's name; None for those of the process.

    Returns:
        The exit status: 0 on success, 1 for bad data or a failed write.

    Raises:
        SystemExit: With status 2 for a usage error.
    """
    words = list(sys.argv[1:] if words is None else words)
    try:
        config = _value_of("--config", words)
        command, bound, _ = make_app(None if config is None else Path(config)).parse_args(words)
    except cyclopts.CycloptsError as error:
        print(f"lsmi-jax: {_usage(error)}", file=sys.stderr)
        raise SystemExit(2) from None
    resume = "; --resume continues from the last finished stage" if command is _commands.estimate else ""
    try:
        with exit_on_interrupt(f"lsmi-jax: interrupted{resume}", _out(bound.arguments)):
            command(*bound.args, **bound.kwargs)
    except Exception as error:
        if "--debug" in words:
            raise
        print(f"lsmi-jax: {_message(error)}", file=sys.stderr)
        return 1
    return 0


def _value_of(option: str, words: list[str]) -> str | None:
    """Value of an option that must be known before all others are parsed."""
    for position, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == option:
            return value if equals else next(iter(words[position + 1 :]), None)
    return None


def _read(path: Path) -> dict[str, Any]:
    """Options of a TOML file; names may have underscores or dashes."""
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise cyclopts.CycloptsError(msg=f"--config: expected a TOML file, got {path}: {error}") from error
    return {name.replace("_", "-"): value for name, value in content.items()}


def _out(arguments: dict[str, Any]) -> Path | None:
    """Folder of results of a command, if it has one."""
    return arguments["results"].out if "results" in arguments else arguments.get("out")


def _usage(error: cyclopts.CycloptsError) -> str:
    """A usage error in one line."""
    if isinstance(error, cyclopts.MissingArgumentError) and error.argument is not None:
        return f"missing {error.argument.name}: give it here or in the file of --config"
    return " ".join(str(error).split())


def _message(error: Exception) -> str:
    """An error of the library in one line, with the names of options for those of arguments."""
    message = " ".join(str(error).split())
    if not isinstance(error, (ImportError, OSError, TypeError, ValueError)):  # the library does not raise these
        return f"{type(error).__name__}: {message} (--debug shows where it comes from)"
    argument, colon, rest = message.partition(": ")
    option = f"--{argument.replace('_', '-')}" if argument in SAME else RENAMED.get(argument, argument)
    return f"{option}{colon}{rest}".replace("num_folds=", "--num-folds ")
