"""Run by `make wheel` beside a README, in an environment of the wheel and the core dependencies alone."""

import re
import subprocess
import sys
from pathlib import Path

EXTRAS = {"matplotlib", "pandas", "sklearn", "scipy.stats", "pyarrow", "xarray", "torch"}
IMPORT = f"""
import sys, time
start, at_work = time.perf_counter(), time.process_time()
import lsmi_jax
print(time.perf_counter() - start, time.process_time() - at_work, {EXTRAS} & set(sys.modules))
"""


def main() -> None:
    seconds = []
    for _ in range(3):  # the first also writes byte code
        printed = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True).stdout
        taken, at_work, found = printed.split(" ", 2)
        assert found.strip() == "set()", f"imported too: {found}"
        seconds.append((float(at_work), float(taken)))
    at_work, taken = min(seconds)
    print(f"import lsmi_jax: {taken:.2f} s, {at_work:.2f} s of the processor")
    assert at_work < 1.5  # of the processor, so that others at work do not count

    command = [sys.executable, "-m", "lsmi_jax"]
    printed = subprocess.run([*command, "info"], capture_output=True, text=True, check=True).stdout
    assert "jaxlib" in printed
    words = [*command, "estimate", "x.npz", "--x1", "a", "--x2", "b", "--labels", "y", "--out", "results"]
    refused = subprocess.run(words, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    needed = "lsmi-jax: --format parquet needs pyarrow: pip install 'lsmi-jax[cli]', or csv\n"
    assert refused.stderr == needed, refused.stderr
    print("lsmi-jax info ran, and lsmi-jax estimate says which extra it needs")

    blocks = re.findall(r"```python\n(.*?)```", Path("README.md").read_text(), re.DOTALL)
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    print(f"{len(blocks)} blocks of the README ran")


if __name__ == "__main__":
    main()
