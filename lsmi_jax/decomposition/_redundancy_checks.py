"""Checks of a redundancy: that it is an option object, and that its function returns one float for each sample."""

from typing import Any

import jax
import jax.numpy as jnp

from lsmi_jax.decomposition._options import REDUNDANCIES, Redundancy, num_cells_of

__all__ = ["check_no_density", "check_redundancy", "check_returned", "program_of"]


def check_redundancy(redundancy: Any) -> Redundancy:
    """Raises TypeError, and shows an object to pass instead, unless ``redundancy`` is a hashable option object.

    It is called once on abstract values, so that a function that cannot work is rejected before anything is fitted.
    """
    if callable(redundancy) and hasattr(redundancy, "density") and not isinstance(redundancy, type):
        hash(redundancy)
        _try(redundancy)
        return redundancy
    name = redundancy.replace("-", "_") if isinstance(redundancy, str) else getattr(redundancy, "__name__", "")
    if name in REDUNDANCIES:
        hint = f"lsmi_jax.{REDUNDANCIES[name].__name__}()"
    elif redundancy in REDUNDANCIES.values():
        hint = f"lsmi_jax.{name}()"
    elif callable(redundancy):
        hint = "lsmi_jax.CustomRedundancy(your_function)"
    else:
        hint = "lsmi_jax.UnionInformation()"
    raise TypeError(f"redundancy: expected an object such as {hint}, got {redundancy!r}")


def check_no_density(redundancy: Any) -> Redundancy:
    """Raises TypeError as `check_redundancy`, and ValueError if the redundancy needs densities."""
    if check_redundancy(redundancy).density is not None:
        raise ValueError(f"redundancy: expected one without densities, got {redundancy!r}")
    return redundancy


def check_returned(returned: Any, like: Any) -> Any:
    """Checks what a redundancy returned: one float for each sample."""
    dtype, shape = getattr(returned, "dtype", type(returned).__name__), getattr(returned, "shape", ())
    if not hasattr(returned, "dtype") or not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(f"redundancy: expected a function that returns floats, got dtype {dtype}")
    if shape != like.shape:
        raise ValueError(f"redundancy: expected a function that returns shape {like.shape}, got {shape}")
    return returned


def program_of(redundancy: Redundancy) -> str:
    """Text of the program that a redundancy computes.

    It is the same in every process. It differs between functions of the same name, between lambdas, and between partial
    functions or closures over different values.
    """
    return jax.jit(redundancy).lower(*_abstract(redundancy)).as_text()


def _abstract(redundancy: Redundancy) -> tuple:
    """Abstract values that a redundancy can be called on."""
    value = jax.ShapeDtypeStruct((2,), jnp.float32)
    surprisals = (None, None) if redundancy.density is None else (value, value)
    return (value, value, value, *surprisals, *(() if num_cells_of(redundancy) is None else (value,)))


def _try(redundancy: Redundancy) -> None:
    """Calls a redundancy on abstract values."""
    try:
        returned = jax.eval_shape(redundancy, *_abstract(redundancy))
    except Exception as error:
        expected = "a function of i1, i2, i12, h1, h2 that JAX can trace"
        expected += ", with h1 and h2 equal to None because density is None" if redundancy.density is None else ""
        raise TypeError(f"redundancy: expected {expected}, got {redundancy!r}, which fails: {error}") from error
    check_returned(returned, jax.ShapeDtypeStruct((2,), jnp.float32))
