"""Parses the command line and runs one command, with errors as single lines."""

import difflib
import sys
import tomllib
from pathlib import Path
from typing import Any, get_args

import cyclopts
from cyclopts import App, Argument, ArgumentCollection, CycloptsError

import lsmi_jax
from lsmi_jax.cli import _commands
from lsmi_jax.cli._options import option
from lsmi_jax.cli._process import Interrupt, alone_in

__all__ = ["run"]

KINDS = {int: "a whole number", str: "a string"}


def run(words: list[str], interrupt: Interrupt) -> int:
    """Runs the command line.

    Args:
        words: Words after the program's name.
        interrupt: What Ctrl-C prints and cleans up; this function sets it for the command.

    Returns:
        The exit status: 0 on success, 1 for bad data or a failed write.

    Raises:
        SystemExit: With status 2 for a usage error.
    """
    try:
        command, bound, _ = _make_app().parse_args(words)
    except CycloptsError as error:
        print(f"lsmi-jax: {_usage(error)}", file=sys.stderr)
        raise SystemExit(2) from None
    options = bound.arguments
    interrupt.folder = options["results"].out if "results" in options else options.get("out")
    if command is _commands.estimate:
        interrupt.message += "; --resume continues from the last finished stage"
    try:
        with alone_in(interrupt.folder):
            command(*bound.args, **bound.kwargs)
    except Exception as error:
        if "app" in options and options["app"].debug:
            raise
        print(f"lsmi-jax: {_message(error)}", file=sys.stderr)
        return 1
    return 0


def _make_app() -> App:
    """The commands."""
    app = App(
        name="lsmi-jax",
        help="Redundancy, uniqueness and synergy of two modalities, for every single sample.",
        version=f"lsmi-jax {lsmi_jax.__version__}",
        config=_complete,
        exit_on_error=False,
        print_error=False,
    )
    for command in (_commands.estimate, _commands.score, _commands.compare, _commands.demo, _commands.info):
        app.command(command, help_epilogue=_commands.EXAMPLES.get(command.__name__))
    return app


def _complete(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Fills in options from the file of --config, and checks that no required option is missing."""
    config = arguments.get("--config", None)
    if config is not None and config.tokens:
        path = Path(config.tokens[0].value)
        content = _read(path)
        for name, value in content.items():
            _check(name, value, arguments, path)
        cyclopts.config.Dict(content, source=str(path), use_commands_as_keys=False)(app, commands, arguments)
    leaves = [argument for argument in arguments if argument.name != "*"]  # "*" stands for a group of options
    missing = [argument.name for argument in leaves if argument.required and not argument.has_tokens]
    if missing:
        advice = "" if config is None else ": give it here or in the file of --config"
        raise CycloptsError(msg=f"missing {', '.join(missing)}{advice}")


def _read(path: Path) -> dict[str, Any]:
    """Options of a TOML file; names may have underscores or dashes."""
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CycloptsError(msg=f"--config: expected a TOML file, got {path}: {error}") from error
    return {name.replace("_", "-"): value for name, value in content.items()}


def _check(name: str, value: Any, arguments: ArgumentCollection, path: Path) -> None:
    """Checks that an option of a TOML file is known, and that its value has the right type."""
    known = {argument.name.removeprefix("--"): argument for argument in arguments if argument.name.startswith("--")}
    del known["config"]
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        meant = f" (did you mean {close[0]}?)" if close else ""
        raise CycloptsError(msg=f"--config: expected options of this command, got {name!r} in {path}{meant}")
    expected = _mismatch(known[name], value)
    if expected:
        raise CycloptsError(msg=f"--config: expected {name} to be {expected}, got {value!r} in {path}")


def _mismatch(argument: Argument, value: Any) -> str | None:
    """Name of an option's type for a message; None if a value of a TOML file has that type."""
    count, repeatable = argument.token_count()
    are_names = isinstance(value, list) and all(isinstance(name, str) for name in value)
    if count == 0:
        return None if isinstance(value, bool) else "true or false"
    if repeatable:
        return None if are_names else "names in brackets"
    if count > 1:
        return None if are_names and len(value) == count else f"{count} names in brackets"
    kinds = {kind: words for kind, words in KINDS.items() if kind in (argument.hint, *get_args(argument.hint))}
    kinds = kinds or {str: KINDS[str]}
    return None if type(value) in kinds else " or ".join(kinds.values())


def _usage(error: CycloptsError) -> str:
    """A usage error in one line."""
    if isinstance(error, cyclopts.ValidationError):
        return _with_option(error.exception_message)
    return " ".join(str(error).split())


def _message(error: Exception) -> str:
    """An error of the library in one line, with options in place of arguments."""
    message = " ".join(str(error).split())
    if not isinstance(error, (ImportError, OSError, TypeError, ValueError)):  # the library raises only these
        return f"{type(error).__name__}: {message} (--debug shows where it comes from)"
    return _with_option(message)


def _with_option(message: str) -> str:
    """Replaces the argument that a message begins with by its option."""
    argument, colon, rest = message.partition(": ")
    return f"{option(argument)}{colon}{rest}".replace("num_folds=", "--num-folds ")
