# `make check` is what every change passes.

PYTHON ?= python

.PHONY: check format lint types test slow audit gpu bench ci clean

check: lint types test

format:
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

lint:
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .

types:
	$(PYTHON) -m mypy

test:
	$(PYTHON) -m pytest

slow:
	$(PYTHON) -m pytest -m "slow and not gpu"

audit:
	$(PYTHON) -m pytest -m audit

gpu:
	$(PYTHON) -m pytest -m gpu

# Every benchmark answers one question and writes its answer to benchmarks/results.
bench:
	set -e; for script in benchmarks/*.py; do $(PYTHON) "$$script"; done

ci:
	.ci/run

clean:
	rm -rf build dist out .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
