import re
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_a_terminal_shows_a_bar_and_a_pipe_does_not(on_a_terminal, capfd):
    program = """if True:
        import time
        from lsmi_jax.reporting import row_bar
        with row_bar() as progress:
            for done in (1000, 1200, 1400, 1600):
                progress(done, 2000)
                time.sleep(0.2)
    """
    seen = on_a_terminal(program)
    assert re.search(rb"1600/2000", seen)
    speeds = [int(speed.replace(b",", b"")) for speed in re.findall(rb"([\d,]+) rows/s", seen)]
    assert speeds
    assert max(speeds) < 1100  # 200 rows in .2 s; the first 1000 were done before
    subprocess.run([sys.executable, "-c", program], check=True)
    assert capfd.readouterr() == ("", "")
