import cvxpy
import dit
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dit.pid import PID_BROJA
from dit.shannon import mutual_information
from scipy import stats

from lsmi_jax import synthetic
from lsmi_jax.baselines import broja, broja_from_features, gaussian_mmi, pid_batch

GATES = {
    "XOR": (lambda a, b: a ^ b, (0, 0, 0, np.log(2))),
    "AND": (lambda a, b: a & b, (0.215762, 0, 0, 0.346574)),
    "COPY1": (lambda a, b: a, (0, np.log(2), 0, 0)),
    "PAIR": (lambda a, b: 2 * a + b, (0, np.log(2), np.log(2), 0)),
    "RDN": (lambda a, b: 0, (0, 0, 0, 0)),
}


def of_gate(gate) -> np.ndarray:
    p = np.zeros((2, 2, 4))
    for a in (0, 1):
        for b in (0, 1):
            p[a, b, gate(a, b)] += 0.25
    return p


def random_joint(rng, shape, zeros: bool) -> np.ndarray:
    p = rng.dirichlet(np.full(np.prod(shape), 0.5)).reshape(shape)
    if zeros:
        p *= rng.random(shape) < 0.6
    return p / p.sum()


def by_cvxpy(p: np.ndarray) -> float:
    """Least information I(X1, X2; Y) under the margins of p, as a cone program of relative entropies."""
    support = (p.sum(1)[:, None] > 0) & (p.sum(0)[None] > 0)
    cells = np.argwhere(support)
    q = cvxpy.Variable(len(cells), nonneg=True)

    def sums(columns: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Which cells share the given coordinates, as a matrix of sums, and those coordinates."""
        shared, group = np.unique(cells[:, columns], axis=0, return_inverse=True)
        return np.eye(len(shared))[:, group.reshape(-1)], shared

    constraints = []
    for columns, margin in (([0, 2], p.sum(1)), ([1, 2], p.sum(0))):
        matrix, shared = sums(columns)
        constraints.append(matrix @ q == margin[tuple(shared.T)])
    matrix, _ = sums([0, 1])
    objective = cvxpy.Minimize(cvxpy.sum(cvxpy.rel_entr(q, matrix.T @ matrix @ q)))
    cvxpy.Problem(objective, constraints).solve(solver=cvxpy.CLARABEL)
    classes = p.sum((0, 1))
    return objective.value - (classes * np.log(np.where(classes > 0, classes, 1))).sum()


@pytest.mark.parametrize("name", GATES)
def test_broja_of_gates(name):
    gate, expected = GATES[name]
    result = broja(of_gate(gate))
    np.testing.assert_allclose(result[:4], expected, atol=1e-5)
    assert abs(float(result.gap)) < 1e-6


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("shape", [(2, 2, 2), (3, 2, 3)])
def test_broja_agrees_with_a_cone_program_on_random_joints(shape, zeros, rng):
    joints = np.stack([random_joint(rng, shape, zeros) for _ in range(25)])
    results = jax.vmap(broja)(jnp.asarray(joints))
    assert float(jnp.abs(results.gap).max()) < 1e-6
    for i, p in enumerate(joints):
        least = float(results.redundancy[i] + results.unique1[i] + results.unique2[i])
        np.testing.assert_allclose(least, by_cvxpy(p), atol=1e-5)
        np.testing.assert_allclose(results.joint[i].sum(0), p.sum(0), atol=1e-6)
        np.testing.assert_allclose(results.joint[i].sum(1), p.sum(1), atol=1e-6)


def test_broja_bears_probabilities_that_are_very_unlike(rng):
    """Some of these joints make a Newton system singular in float64."""
    joints = np.exp(rng.uniform(-35, 0, (200, 2, 2, 2)))
    joints[::2] *= rng.random((100, 2, 2, 2)) < 0.7
    joints = joints[joints.sum((1, 2, 3)) > 0]
    gaps = jax.vmap(broja)(jnp.asarray(joints / joints.sum((1, 2, 3), keepdims=True))).gap
    assert float(jnp.abs(gaps).max()) < 1e-5  # false for NaN


def test_broja_agrees_with_dit(rng):
    """On a gate; elsewhere dit's random optimiser stops short, to one side: its least is never less."""
    joints = (of_gate(GATES["AND"][0]), random_joint(rng, (2, 2, 2), False), random_joint(rng, (2, 3, 2), True))
    for number, p in enumerate(joints):
        cells = [cell for cell in np.ndindex(*p.shape) if p[cell] > 0]
        distribution = dit.Distribution(["".join(map(str, cell)) for cell in cells], [p[cell] for cell in cells])
        theirs = PID_BROJA(distribution, [[0], [1]], [2])
        r, *others = (theirs[atom] * np.log(2) for atom in (((0,), (1,)), ((0,),), ((1,),), ((0, 1),)))
        ours = broja(p)
        assert r - 1e-5 < float(ours.redundancy) < r + 0.02
        known = [mutual_information(distribution, view, [2]) * np.log(2) for view in ([0], [1], [0, 1])]
        sums = ours.redundancy + ours.unique1, ours.redundancy + ours.unique2, sum(ours[:4])
        np.testing.assert_allclose(sums, known, atol=1e-5)
        if number == 0:
            np.testing.assert_allclose(ours[:4], (r, *others), atol=1e-4)


def test_broja_is_the_same_compiled_and_mapped_and_its_derivative_is_right(rng, x64):
    joints = jnp.asarray(np.stack([random_joint(rng, (2, 3, 2), False) for _ in range(3)]))
    direction = jnp.asarray(np.stack([random_joint(rng, (2, 3, 2), False) for _ in range(3)])) - joints
    plain = jnp.stack([broja(p).redundancy for p in joints])
    np.testing.assert_allclose(jax.vmap(jax.jit(lambda p: broja(p).redundancy))(joints), plain, atol=1e-9)
    for part in ("redundancy", "unique1", "unique2", "synergy"):

        def along(t, p, d, part=part):
            return getattr(broja(p + t * d, tolerance=1e-12), part)

        for p, d in zip(joints, direction, strict=True):
            slope = jax.grad(along)(0.0, p, d)
            np.testing.assert_allclose(slope, (along(1e-4, p, d) - along(-1e-4, p, d)) / 2e-4, atol=1e-4)


@pytest.mark.parametrize(
    "p", [np.zeros((2, 2)), np.zeros((2, 2, 2)), np.full((1, 1, 2), [1.5, -0.5]), np.full((1, 1, 1), np.nan)]
)
def test_broja_refuses_what_is_no_joint(p):
    with pytest.raises(ValueError, match="p: expected"):
        broja(p)


def test_broja_from_features_finds_the_synergy_of_xor():
    task = synthetic.circuit_logic(jax.random.key(0), 4000, gate=synthetic.XOR)
    result = broja_from_features(jax.random.key(1), task.features, task.labels, num_clusters=2)
    np.testing.assert_allclose(result[:4], (0, 0, 0, np.log(2)), atol=4 / np.sqrt(4000))


@pytest.mark.slow
def test_pid_batch_finds_what_gates_hold(key):
    task = synthetic.circuit_logic(jax.random.key(0), 2000, gate=synthetic.AND)
    result = pid_batch(key, task.features, task.labels, num_folds=2, num_steps=20, batch_size=128)
    np.testing.assert_allclose(result[:4], (0.2158, 0, 0, 0.3466), atol=0.04)  # two errors of 0.5 / sqrt(2000), folds
    assert float(result.violation) < 1e-3


def test_gaussian_closed_form_agrees_with_its_densities(rng):
    factor = rng.normal(size=(5, 5))
    covariance = factor @ factor.T + np.eye(5)
    samples = rng.multivariate_normal(np.zeros(5), covariance, 200_000)

    def log_density(columns):
        return stats.multivariate_normal(cov=covariance[np.ix_(columns, columns)]).logpdf(samples[:, columns])

    target = [4]
    expected = []
    for columns in ([0, 1], [2, 3], [0, 1, 2, 3]):
        pointwise = log_density([*columns, 4]) - log_density(columns) - log_density(target)
        expected.append((pointwise.mean(), 5 * pointwise.std() / np.sqrt(len(samples))))
    r, u1, u2, s = gaussian_mmi(covariance, (2, 2, 1))
    for ours, (mean, tolerance) in zip((r + u1, r + u2, r + u1 + u2 + s), expected, strict=True):
        np.testing.assert_allclose(ours, mean, atol=tolerance)
    assert float(jnp.minimum(u1, u2)) == 0
    with pytest.raises(ValueError, match="covariance: expected"):
        gaussian_mmi(covariance, (2, 2, 2))


def test_gaussian_closed_form_is_the_discrete_one_in_the_limit():
    """BROJA of finely binned Gaussians: the redundancy is the smaller information, up to what bins lose."""
    covariance = np.array([[1, 0.1, 0.6], [0.1, 1, 0.4], [0.6, 0.4, 1]])
    samples = np.random.default_rng(0).multivariate_normal(np.zeros(3), covariance, 2_000_000)
    edges = stats.norm.ppf(np.linspace(0, 1, 13)[1:-1])
    counts = np.zeros((12, 12, 12))
    np.add.at(counts, tuple(np.digitize(samples, edges).T), 1)
    binned, exact = broja(counts / counts.sum()), gaussian_mmi(covariance, (1, 1, 1))
    np.testing.assert_allclose(binned[:4], exact, atol=0.03)
