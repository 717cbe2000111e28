"""Linear algebra that cannot deadlock: no batched LAPACK call is ever made.

On CPUs, XLA splits a batched Cholesky factorization or triangular solve into tasks for the thread pool that it runs
on, and waits for them. When as many such calls run at once as there are threads, none of them ever ends. Under
`jax.vmap`, these functions therefore treat one matrix after another.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

__all__ = [
    "eigenvectors",
    "expectations",
    "inverse_cholesky",
    "log_determinant",
    "one_by_one",
    "product",
    "second_moment",
    "solve",
]


def one_by_one(function: Callable) -> Callable[..., Any]:
    """Lets a function of arrays treat one element of a batch after another under `jax.vmap`."""
    # Compiled, so that it is traced only once, and not again for the loop.
    return jax.custom_batching.sequential_vmap(jax.jit(function))


@jax.custom_jvp
def inverse_cholesky(matrix: jax.Array) -> jax.Array:
    """Inverse ``W`` of the Cholesky factor of a matrix, so that ``W A W^T = I``.

    Args:
        matrix: Symmetric positive definite matrix A ``[d, d]``.

    Returns:
        Lower triangular matrix ``[d, d]``.

    Examples:
        >>> print(inverse_cholesky(jnp.diag(jnp.array([4.0, 16.0]))))
        [[0.5  0.  ]
         [0.   0.25]]
    """
    return _inverse_cholesky(matrix)


@inverse_cholesky.defjvp
def _inverse_cholesky_jvp(primals: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
    """Forward derivative by matrix products only, which can be transposed and mapped."""
    (matrix,), (change,) = primals, tangents
    inverse = inverse_cholesky(matrix)
    # With A = L L^T and W = L^-1: dW = -Phi(W dA W^T) W, where Phi keeps the lower triangle and half the diagonal.
    inner = product(product(inverse, (change + change.T) / 2), inverse.T)
    halved = jnp.tril(inner) - 0.5 * jnp.diag(jnp.diagonal(inner))
    return inverse, -product(halved, inverse)


@one_by_one
def eigenvectors(matrix: jax.Array) -> jax.Array:
    """Eigenvectors ``[d, d]`` of a symmetric matrix, in columns by ascending eigenvalue."""
    return jnp.linalg.eigh(matrix)[1]


def expectations(probs: jax.Array, values: jax.Array) -> jax.Array:
    """Means of values under the probabilities of each row, as a matrix product.

    Written as a sum of products, XLA's CPU compiler (jaxlib 0.10.2) fuses it with what it is subtracted from, and rows
    after the first 32768 entries get wrong values.

    Args:
        probs: Probabilities ``[n, K]``.
        values: Values ``[m, n, K]``.

    Returns:
        Means ``[m, n]``.
    """
    return jnp.einsum("nk,mnk->mn", probs, values, precision="highest")


def log_determinant(matrix: jax.Array) -> jax.Array:
    """Log-determinant of a symmetric positive definite matrix.

    Args:
        matrix: ``[d, d]``.

    Returns:
        A scalar.
    """
    # det A = det(L)^2, and the diagonal of L^-1 has the reciprocals of that of L.
    return -2 * jnp.log(jnp.diagonal(inverse_cholesky(matrix))).sum()


def solve(matrix: jax.Array, right: jax.Array) -> jax.Array:
    """Solves ``matrix @ x = right``, as `jnp.linalg.solve` does.

    Args:
        matrix: Square matrix ``[d, d]``.
        right: ``[d]`` or ``[d, m]``.

    Returns:
        Solution of the shape of ``right``.
    """
    return jax.lax.custom_linear_solve(
        lambda x: product(matrix, x),
        right,
        solve=lambda _, b: _solve(matrix, b),
        transpose_solve=lambda _, b: _solve(matrix.T, b),
    )


def product(left: jax.Array, right: jax.Array) -> jax.Array:
    """Matrix product in full precision on every platform."""
    return jnp.matmul(left, right, precision="highest")


def second_moment(rows: jax.Array, weights: jax.Array | None = None) -> jax.Array:
    """Mean outer product ``[d, d]`` of rows ``[n, d]``, with a weight ``[n]`` of each; None for equal weights."""
    if weights is None:
        return product(rows.T, rows) / len(rows)
    return product(rows.T, (weights / weights.sum())[:, None] * rows)


@one_by_one
def _inverse_cholesky(matrix: jax.Array) -> jax.Array:
    """Factorization and inversion of one matrix."""
    identity = jnp.eye(matrix.shape[-1], dtype=matrix.dtype)
    return jax.scipy.linalg.solve_triangular(jnp.linalg.cholesky(matrix), identity, lower=True)


@one_by_one
def _solve(matrix: jax.Array, right: jax.Array) -> jax.Array:
    """Solution of one system."""
    return jnp.linalg.solve(matrix, right)
