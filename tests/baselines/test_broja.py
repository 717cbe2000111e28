import cvxpy
import dit
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dit.pid import PID_BROJA
from dit.shannon import mutual_information

from lsmi_jax.baselines import broja, broja_from_features
from lsmi_jax.datasets import XOR, circuit_logic

GATES = {
    "XOR": (lambda a, b: a ^ b, (0, 0, 0, np.log(2))),
    "AND": (lambda a, b: a & b, (0.215762, 0, 0, 0.346574)),
    "COPY1": (lambda a, b: a, (0, np.log(2), 0, 0)),
    "PAIR": (lambda a, b: 2 * a + b, (0, np.log(2), np.log(2), 0)),
    "RDN": (lambda a, b: 0, (0, 0, 0, 0)),
}


def joint_of_gate(gate) -> np.ndarray:
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
        """Matrix that sums the cells of equal coordinates in the given columns, and these coordinates."""
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
    result = broja(joint_of_gate(gate))
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


def test_broja_of_probabilities_of_very_different_size(rng):
    """Some of these joints make a Newton system singular in float64."""
    joints = np.exp(rng.uniform(-35, 0, (200, 2, 2, 2)))
    joints[::2] *= rng.random((100, 2, 2, 2)) < 0.7
    joints = joints[joints.sum((1, 2, 3)) > 0]
    gaps = jax.vmap(broja)(jnp.asarray(joints / joints.sum((1, 2, 3), keepdims=True))).gap
    assert float(jnp.abs(gaps).max()) < 1e-5  # false for NaN


def test_broja_agrees_with_dit(rng):
    """On a gate; elsewhere dit's random optimizer stops early, always with too much information."""
    joints = (joint_of_gate(GATES["AND"][0]), random_joint(rng, (2, 2, 2), False), random_joint(rng, (2, 3, 2), True))
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


def test_broja_compiled_and_mapped_is_unchanged_and_its_gradient_is_correct(rng, x64):
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
def test_invalid_joints_are_rejected(p):
    with pytest.raises(ValueError, match="p: expected"):
        broja(p)


@pytest.mark.slow
def test_broja_from_features_finds_the_synergy_of_xor():
    task = circuit_logic(jax.random.key(0), 4000, gate=XOR)
    result = broja_from_features(jax.random.key(1), task.features, task.labels, num_clusters=2)
    np.testing.assert_allclose(result[:4], (0, 0, 0, np.log(2)), atol=4 / np.sqrt(4000))
