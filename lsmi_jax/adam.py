"""Adam, but for a step that turns with the input when the input is rotated."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

__all__ = ["scale_by_rotating_adam"]

FIRST_DECAY, SECOND_DECAY, EPSILON = 0.9, 0.999, 1e-8


class _State(NamedTuple):
    num_steps: jax.Array
    first: Any
    second: Any


def scale_by_rotating_adam() -> optax.GradientTransformation:
    """Adam whose second moment is shared over the first axis of each matrix.

    Plain Adam scales each weight by itself, which singles out the axes of the input. Here all weights of
    an output unit share one scale, so that training on rotated rows gives rotated weights: same outputs.

    Returns:
        An optax transformation.
    """

    def init(params: Any) -> _State:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return _State(jnp.zeros((), jnp.int32), zeros, jax.tree.map(_mean_square, zeros))

    def update(grads: Any, state: _State, params: Any = None) -> tuple[Any, _State]:
        del params
        count = state.num_steps + 1
        first = _decay(FIRST_DECAY, state.first, grads)
        second = _decay(SECOND_DECAY, state.second, jax.tree.map(_mean_square, grads))
        steps = count.astype(jnp.float32)
        first_weight, second_weight = 1 - FIRST_DECAY**steps, 1 - SECOND_DECAY**steps

        def scaled(m: jax.Array, v: jax.Array) -> jax.Array:
            return m / first_weight / (jnp.sqrt(v / second_weight) + EPSILON)

        return jax.tree.map(scaled, first, second), _State(count, first, second)

    return optax.GradientTransformation(init, update)


def _mean_square(leaf: jax.Array) -> jax.Array:
    return (leaf**2).mean(0, keepdims=True) if leaf.ndim > 1 else leaf**2


def _decay(rate: float, average: Any, new: Any) -> Any:
    return jax.tree.map(lambda old, leaf: rate * old + (1 - rate) * leaf, average, new)
