import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
def test_a_model_of_pytorch(capsys):
    """With the model's own logits as with fitted ones, most is shared, and 6s and 9s need the second modality."""
    pytest.importorskip("torch", reason="PyTorch (extra [torch]) is not installed")
    runpy.run_path(str(EXAMPLES / "from_pytorch.py"), run_name="__main__")
    printed = capsys.readouterr().out
    parts = {name: float(value) for name, value in re.findall(r"^(R|U1|U2|S) .*?([+-]\d\.\d+) \(", printed, re.M)}
    assert 1.5 < parts["R"] < 2.4
    assert parts["U2"] > parts["U1"]
    assert "1000 samples" in printed
