# The commands of this checkout. `make` alone lists them. Needs Python 3.10 or later with pip, and make.
#
# Each environment is made once, from the exact versions in .ci/requirements/, and again when those change.
#   make test PYTHON=python3.12 VENV=.venv-312     another Python, beside the first environment
#   make test ARGS="-k sandbox -x"                 arguments for pytest; `make demo ARGS=...` likewise

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
# Some tests wait for servers and processes: four at a time keep two cores busy. `-n 0` in ARGS runs one at a time.
PARALLEL := -n 4 --dist worksteal
# Compiled modules are kept: each of the many processes would compile the same modules again.
unexport PYTHONDONTWRITEBYTECODE

MINORS := $(shell awk '/^[0-9]/ { print $$1 }' .ci/versions.txt)
NEWEST := $(lastword $(MINORS))
OLDEST := $(firstword $(MINORS))
OLDER := $(filter-out $(NEWEST),$(MINORS))
UV := uv==0.13.9

# Whatever imports Airflow makes an Airflow home; it must not be the user's own.
export AIRFLOW_HOME := $(CURDIR)/.airflow/home

RUN := $(VENV)/bin/python
CHECKOUT := pyproject.toml airflow_provider_tingting/__init__.py .ci/environment.py

.DEFAULT_GOAL := help
.PHONY: help demo airflow test test-dags test-properties test-browser test-durability test-versions lint format types docs reference build bench
.PHONY: screenshots simulate fuzz mutate requirements clean test-durability-sweep cluster test-cluster test-cluster-$(NEWEST) test-cluster-$(OLDEST)
.PHONY: $(addprefix test-,$(OLDER)) test-durability-$(NEWEST) test-durability-$(OLDEST)

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.installed ## Run an example campaign as a real DAG against a local sandbox
	@$(RUN) -m airflow_provider_tingting.demo $(ARGS)

airflow: $(VENV)/.installed ## Open the examples in a local Airflow with its web page
	@$(RUN) -m airflow_provider_tingting.demo --airflow $(ARGS)

test: $(VENV)/.installed ## Run the tests on the newest supported Airflow
	$(RUN) -m pytest $(PARALLEL) $(ARGS)

test-dags: $(VENV)/.installed ## Run whole DAGs and Airflow's commands; run and rehearse every example DAG
	$(RUN) -m pytest $(PARALLEL) --dist loadfile -m dags $(ARGS)

test-versions: $(addprefix test-,$(OLDER)) ## Run the tests on the older supported versions (-j2 runs two at once)

# What imports no Airflow is the same on every version, and so are the probe of an account, the sweep of faults in virtual
# time, and what a rehearsal says of each example: between the oldest and the newest only the rest is run, and the poller,
# since these versions bring newer Pythons, whose event loops differ.
BESIDE_AIRFLOW := api campaigns contacts contract docs files fuzz reports sandbox simulation
BESIDE_AIRFLOW += cli/test_probe.py durability/test_fault_sweep.py rehearsal/test_examples.py
$(addprefix test-,$(OLDER)): test-%: $(VENV)-%/.installed
	$(VENV)-$*/bin/python -m pytest -n 2 --dist worksteal -p no:cacheprovider -m "dags or not dags" $(if $(filter $(OLDEST),$*),,$(BESIDE_AIRFLOW:%=--ignore=tests/%)) $(ARGS)

# With a task state store, and without. Real processes run in one pytest process, because on a busy machine Airflow takes
# live ones for dead. The fault sweep imitates both stores in virtual time, and needs one Airflow only.
SWEEP := tests/durability/test_fault_sweep.py
test-durability: test-durability-sweep test-durability-$(OLDEST) test-durability-$(NEWEST) ## Kill real workers and triggerers, on two Airflow versions

test-durability-sweep: $(VENV)/.installed
	$(RUN) -m pytest $(PARALLEL) -p no:cacheprovider -m durability $(SWEEP) $(ARGS)

test-durability-$(NEWEST): $(VENV)/.installed
	$(RUN) -m pytest -p no:cacheprovider -m durability tests/durability --ignore=$(SWEEP) $(ARGS)

test-durability-$(OLDEST): $(VENV)-$(OLDEST)/.installed
	$(VENV)-$(OLDEST)/bin/python -m pytest -p no:cacheprovider -m durability tests/durability --ignore=$(SWEEP) $(ARGS)

# The newest Airflow goes through every scenario, with more waits than in the gate; the oldest goes through those of plain
# campaigns and of kills.
test-cluster: export TINGTING_CLUSTER_WAITS = 200
test-cluster: test-cluster-$(OLDEST) test-cluster-$(NEWEST) ## Kill parts of an Airflow with the CeleryExecutor, on two Airflow versions

test-cluster-$(NEWEST): $(VENV)/.cluster
	$(RUN) -m pytest -p no:cacheprovider -m cluster tests/cluster $(ARGS)

