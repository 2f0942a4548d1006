# make demo · make test · make check: each sets up its virtual environment by itself.

PYTHON ?= python3
VENV ?= .venv
# The version that is tested; any torch >= 2.4 works. On Linux this brings the CUDA build.
TORCH ?= torch==2.13.0
PLUGINS := $(sort $(wildcard plugins/*))
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test check lint types docs dist wheels benchmarks clean

demo: $(VENV)/.demo  ## train a flow on simulated brains that need no download; ends with a report
	$(VENV)/bin/brainzoo run flow --data atlas --preset quick --widths 32,64 --blocks 1 --batch-size 8 --lr 3e-3 --images 16k --teacher ''

test: $(VENV)/.dev  ## all tests and examples
	$(VENV)/bin/python -m pytest -n logical --dist loadfile --no-loadscope-reorder

check: lint types docs test wheels  ## all that continuous integration runs

lint: $(VENV)/.dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/lint-imports --no-cache

types: $(VENV)/.dev
	$(VENV)/bin/python tests/types_check.py

docs: $(VENV)/.dev  ## the site of docs/ into site/
	$(VENV)/bin/python -m mkdocs build --strict --quiet

dist: $(VENV)/bin/python  ## build every wheel into dist/
	$(PIP) build hatchling
	rm -rf dist
	for folder in . $(PLUGINS); do $(VENV)/bin/python -m build --wheel --no-isolation --outdir dist $$folder || exit 1; done

wheels: dist  ## install from dist/ as the README says, in environments of their own, and use it
	$(VENV)/bin/python tests/wheels_check.py --torch "$(TORCH)"

benchmarks: $(VENV)/.dev  ## print the performance page (BENCHMARKS=--write: write it); peers: tests/benchmarks/requirements.txt
	$(VENV)/bin/python tests/benchmarks/all.py $(BENCHMARKS)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("brainzoo needs Python 3.11 or later; found " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml plugins/brainzoo-flow/pyproject.toml plugins/brainzoo-mosaic/pyproject.toml plugins/brainzoo-atlas/pyproject.toml plugins/brainzoo-report/pyproject.toml
	@echo "Installing brainzoo, its demo plugins and torch into $(VENV) (some minutes) ..."
	$(PIP) "$(TORCH)" -e . -e plugins/brainzoo-atlas -e plugins/brainzoo-mosaic -e plugins/brainzoo-flow -e plugins/brainzoo-report
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml requirements-dev.txt $(PLUGINS:%=%/pyproject.toml)
	@echo "Installing brainzoo, every plugin and the test tools into $(VENV) (some minutes) ..."
	$(PIP) "$(TORCH)" -r requirements-dev.txt
	@touch $@

clean:
	rm -rf $(VENV) dist build site .pytest_cache .mypy_cache .ruff_cache
