PYTHON ?= python3

test:
	@$(PYTHON) -m pytest

lint:
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check .

types:
	@$(PYTHON) -m mypy

.PHONY: test lint types
