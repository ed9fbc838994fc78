# `make demo` runs the main job, `make test` the tests, `make check` the static checks.
# Each installs first, from the lock files into .venv; nothing is done twice.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install check test test-slow demo lock clean

help: ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## install the locked dependencies into .venv

$(STAMP): requirements.lock requirements-torch.lock scripts/install.sh
	@PYTHON=$(PYTHON) VENV=$(VENV) sh scripts/install.sh

check: $(STAMP) ## layout contracts, strict types, lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

test: $(STAMP) ## all tests (a real Prefect server, real files, no network)
	$(BIN)/python -m pytest

test-slow: $(STAMP) ## the kill, leak and tampering tests, a hundred times and more
	$(BIN)/python -m pytest -m slow

demo: $(STAMP) ## train and forecast the sample series
	@$(BIN)/tickerflow demo

lock: $(STAMP) ## resolve pyproject.toml again into requirements.lock (needs uv)
	sh scripts/lock.sh

clean: ## remove what was generated, not your data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
