"""VectorAdam: Adam with one step size per vector, so that training does not depend on the axes of the input."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

__all__ = ["scale_by_vector_adam"]

FIRST_DECAY, SECOND_DECAY, EPSILON = 0.9, 0.999, 1e-8


class _State(NamedTuple):
    """Number of steps, and moving averages of gradients and of their mean squares."""

    num_steps: jax.Array
    first: Any
    second: Any


def scale_by_vector_adam() -> optax.GradientTransformation:
    """Adam whose second moment is shared over the first axis of each matrix.

    The optimizer of Ling, Sharp & Jacobson, "VectorAdam for rotation equivariant geometry optimization"
    (NeurIPS 2022), with the root mean square of a vector in place of its norm. All weights of an output unit share
    one step size, so that training on rotated rows gives rotated weights and the same outputs.

    Returns:
        An optax transformation.
    """

    def init(params: Any) -> _State:
        zeros = optax.tree.zeros_like(params)
        return _State(jnp.zeros((), jnp.int32), zeros, jax.tree.map(_mean_square, zeros))

    def update(grads: Any, state: _State, params: Any = None) -> tuple[Any, _State]:
        del params
        count = state.num_steps + 1
        first = optax.tree.update_moment(grads, state.first, FIRST_DECAY, 1)
        second = optax.tree.update_moment(jax.tree.map(_mean_square, grads), state.second, SECOND_DECAY, 1)
        # Moving averages start at zero; dividing by the sum of their weights removes that bias.
        steps = count.astype(jnp.float32)
        first_weight, second_weight = 1 - FIRST_DECAY**steps, 1 - SECOND_DECAY**steps

        def scaled(m: jax.Array, v: jax.Array) -> jax.Array:
            return m / first_weight / (jnp.sqrt(v / second_weight) + EPSILON)

        return jax.tree.map(scaled, first, second), _State(count, first, second)

    return optax.GradientTransformation(init, update)


def _mean_square(leaf: jax.Array) -> jax.Array:
    """Mean square over the first axis of a matrix; elementwise for vectors."""
    return (leaf**2).mean(0, keepdims=True) if leaf.ndim > 1 else leaf**2
