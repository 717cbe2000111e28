"""Units of columns: centers and scales that keep extreme ones, such as time stamps, within float32."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["Units", "in_units", "outlier_ratio", "units_of"]

FAR = 1e3  # times the largest deviation: a mean farther than this from zero is subtracted
WIDE = 1e9  # deviations above this, or below its inverse, are scaled: sums of their squares would leave float32
CONSTANT = 1e3  # times the round-off of a column's magnitude: deviations below this may be round-off themselves


class Units(NamedTuple):
    """What is subtracted from columns, and what they are then divided by; 0 and 1 for all but extreme columns.

    Attributes:
        center: Centers ``[2, d]`` as the sum of two float32 numbers, which have twice the digits of one.
        scale: Powers of two ``[d]``, float32.
    """

    center: jax.Array
    scale: jax.Array

    @property
    def log_volume(self) -> jax.Array:
        """Log of the product of the scales, by which a log-density in these units is larger."""
        return jnp.log(self.scale).sum(-1)


def units_of(block: Any) -> Units:
    """Measures the units of a block, in float64 if it is on the host.

    Args:
        block: Finite rows ``[n, d]``, of numpy in any real type, or of JAX.

    Returns:
        `Units`.
    """
    if isinstance(block, jax.Array):
        return _units_on_device(block)
    low, high = (np.asarray(extreme, np.float64) for extreme in (block.min(0), block.max(0)))
    with np.errstate(over="ignore"):
        units = _units(np, low, high, block.mean(0, dtype=np.float64), _round_off(block.dtype))
    return jax.tree.map(jnp.asarray, units)


def in_units(block: Any, units: Units) -> jax.Array:
    """Rows in given units.

    Args:
        block: Rows ``[n, d]``.
        units: From `units_of`.

    Returns:
        Rows ``[n, d]``, float32; unchanged where the center is 0 and the scale 1.
    """
    if isinstance(block, jax.Array):
        return _on_device(block, units)
    (high, low), scale = np.asarray(units.center, np.float64), np.asarray(units.scale, np.float64)
    with np.errstate(over="ignore"):
        if not high.any() and (scale == 1).all():
            return jnp.asarray(block.astype(np.float32))
        return jnp.asarray(((block.astype(np.float64) - high - low) / scale).astype(np.float32))


def _units(numpy: Any, low: Any, high: Any, mean: Any, round_off: float) -> Units:
    """Units from the extremes and means of columns, by the functions of numpy or JAX."""
    magnitude = numpy.maximum(abs(low), abs(high))
    # Halves, since the difference of two large numbers can overflow.
    half = numpy.maximum(high / 2 - mean / 2, mean / 2 - low / 2)
    varies = half > CONSTANT * round_off * magnitude
    center = numpy.where(varies & (abs(mean) / FAR > 2 * half), mean, 0)
    is_extreme = varies & ((half > WIDE) | (half < 1 / WIDE))
    # A power of two changes no digit.
    exponent = numpy.clip(numpy.round(numpy.log2(numpy.where(is_extreme, half, 1))), -126, 126).astype(np.int32)
    first = center.astype(np.float32)
    second = (center - first.astype(center.dtype)).astype(np.float32)
    return Units(numpy.stack([first, second]), numpy.ldexp(numpy.ones_like(first), exponent))


def _round_off(dtype: Any) -> float:
    """Relative round-off of a type; integers have none."""
    return float(jnp.finfo(dtype).eps) if jnp.issubdtype(dtype, jnp.floating) else 0.0


def _wide(block: jax.Array) -> jax.Array:
    """Rows in float32, or float64 if they are."""
    return block if block.dtype == jnp.float64 else block.astype(jnp.float32)


@jax.jit
def _units_on_device(block: jax.Array) -> Units:
    """Units of rows that are on a device, maybe spread over a mesh."""
    rows = _wide(block)
    low, high = rows.min(0), rows.max(0)
    magnitude = jnp.maximum(abs(low), abs(high))
    safe = jnp.where(magnitude > 0, magnitude, 1)
    return _units(jnp, low, high, (rows / safe[None]).mean(0) * magnitude, _round_off(block.dtype))


@jax.jit
def _on_device(block: jax.Array, units: Units) -> jax.Array:
    """Rows in given units, on their device."""
    rows = _wide(block)
    high, low = units.center.astype(rows.dtype)
    return ((rows - high[None] - low[None]) / units.scale.astype(rows.dtype)[None]).astype(jnp.float32)


@jax.jit
def outlier_ratio(block: jax.Array, present: jax.Array | None = None) -> jax.Array:
    """How far one value of any column ``[n, d]`` is from the mean of the others, over their mean absolute deviation.

    Only rows that are present ``[n]`` count.
    """
    if not block.shape[1]:
        return jnp.zeros(())
    counted = jnp.ones((len(block), 1), bool) if present is None else present[:, None]
    deviations = jnp.where(counted, abs(block - block.mean(0, keepdims=True, where=counted)), -1)
    others = (jnp.arange(len(block))[:, None] != deviations.argmax(0)[None]) & counted
    # Without the farthest row of each column, whose value would cost a sum its digits.
    center = block.mean(0, keepdims=True, where=others)
    distances = jnp.where(counted, abs(block - center), 0)
    spread = distances.mean(0, where=others)
    return jnp.where(spread > 0, distances.max(0) / jnp.where(spread > 0, spread, 1), 0).max()
