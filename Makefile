# Every path here is relative and quoted where it can hold a space: the project works wherever it is cloned.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/python -m uv
LOCKS := deploy/locks
COMPILE := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --upgrade \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet

# Dozens of processes import the same modules: their bytecode is kept, also where the machine's
# environment says otherwise.
export PYTHONDONTWRITEBYTECODE :=

# A third of the tests' time is waiting for processes to come up: half as many tests again as cores.
PYTEST := PYTEST_XDIST_AUTO_NUM_WORKERS=$${PYTEST_XDIST_AUTO_NUM_WORKERS:-$$(( ($$(getconf _NPROCESSORS_ONLN) * 3 + 1) / 2 ))} \
	$(BIN)/python -m pytest -n auto --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long bench bench-full manual policy lint lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: .venv/ready ## make .venv from the hashed lock; demo and test rest on it

.venv/ready: $(LOCKS)/dev.txt $(LOCKS)/installer.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("TaperGuard needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Set PYTHON=python3.11.") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/uv || { \
		echo "Making .venv ..."; \
		$(PYTHON) -m venv --clear .venv || { echo "Python's venv module is missing (on Debian: the package python3-venv)." >&2; exit 1; }; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCKS)/installer.txt; }
	@echo "Installing the locked packages ..."
	@$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes $(LOCKS)/dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch .venv/ready

demo: setup ## the service, worker, Valkey and a sandbox EHR on this machine; Ctrl-C ends all
	@exec $(BIN)/python -m taperguard demo

lint: setup ## format, lint, types and import contracts
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m bandit --quiet --recursive --severity-level medium clinical ehr store cds_hooks smart_app workers taperguard

test: lint ## lint and every test, with seeded samples of the long ones
	@$(PYTEST) -m "not long"

test-long: setup ## every number that the documents name, at full count
	@$(PYTEST) -m long

bench: setup ## ratios side by side in one run
	@$(BIN)/python -m bench

bench-full: setup ## the same with larger loads
	@$(BIN)/python -m bench --full

policy: setup ## write taperguard/policy.toml anew from the reviewed data
	@env -u TAPERGUARD_POLICY_FILE $(BIN)/taperguard policy > taperguard/policy.toml

manual: setup ## make the clinical manual in docs/manual from the spec tests
	@$(BIN)/python tests/support/manual.py

lock: .venv/ready ## resolve the packages anew and write the hashed locks
	@$(COMPILE) $(LOCKS)/installer.in -o $(LOCKS)/installer.txt
	@$(COMPILE) pyproject.toml --extra demo --extra dev -o $(LOCKS)/dev.txt
	@$(COMPILE) pyproject.toml -o $(LOCKS)/image.txt

clean: ## remove .venv and the demo's data
	@rm -rf .venv .data
