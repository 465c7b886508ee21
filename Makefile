# All development commands, one line each: `make help`.

# Any Python from 3.9 on; the one that runs the project is looked for by environment.py.
PYTHON ?= python3

# Values reach commands through the process environment, so that spaces and quotes in them survive.
VALUES = STACK GPU PRESET DATA TRAIN EVAL TEST DATE DAYS FROM TO BEAM SET OUT ARGS
export $(VALUES)
# As typed: make would expand a dollar sign in them.
$(foreach name,$(VALUES),$(if $(value $(name)),$(eval override $(name) := $$(value $(name)))))

IN_BASE = $(PYTHON) environment.py run
IN_DEV = $(PYTHON) environment.py run --extra dev --extra kubeflow
IN_DOCS = NO_MKDOCS_2_WARNING=1 $(PYTHON) environment.py run --extra docs
PYTEST = $(IN_DEV) python -m pytest

help:  ## Show this list.
	@echo "make COMMAND [NAME=VALUE]..."
	@echo
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1|\2/p' Makefile | \
	  while IFS='|' read -r name text; do printf '%-20s %s\n' "  $$name" "$$text"; done
	@echo
	@echo "For make run: PRESET=name DATA=folder TRAIN=file EVAL=file TEST=file OUT=folder BEAM=prism"
	@echo "For make day: DATE=2015-09-11 DAYS=7 DATA=pattern (or FROM=date TO=date), PRESET, SET, OUT, BEAM"
	@echo "For both:     SET=\"trainer.max_epochs=3 trainer.seed=7\""
	@echo "              ARGS=\"--wait --fail-if-refused\", any options of the command"
	@echo "For tests:    ARGS=\"-k words -x\", any options of pytest"
	@echo "For all:      STACK=legacy or STACK=current, GPU=no, PYTHON=/path/to/python3"

run: python  ## Run the whole pipeline: click logs in, a pushed model and a summary out.
	@$(IN_BASE) session-retrieval run \
	  $${PRESET:+--preset "$$PRESET"} $${DATA:+--data "$$DATA"} $${TRAIN:+--train "$$TRAIN"} \
	  $${EVAL:+--eval "$$EVAL"} $${TEST:+--test "$$TEST"} $${BEAM:+--beam "$$BEAM"} \
	  $${SET:+--set "$$SET"} $${OUT:+--out "$$OUT"} \
	  $(ARGS)

day: python  ## Run a day of a daily log: train on the days before it, evaluate on it.
	@$(IN_BASE) session-retrieval day \
	  $${PRESET:+--preset "$$PRESET"} $${DATA:+--data "$$DATA"} $${DATE:+--date "$$DATE"} \
	  $${DAYS:+--window "$$DAYS"} $${FROM:+--from "$$FROM"} $${TO:+--to "$$TO"} \
	  $${BEAM:+--beam "$$BEAM"} \
	  $${SET:+--set "$$SET"} $${OUT:+--out "$$OUT"} $(ARGS)

test: python  ## Run all tests: unit, integration and end to end.
	@$(PYTEST) $(ARGS)

test-unit: python  ## Run the unit tests.
	@$(PYTEST) tests/unit $(ARGS)

test-integration: python  ## Run the integration tests.
	@$(PYTEST) tests/integration $(ARGS)

test-e2e: python  ## Run the end-to-end tests.
	@$(PYTEST) tests/e2e $(ARGS)

test-damage: python  ## Damage each file of a finished run in turn, and run again (an hour or two).
	@$(PYTEST) tests/e2e/test_damage.py -m "exhaustive or not exhaustive" $(ARGS)

test-formats: python  ## Damage 2,000 files of click logs and items of each format (ten minutes).
	@$(PYTEST) tests/unit/modules/row_formats tests/unit/modules/items -m exhaustive $(ARGS)

test-kubeflow: python  ## Run the compiled pipeline twice, all nodes, as Kubeflow Pipelines would (ten minutes).
	@$(PYTEST) tests/e2e/test_kubeflow.py -m "exhaustive or not exhaustive" $(ARGS)

test-workers: python  ## Train with one to three workers, and read logs with two (a few minutes).
	@$(PYTEST) tests/integration/test_workers.py tests/integration/test_session_example_gen.py \
	  -m "exhaustive or not exhaustive" $(ARGS)

test-gpu: python  ## Rehearse the check of GPUs on the CPU (some minutes; `benchmarks/gpu.py` is the check itself).
	@$(PYTEST) tests/unit/benchmarks -k gpu -m "exhaustive or not exhaustive" $(ARGS)

test-fortnight: python  ## Live through fourteen days of a daily pipeline with a tiny model.
	@$(PYTEST) tests/e2e/test_days.py tests/e2e/test_pooled_days.py -m "exhaustive or not exhaustive" $(ARGS)

test-all-stacks: python  ## Run all tests on both stacks (needs root where the system is too old for one).
	@failed=0; for stack in legacy current; do sh .ci/on-stack.sh $$stack make test || failed=1; done; \
	  exit $$failed

lint: python  ## Check style and formatting.
	@$(IN_DEV) ruff check .
	@$(IN_DEV) ruff format --check .

format: python  ## Fix style and formatting where that can be done automatically.
	@$(IN_DEV) ruff check --fix .
	@$(IN_DEV) ruff format .

types: python  ## Check types.
	@$(IN_DEV) mypy

docs-options: python  ## Bring the tables of docs/configuration.md up to date.
	@$(IN_DEV) python -m pipeline.option_tables

notebooks: python  ## Execute the notebooks, for the documentation site.
	@$(IN_DOCS) sh notebooks/execute.sh

docs: notebooks  ## Build the documentation site in output/site.
	@$(IN_DOCS) mkdocs build --strict
	@echo "Site: output/site/index.html, or with search: python3 -m http.server -d output/site"

env: python  ## Set up the development environment, and print its path.
	@$(PYTHON) environment.py setup --extra dev --extra kubeflow

lock: python  ## Resolve both lock files again (ARGS=--upgrade for newer versions).
	@$(PYTHON) environment.py lock $(ARGS)

prism: python  ## Build Prism, Beam's runner with workers in other processes (needs Go; a minute or two).
	@$(IN_BASE) sh .ci/prism.sh

doctor: python  ## Say what is installed, what is missing for which feature, and how to fix it.
	@$(IN_BASE) session-retrieval doctor $(ARGS)

audit: python  ## Check both lock files for published vulnerabilities (needs a network).
	@PYTHON="$(PYTHON)" sh .ci/audit.sh $(ARGS)

ci: python  ## Run what continuous integration runs.
	@bash .ci/run

clean:  ## Remove caches and build leftovers; runs' output and environments stay.
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

clean-env:  ## Remove the environments in .venv.
	rm -rf .venv

python:
	@command -v $(PYTHON) > /dev/null 2>&1 || { echo "Error: $(PYTHON) was not found: install\
	 Python 3.9 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }

.PHONY: help run day test test-unit test-integration test-e2e test-damage test-formats test-kubeflow test-workers test-gpu test-fortnight \
  test-all-stacks lint format types docs-options notebooks docs env lock prism doctor audit ci clean clean-env python
