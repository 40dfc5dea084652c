# `make verify` and `make test` set everything up by themselves, in .venv.
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
STUDY  ?= thermal-stress
ARGS   ?=
# An interpreter of your own: make PYTHON=/path/to/python3.13 setup
PYTHON ?= $(shell for p in python3.12 python3.13 python3.14 python3; do \
	  "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)

.PHONY: setup verify test test-all lint benchmark clean
.DEFAULT_GOAL := setup

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "cmgai-fem needs Python >= 3.12 and found none on the PATH: install it, or say make PYTHON=/path/to/python3.12" >&2; exit 2; }
	@command -v cc >/dev/null || command -v gcc >/dev/null || { echo "cmgai-fem needs a C compiler (DOLFINx compiles weak forms): install gcc" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $(STAMP)

verify: $(STAMP)
	$(BIN)/cmgai-fem verify $(STUDY) $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest $(ARGS)

test-all: $(STAMP)
	$(BIN)/python -m pytest -m "slow or not slow" $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmark: $(STAMP)
	$(BIN)/python verification/benchmarks/run.py $(ARGS)

clean:
	rm -rf $(VENV) build dist results .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
