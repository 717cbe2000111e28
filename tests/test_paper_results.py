"""The rule that decides the claims of the studies in examples/paper."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

sys.path.append(str(Path(__file__).parents[1] / "examples" / "paper"))
results = pytest.importorskip("results")
Claim = results.Claim


@pytest.mark.parametrize("seed", range(5))
def test_a_claim_is_decided_as_by_the_t_test_of_scipy(seed):
    differences = np.random.default_rng(seed).normal(0.6 * (seed - 2), 1, size=10)
    test = stats.ttest_1samp(differences, 0)
    expected = "undecided" if test.pvalue > 0.05 else "replicated" if test.statistic > 0 else "refuted"
    assert results.decide(Claim("", "", differences)) == expected
    np.testing.assert_allclose(results.interval(differences), test.confidence_interval(0.95), rtol=1e-9)


def test_what_is_not_replicated_has_a_reason():
    wide, high, low = np.array([-1.0, 0.0, 1.0, 2.0]), np.array([1.0, 1.1, 1.2]), np.array([-1.0, -1.1, -1.2])
    assert results.reason_of(Claim("", "", high, reason="a guess")) == ""
    assert results.reason_of(Claim("", "", low, reason="measured")) == "measured"
    assert results.reason_of(Claim("", "", wide, reason="measured")) == "measured"
    half = stats.t.ppf(0.975, 3) * stats.sem(wide)
    assert results.reason_of(Claim("", "", wide)) == f"4 seeds cannot tell a difference below {half:.3f} from zero"


def test_one_seed_decides_nothing():
    assert results.decide(Claim("", "", np.array([5.0]))) == "undecided"


def test_the_row_of_a_claim_has_its_mean_interval_and_decision():
    (row,) = results.rows_of([Claim("more", "digits", np.array([1.0, 1.2, 1.1]), "nats", of_paper=False)])
    assert (row["claim"], row["data"], row["seeds"], row["decision"]) == ("more", "digits", 3, "replicated")
    assert row["difference"].startswith("+1.100 nats (")
    assert not row["of_paper"]
    assert row["mean"] == pytest.approx(1.1)
    assert row["low"] < row["mean"] < row["high"]
