"""Run by `make wheel` beside a README, in an environment of the wheel and the core dependencies alone."""

import re
import subprocess
import sys
from pathlib import Path

EXTRAS = {"matplotlib", "pandas", "sklearn", "scipy.stats", "pyarrow", "xarray", "torch"}
IMPORT = f"""
import sys, time
start = time.process_time()
import lsmi_jax
print(time.process_time() - start, {EXTRAS} & set(sys.modules))
"""

seconds = []
for _ in range(3):  # the first also writes byte code; of the processor, so that others at work do not count
    printed = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True).stdout
    taken, found = printed.split(" ", 1)
    assert found.strip() == "set()", f"imported too: {found}"
    seconds.append(float(taken))
print(f"import lsmi_jax: {min(seconds):.2f} s")
assert min(seconds) < 1.5

blocks = re.findall(r"```python\n(.*?)```", Path("README.md").read_text(), re.DOTALL)
for block in blocks:
    exec(compile(block, "README.md", "exec"), {})
print(f"{len(blocks)} blocks of the README ran")
