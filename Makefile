# `make repro` and `make test` need git, make and Python 3.11 or newer; everything else is put into .venv.
PYTHONS := python3 python3.14 python3.13 python3.12 python3.11
PYTHON ?= $(shell for python in $(PYTHONS); do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
export DVC_SITE_CACHE_DIR := $(CURDIR)/.dvc/tmp/site
export GIT_PYTHON_REFRESH := quiet
export MLFLOW_DISABLE_TELEMETRY := true
export RAY_USAGE_STATS_ENABLED := 0

PIP_INSTALL := .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock

.PHONY: repro test lint types tests coverage campaign test-cluster benchmark pictures lock clean
.DELETE_ON_ERROR:

## The pipeline on the data that params.yaml names; ends with the champion and what to do next.
repro: .venv/installed
	dvc repro
	@python -m pipeline status
	@test "$$VIRTUAL_ENV" = "$(CURDIR)/.venv" || echo 'both after `. .venv/bin/activate`'

## Lint, types and every test but the campaigns.
test: lint types tests

lint: .venv/installed-test
	ruff check
	ruff format --check

types: .venv/installed-test
	mypy

tests: .venv/installed-test
	pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 20

## The same tests with every line counted that they or the processes that they start run; twice the time, about 16 minutes.
coverage: .venv/installed-test
	coverage erase
	coverage run -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
	coverage combine --quiet
	coverage report

## The tests that take minutes each.
campaign: .venv/installed-test
	pytest -m campaign --timeout 3600

## The tests on clusters of several hosts, which are network namespaces of this machine (as root; else they say so).
test-cluster: .venv/installed-test-cluster
	pytest -m cluster --timeout 900 tests/cluster

## The accuracy figure of the README: 5 seeds, about 4 minutes on 2 cores.
benchmark: .venv/installed
	python benchmarks/digits.py

## The pictures of the README are those that a run writes, and MLflow's pages on it in Chromium.
pictures: repro .venv/installed-test
	cp results/search/history.png docs/pictures/search_history.png
	cp results/evaluation/confusion_matrix.png docs/pictures/confusion_matrix.png
	python docs/take_pictures.py

## New versions: what a fresh environment gets today. Local labels (+cpu) and torch's CUDA companions are left out,
## so that the same file serves machines with and without a GPU.
lock:
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT \
	&& $(PYTHON) -m venv "$$folder" \
	&& "$$folder/bin/python" -m pip install --quiet --disable-pip-version-check --editable '.[test,test-cluster]' \
	&& { echo '# Every version that Convoy and its tests are known to work with; written by `make lock`.'; \
	     "$$folder/bin/python" -m pip freeze --exclude-editable | sed 's/+[a-z0-9.]*$$//' | grep -Eiv '^(nvidia|cuda|triton)'; } \
	   > requirements.lock.new \
	&& mv requirements.lock.new requirements.lock

## Everything that `make` put here; results, state and mlflow.db stay.
clean:
	rm -rf .venv convoy.egg-info .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo 'Convoy needs Python 3.11 or newer: install it, or name it with `make PYTHON=…`' >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml requirements.lock | .venv/bin/python
	@echo 'Installing into .venv: a few minutes, once.'
	$(PIP_INSTALL) --editable .
	@touch $@

.venv/installed-test: .venv/installed
	@echo 'Installing what the tests need.'
	$(PIP_INSTALL) --editable '.[test]'
	@touch $@

.venv/installed-test-cluster: .venv/installed-test
	@echo 'Installing what the tests on clusters need beside that.'
	$(PIP_INSTALL) --editable '.[test,test-cluster]'
	@touch $@
