# Everything runs in .venv, made from nothing but Python >= 3.11; PYTHON=... picks another interpreter.
PYTHON ?= python3
BIN := .venv/bin

STUDIES := datasets people categories paradigms cost partition distillation ensemble modalities noise shift fusion_stage cases

.PHONY: demo test unit test-all lint format bench paper docs notebooks wheel clean

demo: .venv/.installed-demo
	$(BIN)/python -m lsmi_jax demo --out demo-output

# Compiling takes most of the time of the tests. Leaving out XLA's expensive passes halves it; its older kernels and a
# single thread of code generation, where the installed JAX knows these flags, save more. test-all compiles as users do.
# The tests of a file stay in one process, which compiles what they share once.
QUICK := --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1
quick = $(shell XLA_FLAGS="$(QUICK)" $(BIN)/python -c "import jax; jax.devices()" 2>/dev/null && echo $(QUICK))

test: lint docs unit

unit: .venv/.installed-dev
	JAX_DISABLE_MOST_OPTIMIZATIONS=1 XLA_FLAGS="$(quick)" \
	  $(BIN)/python -m pytest -n auto --dist loadfile -m "not slow and not browser"

test-all: lint docs
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.installed-dev
	$(BIN)/python benchmarks/accuracy.py

# Needs the folder of data sets: make paper LSMI_DATA=/path/to/folder. One study: make paper-noise.
# Two at a time, but that of cost, which takes times, alone.
paper: .venv/.installed-dev
	$(MAKE) -j2 $(addprefix paper-,$(filter-out cost,$(STUDIES)))
	$(MAKE) paper-cost
	$(BIN)/python examples/paper/page.py

# Most of the time is compiling; times are taken as users compile.
paper-cost: quick =
paper-%: .venv/.installed-dev
	XLA_FLAGS="$(quick)" $(BIN)/python examples/paper/$*.py

# Pages link to one another, formulas and the reference are checked: warnings are errors.
docs: .venv/.installed-dev
	$(BIN)/mkdocs build --strict

# Runs the notebooks anew and keeps what they print and draw.
notebooks: .venv/.installed-dev
	$(BIN)/jupyter nbconvert --execute --inplace --ExecutePreprocessor.record_timing=False docs/notebooks/*.ipynb

# Builds the wheel, installs it with the core dependencies alone, and does there what the README says.
wheel: .venv/bin/python
	rm -rf dist .venv-wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check build
	$(BIN)/python -m build --outdir dist .
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/python -m pip install --quiet --disable-pip-version-check dist/*.whl
	cp README.md tests/wheel_check.py .venv-wheel/ && cd .venv-wheel && bin/python wheel_check.py

clean:
	rm -rf .venv .venv-wheel .cache dist site demo-output .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "lsmi_jax needs Python >= 3.11; set PYTHON=/path/to/one" >&2; exit 1; }
	@if command -v uv >/dev/null; then uv venv --python "$(PYTHON)" .venv; else $(PYTHON) -m venv .venv; fi

# The dev extra holds the demo extra, so a demo after it installs nothing.
.venv/.installed-dev: pyproject.toml | .venv/bin/python
	@echo "Installing lsmi_jax[dev] into .venv ..."
	@$(call install,dev)
	@touch $@ .venv/.installed-demo

.venv/.installed-demo: pyproject.toml | .venv/bin/python
	@echo "Installing lsmi_jax[demo] into .venv ..."
	@$(call install,demo)
	@touch $@

install = if command -v uv >/dev/null; \
	then uv pip install --quiet --python .venv/bin/python -e ".[$(1)]"; \
	else .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile -e ".[$(1)]"; fi
