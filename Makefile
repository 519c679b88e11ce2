# `make demo` and `make test` set up everything they need in .venv; see `make help`.
SHELL := /bin/sh
.DEFAULT_GOAL := help
BIN := .venv/bin
PYTHON ?= python3
# uv is used where it is installed; plain pip does the same elsewhere.
UV := $(shell command -v uv 2>/dev/null || { test -x $(BIN)/uv && echo $(BIN)/uv; })
RUN_STAMP := .venv/.requirements
TEST_STAMP := .venv/.requirements-dev
COMPILE = $(UV) pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--prerelease disallow --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --group build

.PHONY: demo test kernels bench faults soak fuzz lint format check boards asyncapi lock clean help

demo: $(RUN_STAMP) ## the live demo: Kafka, market, worker, page (ARGS="--accounts 5000" are passed on)
	@$(BIN)/marginmon demo $(ARGS)

# Kernels first: two processes would compile them twice.
test: kernels ## all tests that this machine can run (ARGS="-k broker" are passed on)
	@$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

kernels: $(TEST_STAMP) ## compile the kernels with no more than the run lock holds, as where the product runs
	@$(BIN)/python -m tests.run_lock warmup

bench: $(TEST_STAMP) ## the benchmarks, one table
	@$(BIN)/python tests/bench/run.py $(ARGS)

faults: $(TEST_STAMP) ## kills, zombies, broker and network faults, then the verifier (ARGS="--only storm" are passed on)
	@$(BIN)/python -m tests.faults.run $(ARGS)

soak: $(TEST_STAMP) ## an hour of load, what grows, then the verifier (ARGS="--minutes 10" are passed on)
	@$(BIN)/python -m tests.soak.run $(ARGS)

fuzz: $(TEST_STAMP) ## changed inputs for every decoder, what is found (ARGS="--executions 10000000" are passed on)
	@$(BIN)/python -m tests.fuzz.campaign $(ARGS)

lint: $(TEST_STAMP) ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(TEST_STAMP) ## mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: lint ## lint, and generated files are current
	$(BIN)/python -m grafana.build --check
	$(BIN)/python -c 'import pathlib, streams.contracts.asyncapi as a; a.write(pathlib.Path(".venv/asyncapi.json"))'
	cmp .venv/asyncapi.json docs/asyncapi.json || { echo "docs/asyncapi.json is stale: make asyncapi" >&2; exit 1; }

boards: $(TEST_STAMP) ## write the Grafana boards from their Python source
	$(BIN)/python -m grafana.build

asyncapi: $(TEST_STAMP) ## write the AsyncAPI file from the contracts
	$(BIN)/python -m streams.contracts.asyncapi

lock: $(TEST_STAMP) ## renew requirements*.lock and the broker's jars.lock (needs uv)
	@test -n "$(UV)" || { echo "make lock needs uv: install it with pip install uv" >&2; exit 1; }
	$(COMPILE) --extra embedded --extra web --extra parquet -o requirements.lock
	$(COMPILE) --all-extras --constraint requirements.lock -o requirements-dev.lock
	$(BIN)/python -m streams.broker.renew_jar_lock

clean: ## remove .venv and what tools left in the tree (the cache folder of the user stays)
	rm -rf .venv build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

# A stamp is younger than its lock when .venv holds exactly what the lock names. The project itself is installed without
# dependencies and without build isolation: its build tool is in the lock like all else.
$(RUN_STAMP): requirements.lock pyproject.toml | .venv/bin/python
	$(call install,requirements.lock)
	@touch $@

$(TEST_STAMP): requirements-dev.lock pyproject.toml | .venv/bin/python
	$(call install,requirements-dev.lock)
	@touch $@ $(RUN_STAMP)

ifneq ($(UV),)
install = $(UV) pip install --quiet --python $(BIN)/python --require-hashes -r $(1) && \
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .

.venv/bin/python:
	$(UV) venv --quiet --python '>=3.11' .venv
else
install = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1) && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.12 ..., or install uv" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || \
		{ echo "cannot create .venv: on Debian and Ubuntu install python3-venv, or install uv" >&2; exit 1; }
endif
