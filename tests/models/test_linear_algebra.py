import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsmi_jax.models import inverse_cholesky, log_determinant, solve


def plain_inverse_cholesky(matrix):
    identity = jnp.eye(matrix.shape[0], dtype=matrix.dtype)
    return jax.scipy.linalg.solve_triangular(jnp.linalg.cholesky(matrix), identity, lower=True)


def plain_log_determinant(matrix):
    return jnp.linalg.slogdet(matrix)[1]


@pytest.fixture(params=[pytest.param("float32", marks=pytest.mark.slow), "float64"])
def dtype(request, enable_x64):
    with enable_x64(request.param == "float64"):
        yield jnp.dtype(request.param)


def positive_definite(rng, dtype, *batch, dim=5):
    factors = rng.normal(size=(*batch, dim, dim)) / np.sqrt(dim)
    return jnp.asarray(np.eye(dim) + factors @ factors.swapaxes(-1, -2), dtype)


def close(ours, theirs, dtype):
    assert ours.dtype == dtype
    tolerance = 1e-10 if dtype == jnp.float64 else 1e-3
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


PAIRS = [(inverse_cholesky, plain_inverse_cholesky), (log_determinant, plain_log_determinant)]


@pytest.mark.slow
@pytest.mark.parametrize(("ours", "plain"), PAIRS)
def test_values_and_derivatives_are_those_of_the_plain_calls(rng, dtype, ours, plain):
    matrices = positive_definite(rng, dtype, 3)

    def scalar(function):
        # Built from a factor, so that the matrix stays symmetric under differentiation.
        return lambda factor: jnp.sin(function(jnp.eye(5, dtype=dtype) + factor @ factor.T)).sum()

    close(jax.vmap(ours)(matrices), jax.vmap(plain)(matrices), dtype)
    close(jax.vmap(jax.grad(scalar(ours)))(matrices), jax.vmap(jax.grad(scalar(plain)))(matrices), dtype)
    close(jax.vmap(jax.jacfwd(scalar(ours)))(matrices), jax.vmap(jax.grad(scalar(plain)))(matrices), dtype)
    close(jax.jit(jax.hessian(scalar(ours)))(matrices[0]), jax.hessian(scalar(plain))(matrices[0]), dtype)


@pytest.mark.parametrize("shape", [(5,), (5, 2)])
def test_solve_is_numpy_solve(rng, dtype, shape):
    matrices = jnp.asarray(rng.normal(size=(3, 5, 5)) + 4 * np.eye(5), dtype)
    rights = jnp.asarray(rng.normal(size=(3, *shape)), dtype)

    def gradients(function):
        return jax.vmap(jax.grad(lambda *args: (function(*args) ** 2).sum(), argnums=(0, 1)))(matrices, rights)

    close(jax.vmap(solve)(matrices, rights), jax.vmap(jnp.linalg.solve)(matrices, rights), dtype)
    for ours, theirs in zip(gradients(solve), gradients(jnp.linalg.solve), strict=True):
        close(ours, theirs, dtype)


def makes_batched_lapack_calls(function, matrices):
    def value_and_gradient(matrix):
        return jax.value_and_grad(lambda m: function(m).sum())(matrix)

    program = jax.jit(jax.vmap(jax.vmap(value_and_gradient))).lower(matrices).as_text()
    calls = [line for line in program.splitlines() if "@lapack_" in line]
    return any(f"tensor<{size}x" in line for line in calls for size in ("2x3", "3x5", "6x5"))


@pytest.mark.parametrize("function", [inverse_cholesky, log_determinant, lambda matrix: solve(matrix, matrix[0])])
def test_a_batch_makes_no_batched_lapack_call(rng, function):
    matrices = positive_definite(rng, jnp.dtype("float32"), 2, 3)
    assert makes_batched_lapack_calls(plain_inverse_cholesky, matrices)
    assert not makes_batched_lapack_calls(function, matrices)
