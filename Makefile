# Everything here works on a fresh machine that has Python 3.11 or newer: the environment makes itself.
#
#   make demo     start a cluster, run the main job end to end, tell what happened
#   make test     the whole test suite
#   make lint     style, types, layers
#   make fuzz     random requests for the HTTP API, FUZZ=20000 of them, and properties with new examples
#   make simulate random faults for the controllers, SIMULATE=500 of them for each
#   make bench    figures, beside kubectl's where it is present

PYTHON ?= python3
VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
# One more than there are processors: many tests wait for processes.
JOBS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
PYTEST_ARGS ?=
FUZZ ?= 20000
SIMULATE ?= 500

.DEFAULT_GOAL := help
.PHONY: help install demo test fuzz simulate lint format bench clean

help:
	@sed -n 's/^#   //p' Makefile

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml tools/environment.sh
	@tools/environment.sh '$(PYTHON)' '$(VENV)' .
	@touch $@

$(VENV)/.development: pyproject.toml tools/environment.sh
	@tools/environment.sh '$(PYTHON)' '$(VENV)' '.[dev]'
	@touch $(VENV)/.installed $@

demo: $(VENV)/.installed
	@tools/demo.sh '$(BIN)/minikctl'

test: $(VENV)/.development
	@tools/programs.sh
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(PYTEST_ARGS)

lint: $(VENV)/.development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict --follow-imports=silent -p minikctl.api -p minikctl.store -p minikctl.client -p minikctl.util
	PYTHONPATH=$(CURDIR) $(BIN)/lint-imports

format: $(VENV)/.development
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

fuzz: $(VENV)/.development
	MINIKCTL_FUZZ=$(FUZZ) $(BIN)/python -m pytest tests/fuzz -x --timeout=0 -o faulthandler_timeout=0
	MINIKCTL_FUZZ=$(FUZZ) $(BIN)/python -m pytest -m hypothesis -x --timeout=0 -o faulthandler_timeout=0

simulate: $(VENV)/.development
	MINIKCTL_SIMULATE=$(SIMULATE) $(BIN)/python -m pytest tests/simulation -n $(JOBS) --timeout=0 -o faulthandler_timeout=0

bench: $(VENV)/.installed
	@$(BIN)/python bench/run.py

clean:
	rm -rf '$(VENV)' .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build *.egg-info
