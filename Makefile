# Everything sets itself up: `make demo` and `make test` need Python 3.11 or later, git and nothing else.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
export UV_PYTHON_DOWNLOADS := never
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: setup demo test check bench attack chaos cluster cluster-governed models release docs reference format lint types contracts unit full lock clean

setup: $(VENV)/ready

# Bytecode is made once here: demo and tests start hundreds of processes, and where the environment
# forbids Python to write bytecode each of them would compile everything again.
$(VENV)/ready: requirements/bootstrap.txt requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("goldenpath needs Python 3.11 or later, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes --compile-bytecode -r requirements/dev.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q -x 'project/(starter|frameworks|templates)' src/goldenpath
	touch $@

demo: setup
	$(BIN)/goldenpath demo $(DEMO)

test: check

# What only reads the source goes side by side; then the tests, which take both cores.
check: setup
	$(MAKE) --no-print-directory --jobs 2 --output-sync=target format lint types contracts
	$(MAKE) --no-print-directory unit

format: setup
	$(BIN)/ruff format --check --quiet .

lint: setup
	$(BIN)/ruff check --quiet .

types: setup
	$(BIN)/mypy --no-error-summary

contracts: setup
	$(BIN)/lint-imports --no-cache

# File by file, in forks of the process that collected them: tests/workers.py. Four of them keep two
# cores busy, because tests of processes also wait.
TESTS := $(BIN)/pytest --workers 4

unit: setup
	$(TESTS)

# The tests that have a full size: more examples, more simulated canaries and streams, more whole
# builds. tests/sizes.py says which, and tests/test_sizes.py that none is missed.
full: setup
	GOLDENPATH_TEST_SIZE=full $(TESTS) --timeout 1200 $$(grep -rl '^from tests.sizes import' tests)

# Faults at random moments, at full size: kills, full disks, wrong clocks, torn files. Also in `make full`.
CHAOS := tests/serve/record/test_spool_buffer.py tests/observe/log/test_full_disks.py \
	tests/observe/log/test_torn_files.py tests/deploy/machine/test_full_disk.py \
	tests/promote/workspace/test_clock_check.py tests/deploy/machine/test_wrong_clocks.py

chaos: setup
	GOLDENPATH_TEST_SIZE=full $(TESTS) --timeout 1200 $(CHAOS)

# All suites of attacks as the command line shows them. `make full` runs them as well; this prints
# for each attack what refused it, and for each control what gets through without it.
attack: setup
	$(BIN)/goldenpath attack --suite all

# Eight models as people bring them, each from its file to an answer in dev; about half an hour. The
# table goes to build/models.md.
models: setup
	$(BIN)/python -m models

# A real Kubernetes cluster on this machine. It needs root and, the first time, 30 GiB of disk: docs/cluster.md.
cluster: setup
	@echo "This needs root, 30 GiB of disk for the first build, and about ten minutes when all is built."
	$(BIN)/python -m cluster build
	$(BIN)/python -m cluster walk

# The same cluster with the policy engine Kyverno: known-good and known-bad manifests, judged for real.
cluster-governed: setup
	$(BIN)/python -m cluster build --governed
	$(BIN)/python -m cluster governed

bench: setup
	$(BIN)/python -m bench

# What is published of the commit that is checked out, in dist/: docs/releasing.md. KEY is a file of yours.
release: setup
	$(BIN)/python -m releasing $(if $(KEY),--key $(KEY))

# These pages as a site in build/docs. Sphinx has an environment of its own, so that `make setup` has
# no need of it; once that is there, the site is made without a network. A warning is an error.
DOCS := build/docs-environment

docs: $(DOCS)/ready
	$(DOCS)/bin/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env --doctree-dir build/docs-trees docs build/docs
	cp build/docs/README.html build/docs/index.html
	@echo "the documentation is at build/docs/index.html"

$(DOCS)/ready: requirements/docs.txt | $(VENV)/ready
	$(PYTHON) -m venv --clear $(DOCS)
	VIRTUAL_ENV=$(DOCS) $(BIN)/uv pip install --quiet --require-hashes -r requirements/docs.txt
	touch $@

# The pages of docs/reference, made from the code; a test fails if they differ from it.
reference: setup
	$(BIN)/python -m reference

# Hash-pinned, with no address of an index in it: the machine's own configuration says where packages come from.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" requirements/bootstrap.in -o requirements/bootstrap.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" pyproject.toml --extra dev -o requirements/dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" requirements/docs.in -o requirements/docs.txt
	uv pip compile --quiet --python-version 3.11 --python-platform linux --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -c requirements/dev.txt requirements/server.in -o src/goldenpath/images/server.txt

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache
