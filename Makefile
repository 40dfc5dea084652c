# `make verify` and `make test` set everything up by themselves, in .venv.
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
TESTED := $(VENV)/.test-installed
STUDY  ?= thermal-stress
ARGS   ?=
# An interpreter of your own: make PYTHON=/path/to/python3.13 setup
PYTHON ?= $(shell for p in python3.12 python3.13 python3.14 python3; do \
	  "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)

# Tests run side by side, one a core: threads of the linear algebra would only fight for the same cores.
test test-ci test-all: export OMP_NUM_THREADS := 1

.PHONY: setup verify test test-ci test-all lint docs tables benchmark clean
.DEFAULT_GOAL := setup

setup: $(STAMP)

# A DOLFINx that the interpreter already has (conda-forge, Debian, the official image) is used as it is, with its own
# MPI and PETSc: the environment then sees the interpreter's packages, and the lock's DOLFINx is left out.
$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "cmgai-fem needs Python >= 3.12 and found none on the PATH: install it, or say make PYTHON=/path/to/python3.12" >&2; exit 2; }
	@command -v cc >/dev/null || command -v gcc >/dev/null || { echo "cmgai-fem needs a C compiler (DOLFINx compiles weak forms): install gcc" >&2; exit 2; }
	@$(PYTHON) -c 'import pathlib, sys, sysconfig; sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())' || { echo "cmgai-fem needs the headers of $(PYTHON) (Python.h): install python3-dev" >&2; exit 2; }
	@if $(PYTHON) -c 'import importlib.util as u, sys; sys.exit(u.find_spec("dolfinx.io.gmsh") is None)' >/dev/null 2>&1; then \
	  echo "using the DOLFINx of $(PYTHON)"; \
	  $(PYTHON) -m venv --system-site-packages $(VENV); \
	  grep -v -i -E '^(dolfinx-solver-real|fenics-|mpi4py|mpich|h5py)' requirements.lock >$(VENV)/requirements.lock; \
	else \
	  ! $(PYTHON) -c 'import dolfinx' >/dev/null 2>&1 || echo "the DOLFINx of $(PYTHON) is too old (no dolfinx.io.gmsh): the lock's is installed"; \
	  $(PYTHON) -m venv $(VENV); cp requirements.lock $(VENV)/requirements.lock; \
	fi
	@echo "installing the locked dependencies into $(VENV): about 3 GiB to download, 6.9 GiB on disk (torch brings its CUDA libraries); some minutes, once"
	$(BIN)/python -m pip install --progress-bar on --disable-pip-version-check --requirement $(VENV)/requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

# Only those who test or lint wait for the tools of it.
$(TESTED): $(STAMP) requirements-test.lock
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements-test.lock
	@touch $(TESTED)

verify: $(STAMP)
	$(BIN)/cmgai-fem verify $(STUDY) $(ARGS)

test: $(TESTED)
	$(BIN)/python -m pytest -n logical --dist loadfile $(ARGS)

test-ci: $(TESTED)
	$(BIN)/python -m pytest -n logical --dist loadfile -m "not slow" $(ARGS)

test-all: $(TESTED)
	$(BIN)/python -m pytest -n logical --dist loadfile -m "slow or not slow" $(ARGS)

lint: $(TESTED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Pages into site/; asks the network for mkdocs-material once, and for nothing when it is there.
docs: $(STAMP)
	@$(BIN)/python -c 'import material' >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet 'mkdocs-material>=9.5,<10'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# README's table from verification/figures.csv; `make tables ARGS=results/thermal-stress` renews the figures first.
tables: $(STAMP)
	$(BIN)/python verification/tables.py $(ARGS)

benchmark: $(STAMP)
	$(BIN)/python verification/benchmarks/run.py $(ARGS)

clean:
	rm -rf $(VENV) build dist site results .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
