"""Optional dependencies, imported when they are needed."""

from importlib import import_module
from typing import Any

__all__ = ["import_extra"]


def import_extra(module: str, *, purpose: str, extra: str) -> Any:
    """Imports a module of an optional dependency.

    Args:
        module: Name of the module, such as ``"matplotlib.pyplot"``.
        purpose: What needs it, for the message.
        extra: The extra of this package that installs it.

    Returns:
        The module.

    Raises:
        ImportError: If it is not installed; the message has the command that installs it from a checkout.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f"{purpose} needs {package}: pip install '.[{extra}]' in a checkout") from error
