# `make demo` shows the product, `make test` tests it; both set up the checkout first. Commands of the tools stand here
# and nowhere else; tests/tools/suite.py says in which order they run.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

# PYTHON makes the environments, VENV is the one that a target runs in. Found before the PATH changes below: a Python
# of an environment cannot make that environment.
ifndef PYTHON
PYTHON := $(shell command -v python3)
endif
VENV ?= .venv
# Only tests whose name matches: make test ONLY=cloudflare_dns_record
ONLY ?=
# Where pytest writes its junit file; the suite asks for one.
REPORT ?=
# How many processes run the tests: one for each core.
WORKERS ?= auto

# Nothing of the caller's own may reach a test: no cluster, no account, no settings of Ansible.
unexport $(filter ANSIBLE_% K8S_AUTH_% CLOUDFLARE_% GITHUB_% KUBECONFIG MOLECULE_% PYTEST_% VIRTUAL_ENV,$(.VARIABLES))

# ansible-playbook, molecule and ansible-test start each other by name.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PYTHONPATH := $(CURDIR)/.cache/collections
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.cache/collections
export ANSIBLE_HOME := $(CURDIR)/.cache/ansible/$(VENV)
export HYPOTHESIS_STORAGE_DIRECTORY := $(CURDIR)/.cache/hypothesis

BIN := $(CURDIR)/$(VENV)/bin
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) $(if $(ONLY),-k '$(ONLY)') $(if $(REPORT),--junitxml=$(REPORT))

# Where runs of molecule share the modules that Ansible has packed: new for each, since the code changes.
KEPT_MODULES := $(CURDIR)/.cache/modules/$(VENV)

FAULTS := tests/integration/test_bootstrap_faults.py $(patsubst %,tests/contract/test_%.py,faults module_crash)
KILLS := tests/contract/test_crash.py \
  $(patsubst %,tests/integration/test_%.py,flux_kills bootstrap_kills gate_kills gate_postgres)

.PHONY: help setup build demo demo-bootstrap e2e test lint format types unit contract integration faults kills molecule sanity bench docs clean

help: ## say what there is
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

setup: ## make the virtual environments (done by every target that needs them)
	@$(PYTHON) -m tests.tools.setup

build: setup ## build the Go programs of the sandbox, once for each user
	$(BIN)/python -m tests.sandbox build

demo: setup ## onboard the sample tenants in a sandbox and send a signed push
	@$(BIN)/python -m tests.sandbox.demo

demo-bootstrap: setup ## from an empty API server to the platform, its Git tree, and a tenant that lives there
	@$(BIN)/python -m tests.sandbox.demo_bootstrap

test: ## everything, on the oldest and on the newest ansible-core; ONLY=name for the tests of that name
	@$(PYTHON) -m tests.tools.suite $(ONLY)

lint: setup ## ruff, yamllint, ansible-lint, changelog and documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/yamllint --strict .
	$(BIN)/ansible-lint --offline
	$(BIN)/antsibull-changelog lint
	$(BIN)/antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self .

format: setup ## let ruff write the Python files as lint wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup ## mypy
	$(BIN)/mypy -p ansible_collections.aphex.platform.plugins -p services -p tests

unit: setup ## tests of one file each, without a sandbox
	$(PYTEST) tests/unit

contract: setup ## the same nine stages for every module
	$(PYTEST) tests/contract $(addprefix --ignore ,$(FAULTS) $(KILLS))

faults: setup ## faults at every call, of the whole bootstrap too
	$(PYTEST) --dist=worksteal $(FAULTS)

kills: setup ## kills at every write, and of the gate under load
	$(PYTEST) $(KILLS)

integration: setup ## questions that cross modules
	$(PYTEST) tests/integration $(addprefix --ignore ,$(FAULTS) $(KILLS))

e2e: setup ## the platform's tree on the real Argo CD; its first build takes ten minutes
	$(BIN)/python -m pytest -n0 -s tests/e2e

# Only here: molecule looks into extensions/molecule otherwise.
molecule: setup ## the roles, each in a scenario
	@rm -rf $(ANSIBLE_HOME)/tmp/molecule.*  # state of a run that was killed: its sandbox is gone
	@rm -rf $(KEPT_MODULES)
	ANSIBLE_CALLBACK_PLUGINS=$(CURDIR)/tests/contract/kept APHEX_KEPT_MODULES=$(KEPT_MODULES) MOLECULE_GLOB='molecule/*/molecule.yml' $(BIN)/molecule -c molecule/config.yml test $(if $(ONLY),--scenario-name '$(ONLY)',--all --workers 2)

sanity: setup ## ansible-test sanity, on a copy of the tree
	$(BIN)/python -m tests.tools.sanity

bench: ## ours and the peers side by side; nothing is asserted
	@$(PYTHON) -m tests.tools.setup bench
	$(BIN)/python -m tests.bench

docs: setup ## the documentation of modules and roles, into .cache/docs
	mkdir -p .cache/docs
	$(BIN)/antsibull-docs collection --use-current --fail-on-error --dest-dir .cache/docs aphex.platform

clean: ## stop the sandboxes of this checkout and remove all that make has made in it
	for place in .cache/sandbox/*/; do \
	  if [ -d "$$place" ]; then .venv/bin/python -m tests.sandbox down --force --name "$$(basename "$$place")"; fi; \
	done
	rm -rf .cache .venv .venv-newest .venv-bench .ansible collections tests/output
