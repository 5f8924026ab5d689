# `make check` is what every change passes.

PYTHON ?= python

.PHONY: check format lint types test coverage fuzz slow gpu bench lock ci clean docs gallery pages notebooks

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

# Lines and branches of what carries the guarantee, in the fast suite and the families: the packages, one by one, then
# all of them.
coverage:
	$(PYTHON) -m coverage run -m pytest -m "not slow or family"
	$(PYTHON) -m coverage report --format=total --include='tabgan/privacy/*'
	$(PYTHON) -m coverage report --format=total --include='tabgan/columns/*'
	$(PYTHON) -m coverage report --format=total --include='tabgan/fitting/*'
	$(PYTHON) -m coverage report

# New examples and fresh privacy noise: rare draws are looked for here, and in the slow tests.
fuzz:
	TABGAN_TEST_NOISE=fresh HYPOTHESIS_PROFILE=fuzz $(PYTHON) -m pytest

slow:
	TABGAN_TEST_NOISE=fresh $(PYTHON) -m pytest -m "slow and not gpu"

gpu:
	$(PYTHON) -m pytest -m gpu

# The site, in build/site: pip install -e ".[docs]". Read it with: python -m http.server -d build/site
docs: build/gallery/index.html
	$(PYTHON) -m mkdocs build --strict

# The reports of the gallery, of public tables: ten minutes. Without them the page is there, without its links.
gallery: build/gallery/index.html

build/gallery/index.html: docs/tools/gallery.yaml
	$(PYTHON) -m tabgan run docs/tools/gallery.yaml --run-folder build/gallery || test $$? -eq 3

# Pages that are made of the code: the command line, the manual page, the keys and the JSON Schema of jobs.
pages:
	$(PYTHON) docs/tools/pages.py

notebooks:
	$(PYTHON) docs/tools/notebooks.py

# DATA is a folder with train.csv, test.csv and meta.json, JUDGE a script that scores a CSV against it.
bench:
	$(PYTHON) benchmarks/accounting.py
	$(PYTHON) benchmarks/audit.py
	$(PYTHON) benchmarks/quickstart.py
	$(PYTHON) benchmarks/utility.py --data $(DATA) --judge $(JUDGE)
	$(PYTHON) benchmarks/readme.py

# CUDA's own packages are left out: the CPU build of torch needs none of them. To renew torch too, change its pin.
lock:
	uv pip compile --quiet --no-header --no-annotate --no-emit-index-url --python-version 3.11 --extra test \
		--constraint requirements/pins.txt pyproject.toml \
		| grep -v -E "^(nvidia|cuda|triton)" > requirements/ci.txt

ci:
	.ci/run

clean:
	rm -rf build dist out .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
