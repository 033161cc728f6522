# Two commands matter: `make demo` and `make test`. Both set everything up on a machine with nothing but Python 3.11+.
# uv is used where it is found or can be fetched with pip; otherwise pip does the same work, only slower.

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
# Tests run in several processes, each with a PostgreSQL of its own; more than four gain nothing.
WORKERS ?= -n auto --maxprocesses 4 --dist worksteal
STAMP := $(VENV)/.ready
export UV_PYTHON_DOWNLOADS := never
# Certificates of the machine, as pip uses them: some organisations read their own traffic.
export UV_SYSTEM_CERTS := 1
export PYTHONUTF8 := 1

.DEFAULT_GOAL := help
.PHONY: help demo fresh test rooms slow privacy lint format lock clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else 1)' || \
	  { echo "Viceversa needs Python 3.11 or newer; found: $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@uv=$$(command -v uv || true); \
	if [ -z "$$uv" ] && [ ! -x .tools/bin/uv ]; then \
	  echo "Fetching uv (once) ..."; \
	  { $(PYTHON) -m venv .tools && .tools/bin/python -m pip install --quiet --disable-pip-version-check uv; } || \
	    { echo "uv could not be fetched; going on with pip, which takes some minutes."; rm -rf .tools; }; \
	fi; \
	[ -n "$$uv" ] || { [ ! -x .tools/bin/uv ] || uv=.tools/bin/uv; }; \
	done=""; \
	if [ -n "$$uv" ]; then \
	  echo "Setting up $(VENV) with uv ..."; \
	  "$$uv" venv --quiet --clear --python "$$(command -v $(PYTHON))" $(VENV) && \
	  "$$uv" pip sync --quiet --require-hashes --python $(BIN)/python requirements.lock && \
	  "$$uv" pip install --quiet --no-deps --python $(BIN)/python --editable . && done=yes || \
	    echo "uv could not do it; going on with pip, which takes some minutes."; \
	fi; \
	if [ -z "$$done" ]; then \
	  echo "Setting up $(VENV) with pip ..."; \
	  { $(PYTHON) -m venv --clear $(VENV) || \
	    { echo "Python's venv module is missing. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }; } && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable . || exit 1; \
	fi
	@touch $@

demo: $(STAMP) ## seed a demo organisation, print ready links and serve it (PORT=8000)
	@$(BIN)/viceversa demo --port $(PORT)

fresh: $(STAMP) ## as demo, after throwing the demo's data away
	@$(BIN)/viceversa demo --port $(PORT) --fresh

test: $(STAMP) ## run every test, on SQLite and on PostgreSQL (browser tests where there is a Chromium)
	@$(BIN)/python -m pytest $(WORKERS)

rooms: $(STAMP) ## run the tests of all pages on PostgreSQL, each under the database role of its room
	@VICEVERSA_TEST_WEBAPP_DATABASE=postgresql $(BIN)/python -m pytest $(WORKERS) tests/webapp

slow: $(STAMP) ## run the long simulations
	@$(BIN)/python -m pytest -m slow

privacy: $(STAMP) ## attack ten thousand random programmes
	@$(BIN)/python -m pytest -m privacy -s

lint: $(STAMP) ## ruff, mypy --strict, import contracts, instrument and catalogue checks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m instruments check
	@$(BIN)/python -m webapp.catalogues check

format: $(STAMP) ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: ## resolve the dependencies anew into requirements.lock (needs uv)
	@uv=$$(command -v uv || echo .tools/bin/uv); \
	"$$uv" pip compile --quiet --upgrade --universal --python-version 3.11 --extra test --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header --output-file requirements.lock pyproject.toml

clean: ## remove the environment, the caches and the demo's data
	@rm -rf $(VENV) .tools .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist var