test-cluster-$(OLDEST): $(VENV)-$(OLDEST)/.cluster
	$(VENV)-$(OLDEST)/bin/python -m pytest -p no:cacheprovider -m cluster tests/cluster $(ARGS)

cluster: $(VENV)/.cluster ## Start an Airflow with the CeleryExecutor, the examples and a sandbox, until Ctrl+C
	@PYTHONPATH=.:tests $(RUN) -m cluster $(ARGS)

test-properties: $(VENV)/.installed ## Run the property tests with new random examples
	$(RUN) -m pytest $(PARALLEL) -p no:cacheprovider -m hypothesis --hypothesis-profile=random $(ARGS)

fuzz: $(VENV)/.installed ## Give malformed input to the parsers of responses, reports, files and numbers, ten minutes or more
	$(RUN) -m pytest $(PARALLEL) -p no:cacheprovider --timeout=0 --hypothesis-profile=fuzz tests/fuzz $(ARGS)

test-browser: $(VENV)/.tools ## Check the pages of the sandbox, the documentation and Airflow in Chromium
	$(RUN) -m pytest -p no:cacheprovider -m browser tests/browser $(ARGS)

lint: $(VENV)/.tools ## Check style, formatting, import contracts, docstrings, and the words of the prose
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(VENV)/bin/lint-imports --cache-dir .airflow/import-graph
	$(RUN) .ci/check_prose.py
	$(RUN) .ci/check_docstrings.py

format: $(VENV)/.tools ## Correct style and formatting
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

types: $(VENV)/.tools ## Check types, strictly
	$(RUN) -m mypy

reference: $(VENV)/.tools ## Write the reference pages from the docstrings, and the graphs of the examples
	$(RUN) .ci/make_reference.py
	$(RUN) .ci/make_graphs.py

screenshots: $(VENV)/.tools ## Take the screenshots of the pages again (needs Chromium; ARGS=--airflow: those of Airflow)
	$(RUN) .ci/make_screenshots.py $(ARGS)

docs: $(VENV)/.tools ## Build the documentation into docs/_build/html; a warning is an error
	$(RUN) -m sphinx -b html -W --keep-going --fresh-env -q docs docs/_build/html
	@echo "docs/_build/html/index.html"

build: $(VENV)/.tools ## Build wheel and source distribution into dist/
	rm -rf dist
	$(RUN) -m build --no-isolation .
	$(RUN) -m twine check --strict dist/*

# Without ARGS: every two faults at once in the lives that matter most, then 100,000 lives at random.
simulate: $(VENV)/.installed ## Simulate campaigns with faults in virtual time (ARGS=--help lists the options)
	PYTHONPATH=.:tests $(RUN) -m simulation $(ARGS)

# A module after the other: ARGS="airflow_provider_tingting.campaigns.run*"; `mutmut results` lists what survives.
mutate: $(VENV)/.tools ## Change the core in one place after another, and list the changes that no test detects
	$(VENV)/bin/mutmut run $(ARGS)
	$(VENV)/bin/mutmut results

bench: $(VENV)/.tools ## Run the benchmarks and print one table of ratios (ARGS=--quick: small ones, under three minutes)
	@$(RUN) benchmarks $(ARGS)

requirements: ## Choose the exact versions again (after a change of pyproject.toml or .ci/versions.txt)
	@$(PYTHON) .ci/environment.py $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check $(UV)
	.ci/compile-requirements $(VENV)/bin/uv $(ARGS)

clean: ## Remove everything that these commands made
	rm -rf .venv .venv-* .airflow .demo build dist mutants docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed: .ci/requirements/airflow-$(NEWEST).txt $(CHECKOUT)
	@$(PYTHON) .ci/environment.py $(VENV) $<
	@touch $@

$(VENV)/.tools: .ci/requirements/dev.txt $(VENV)/.installed
	@$(PYTHON) .ci/environment.py --at-least 3.11 $(VENV) .ci/requirements/airflow-$(NEWEST).txt $<
	@touch $@

$(VENV)/.cluster: .ci/requirements/cluster-$(NEWEST).txt $(VENV)/.installed
	@$(PYTHON) .ci/environment.py $(VENV) .ci/requirements/airflow-$(NEWEST).txt $<
	@touch $@

$(VENV)-$(OLDEST)/.cluster: .ci/requirements/cluster-$(OLDEST).txt $(VENV)-$(OLDEST)/.installed
	@$(PYTHON) .ci/environment.py $(VENV)-$(OLDEST) --airflow $(OLDEST) $<
	@touch $@

$(VENV)-%/.installed: .ci/requirements/airflow-%.txt $(CHECKOUT)
	@$(PYTHON) .ci/environment.py $(VENV)-$* --airflow $*
	@touch $@
