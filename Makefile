# `make repro` and `make test` need Linux, git, make and Python 3.11 or newer; everything else is put into .venv.
PYTHONS := python3 python3.14 python3.13 python3.12 python3.11
PYTHON ?= $(shell for python in $(PYTHONS); do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
export DVC_SITE_CACHE_DIR := $(CURDIR)/.dvc/tmp/site
export GIT_PYTHON_REFRESH := quiet
export MLFLOW_DISABLE_TELEMETRY := true
export RAY_USAGE_STATS_ENABLED := 0

PIP_INSTALL := .venv/bin/python -m pip install --quiet --disable-pip-version-check
# Files whose digest is not the one in the list are refused. Not in the lists: Convoy, and torch with what CUDA adds to it.
INSTALL_LISTED := $(PIP_INSTALL) --require-hashes --no-deps --requirement
INSTALL_CONVOY := $(PIP_INSTALL) --no-build-isolation --constraint requirements.lock --editable

.PHONY: repro test lint types tests coverage campaign test-cluster benchmark pictures lock audit sbom clean
.DELETE_ON_ERROR:

## The pipeline on the data that params.yaml names; ends with the champion and what to do next.
repro: .venv/installed
	@install -d -m 700 "$$DVC_SITE_CACHE_DIR" # DVC unpickles what lies there
	dvc repro
	@python -m pipeline status
	@test "$$VIRTUAL_ENV" = "$(CURDIR)/.venv" || echo 'both after `. .venv/bin/activate`'

## Lint, types and every test but the campaigns and those on clusters.
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

## The tests on clusters of several hosts, which are network namespaces of this machine (as root; else they say
## so): all of them take 40 minutes, of which the tests of everything at once take 11.
test-cluster: .venv/installed-test-cluster
	pytest -m cluster --timeout 2400 tests/cluster

## The accuracy figure of the README: 5 seeds, six to seven minutes on 2 cores.
benchmark: .venv/installed
	python benchmarks/digits.py

## The pictures of the README are those that a run writes, and MLflow's pages on it in Chromium.
pictures: repro .venv/installed-test
	cp results/search/history.png docs/pictures/search_history.png
	cp results/evaluation/confusion_matrix.png docs/pictures/confusion_matrix.png
	python docs/take_pictures.py

## The versions that pyproject.toml needs, for every system, with the digests of their files: those that are in requirements.lock
## where they fit, with `make lock UPGRADE=--upgrade` the newest. The file of one version of torch differs with the index that
## gives it, for processors alone or for CUDA: it has no digest here.
COMPILE := .venv/tools/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url
OF_TORCH := (torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z]+)
lock: .venv/tools/installed
	@new=$$(mktemp -d) && trap 'rm -rf "$$new"' EXIT && for list in runtime test test-cluster; do cp requirements.lock "$$new/$$list"; done \
	&& $(COMPILE) $(UPGRADE) pyproject.toml -o "$$new/runtime" \
	&& $(COMPILE) $(UPGRADE) pyproject.toml -o "$$new/test" --constraint "$$new/runtime" --extra test \
	&& $(COMPILE) $(UPGRADE) pyproject.toml -o "$$new/test-cluster" --constraint "$$new/test" --extra test --extra test-cluster \
	&& sed -E '/^$(OF_TORCH)==/,/[^\\]$$/d' "$$new/runtime" > locks/runtime.txt \
	&& grep -vxFf "$$new/runtime" "$$new/test" > locks/test.txt \
	&& grep -vxFf "$$new/test" "$$new/test-cluster" > locks/test-cluster.txt \
	&& { echo '# Every version that Convoy and its tests are known to work with; written by `make lock`, with locks/.'; \
	     sed -nE 's/ \\$$//; /^$(OF_TORCH)==/{/^torch==/p;d}; /^[a-z0-9]/p' "$$new/test-cluster"; } > "$$new/lock" \
	&& mv "$$new/lock" requirements.lock

## Known vulnerabilities of the versions above, by the advisories of PyPI; fails on a package that cannot be looked up.
audit: .venv/tools/installed
	.venv/tools/bin/pip-audit --strict --require-hashes --disable-pip $(addprefix --requirement ,$(wildcard locks/*.txt))

## sbom.json: everything that is installed here with version and licence, as CycloneDX.
sbom: .venv/installed .venv/tools/installed
	.venv/tools/bin/cyclonedx-py environment .venv --pyproject pyproject.toml --mc-type application --output-reproducible -o sbom.json

## Everything that `make` put here; results, state and mlflow.db stay.
clean:
	rm -rf .venv convoy.egg-info .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo 'Convoy needs Python 3.11 or newer: install it, or name it with `make PYTHON=…`' >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml requirements.lock locks/runtime.txt | .venv/bin/python
	@echo 'Installing into .venv: a few minutes, once.'
	$(INSTALL_LISTED) locks/runtime.txt
	$(INSTALL_CONVOY) .
	@touch $@

.venv/installed-test: .venv/installed locks/test.txt
	@echo 'Installing what the tests need.'
	$(INSTALL_LISTED) locks/test.txt
	$(INSTALL_CONVOY) '.[test]'
	@touch $@

.venv/installed-test-cluster: .venv/installed-test locks/test-cluster.txt
	@echo 'Installing what the tests on clusters need beside that.'
	$(INSTALL_LISTED) locks/test-cluster.txt
	$(INSTALL_CONVOY) '.[test,test-cluster]'
	@touch $@

.venv/tools/installed: pyproject.toml | .venv/bin/python
	$(PYTHON) -m venv .venv/tools
	.venv/tools/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9' 'pip-audit>=2.9' 'cyclonedx-bom>=7'
	@touch $@
