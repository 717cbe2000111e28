"""Mean parts below zero are errors of an estimate by union information, and it says so."""

import jax
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax.estimation import Cell, negative_parts

ZERO = Cell(0.0, 0.01)


@pytest.mark.parametrize(
    ("position", "start"),
    [(0, "R is -0.100 nats"), (1, "U1 is -0.100 nats"), (2, "U2 is -0.100 nats"), (3, "S is -0.100 nats")],
)
def test_a_part_below_zero_is_named(position, start):
    cells = [ZERO] * 4
    cells[position] = Cell(-0.1, 0.01)
    (found,) = negative_parts(cells)
    assert found.startswith(f"{start}, below zero by more than the error: ")


def test_what_an_error_explains_is_not():
    assert negative_parts([ZERO, Cell(-0.1, 0.06), Cell(-0.005, 0.001), Cell(0.2, 0.01)]) == []


def test_two_parts_with_one_reason_are_one_sentence():
    (found,) = negative_parts([ZERO, Cell(-0.1, 0.01), Cell(-0.2, 0.01), ZERO])
    assert found.startswith("U1 is -0.100 nats and U2 is -0.200 nats, below zero")


def test_an_estimate_says_it_under_union_information_alone():
    """A joint that says nothing beside modalities that know the label: synergy below zero."""
    labels = np.arange(120) % 2
    knows = np.float32(np.log([0.1, 0.9]))[np.stack([1 - labels, labels], 1)]
    logits = (knows, knows, np.zeros((120, 2), np.float32))
    options = {"logits": logits, "num_folds": 2}
    union = lsmi_jax.UnionInformation(num_cells=16)
    result = lsmi_jax.estimate(jax.random.key(0), None, labels, redundancy=union, **options)
    assert any(finding.startswith("S is -") for finding in result.findings())
    assert "Note: S is -" in repr(result)
    other = lsmi_jax.estimate(jax.random.key(0), None, labels, redundancy=lsmi_jax.MinimumInformation(), **options)
    assert float(other.interactions.synergy.mean()) < -0.1
    assert not any(finding.startswith("S is -") for finding in other.findings())
