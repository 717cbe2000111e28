import re
import subprocess
import sys

import jax
import numpy as np
import pytest

import lsmi_jax
from lsmi_jax.estimation import stages_of


@pytest.mark.parametrize(
    "redundancy",
    [pytest.param(lsmi_jax.UnionInformation(), marks=pytest.mark.slow), lsmi_jax.SpecificityAmbiguity()],
)
@pytest.mark.parametrize("given", [pytest.param(False, marks=pytest.mark.slow), True])
def test_stages_are_those_of_an_estimate(given, redundancy, arrays):
    labels, _ = lsmi_jax.encode_labels(arrays["y"])
    logits = [np.log(np.full((len(labels), 3), 1 / 3, np.float32))] * 3 if given else None
    seen: list[str] = []
    lsmi_jax.estimate(
        jax.random.key(0),
        (arrays["audio"], arrays["video"]),
        labels,
        num_folds=2,
        logits=logits,
        redundancy=redundancy,
        progress=seen.append,
    )
    expected = stages_of(("x1", "x2"), redundancy, fits_discriminators=not given, together=False)
    assert seen == [*expected, "scores"]


@pytest.mark.slow
def test_a_terminal_shows_a_bar_and_a_pipe_does_not(on_a_terminal, capfd):
    program = """if True:
        import time
        from lsmi_jax.cli._progress import stage_bar
        with stage_bar(["reading", "first density", "writing"]) as begin:
            begin("reading")
            time.sleep(0.4)
            begin("writing")  # the stage between was skipped
            time.sleep(0.4)
    """
    seen = on_a_terminal(program)
    assert re.search(rb"1 of 3: reading.*0:00:00", seen)
    assert re.search(rb"3 of 3: writing", seen)
    subprocess.run([sys.executable, "-c", program], check=True)
    assert capfd.readouterr() == ("", "")
