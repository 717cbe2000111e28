"""Run by `make wheel` in a folder with the README, in an environment with the wheel and its core dependencies only."""

import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

EXTRAS = {
    "PIL",
    "cyclopts",
    "jinja2",
    "matplotlib",
    "pandas",
    "pyarrow",
    "scipy.stats",
    "sklearn",
    "torch",
    "xarray",
}
IMPORT = f"""
import sys, time
start, processor = time.perf_counter(), time.process_time()
import lsmi_jax
print(time.perf_counter() - start, time.process_time() - processor, {EXTRAS} & set(sys.modules))
"""


def main() -> None:
    seconds = []
    for _ in range(3):  # the first also writes byte code
        printed = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True).stdout
        taken, processor, found = printed.split(" ", 2)
        assert found.strip() == "set()", f"imported too: {found}"
        seconds.append((float(processor), float(taken)))
    processor, taken = min(seconds)
    print(f"import lsmi_jax: {taken:.2f} s, {processor:.2f} s of processor time")
    assert processor < 1.5  # processor time does not depend on other programs

    refused = subprocess.run([sys.executable, "-m", "lsmi_jax", "info"], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    needed = "lsmi-jax: the command line needs cyclopts: pip install '.[cli]' in a checkout\n"
    assert refused.stderr == needed, refused.stderr
    print("lsmi-jax names the extra that it needs")

    assert files("lsmi_jax.reporting").joinpath("report.html.j2").is_file()
    print("the template of the report is in the wheel")

    blocks = re.findall(r"```python\n(.*?)```", Path("README.md").read_text(), re.DOTALL)
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    print(f"{len(blocks)} blocks of the README ran")


if __name__ == "__main__":
    main()
