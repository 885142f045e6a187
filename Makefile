# Every target does its own set-up: `make demo` and `make test` work in a fresh clone.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
STAMP := .venv/.installed
FAST := tests/test_api.py tests/test_discovery.py tests/test_cli.py tests/test_card.py tests/test_floors.py tests/test_plugin_folders.py \
	tests/test_lazy_imports.py tests/test_public_api.py tests/test_docs.py tests/test_assets.py tests/test_tables_labels.py \
	plugins/datasets/xrv-nih plugins/models/xrv-phantom-net plugins/tools/xrv-run

.PHONY: install demo test test-fast test-slow test-core test-wheels test-lowest fuzz kills coverage lint bench docs clean

install: $(STAMP)

# Two runs of pip: the build backend first, so that thirty packages need no isolated builds.
# torchxrayvision, the reference of the parity tests, comes without its dependencies: the dev extra lists those it needs.
$(STAMP): pyproject.toml constraints.txt plugins/requirements.txt $(wildcard plugins/*/*/pyproject.toml)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "xrv-core needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) hatchling editables
	$(PIP) --no-build-isolation -e '.[dev]' -r plugins/requirements.txt
	$(PIP) --no-deps torchxrayvision
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/xrv evaluate phantom-net phantom -o split=test -o n=600 --out demo-output --overwrite
	@echo "Open demo-output/report.html in a browser."

# Two workers on two cores, so one torch thread each.
test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -q

# What to run after each change: lint, types, the kernel, one plugin of each kind, links of the docs. Under 3 minutes.
test-fast: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -q $(FAST)

# The wheel of the core alone in an empty environment: it lists, describes, fetches, and says what to install.
test-core: $(STAMP)
	$(BIN)/python tests/packaging/core_alone.py

# Core and all plugins as wheels, outside the repository: the demo and the kit run.
test-wheels: $(STAMP)
	$(BIN)/python tests/packaging/all_wheels.py

# The lower bounds that the pyproject files declare.
test-lowest: $(STAMP)
	$(BIN)/python tests/packaging/lowest.py

# 30,000 damaged files; `make test` does a short run of the same. XRV_FUZZ_SEED=N starts elsewhere.
fuzz: $(STAMP)
	XRV_FUZZ_CASES=30000 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist load -q --timeout 3600 tests/fuzz

# Commands killed at random moments and at each change of a file, on small disks, and run again.
kills: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist load -q -m "slow or not slow" --timeout 3600 tests/test_killed_*.py

coverage: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -q --cov=xrv_core --cov-report=term:skip-covered

test-slow: $(STAMP)
	$(BIN)/python -m pytest -m slow -q

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	@set -e; for f in tests/benchmarks/bench_*.py; do echo "== $$f"; $(BIN)/python $$f; done

docs: $(STAMP)
	$(BIN)/python docs/make_catalogue.py
	$(BIN)/python docs/make_figures.py
	XRV_CACHE_DIR=$$(mktemp -d) $(BIN)/python docs/make_paper_tables.py
	XRV_CACHE_DIR=$$(mktemp -d) $(BIN)/python docs/make_label_differences.py

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis demo-output
