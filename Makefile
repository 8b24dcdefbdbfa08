# make demo   everything once, on sample data      make test   every test (test-fast: what needs no process)
# make dev    the web app on 127.0.0.1:3001        make lint   format, types, floors, dependencies
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/pip install -q --no-compile --disable-pip-version-check

# Two more than there are cores: tests wait half of their time, for processes, servers and locks.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)

# Compiled files are worth keeping: every test that starts a process would compile the package again.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo dev test test-fast coverage explore lint format lock sample train-demo font env-example bench faults clean

help:
	@sed -n '1,2p' Makefile

demo: $(VENV)/.installed
	@$(BIN)/instagram-assets demo

dev: $(VENV)/.installed
	@$(BIN)/instagram-assets demo --once
	@$(BIN)/instagram-assets dev --demo-models

test: $(VENV)/.installed $(VENV)/.system
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=40

# Two thirds of the tests, for the loop of an editor: those that start no process, model, database or run.
test-fast: $(VENV)/.installed
	@$(BIN)/python -m pytest -p instagram_assets_tests.fast_tests -n auto --dist loadfile

# Property tests with 5,000 new examples each, where `make test` takes the same thirty every time: for a night.
explore: $(VENV)/.installed $(VENV)/.system
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m hypothesis --hypothesis-profile explore

# Line coverage of what reads exports and writes datasets, by its own tests. Measured tests take a third longer, and many
# others work in processes of their own, where nothing is measured: so this is a run apart, without those.
COVERED := ingest datasets engagement
coverage: $(VENV)/.installed
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(COVERED:%=instagram_assets_tests/%) \
		--ignore-glob='*faults*' --ignore-glob='*mutations*' \
		-k 'not any_parts_give_the_bytes and not landing_stopped_at_any_file_operation' \
		$(COVERED:%=--cov=instagram_assets.%) --cov-report=term:skip-covered --cov-fail-under=93

# With Node's 4 GB pyright spends two thirds of its time on collecting garbage; small new objects get room, too.
lint: $(VENV)/.installed
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@NODE_OPTIONS="--max-old-space-size=6144 --max-semi-space-size=128" $(BIN)/pyright
	@$(BIN)/lint-imports
	@$(BIN)/deptry .
	@$(BIN)/deptry instagram_assets --optional-dependencies-dev-groups dev
	@home=$$(mktemp -d) && trap 'rm -rf $$home' EXIT && cp instagram_assets/homes/sqlite/dagster.yaml $$home/ && \
		VIRTUAL_ENV=$(CURDIR)/$(VENV) DAGSTER_HOME=$$home INSTAGRAM_ASSETS_DATA_DIR=$$home/data $(BIN)/dg check defs

format: $(VENV)/.installed
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.installed
	@for name in pipeline partitions ingest download vision text delta limits web; do $(BIN)/python -m benchmarks.$$name --quick; done

# Every writer broken at every file operation, two writers at once, the command killed, 2,000 files changed in one place.
faults: $(VENV)/.installed
	@$(BIN)/python -m instagram_assets_tests.faults
	@$(BIN)/python -m instagram_assets_tests.faults.two_writers --trials 200
	@$(BIN)/python -m instagram_assets_tests.faults.two_writers --trials 50 --s3
	@$(BIN)/python -m instagram_assets_tests.faults.killed_commands
	@$(BIN)/python -m instagram_assets_tests.faults.mutations

# Remakes the lock from what pip resolves today; a CPU build of torch is written down by its plain version.
lock:
	@rm -rf $(VENV)-lock && $(PYTHON) -m venv $(VENV)-lock
	@$(VENV)-lock/bin/pip install -q --upgrade pip && $(VENV)-lock/bin/pip install -q -e '.[dev,s3,okt,reels]'
	@{ echo '# Made by `make lock`; do not edit.'; $(VENV)-lock/bin/pip freeze --exclude-editable | sed 's/+cpu$$//'; } > requirements.lock
	@rm -rf $(VENV)-lock

sample: $(VENV)/.installed
	@$(BIN)/python -m instagram_assets.demo.export

# Remakes the demo's models and their cards; about fifteen minutes on one core.
train-demo: $(VENV)/.installed
	@$(BIN)/python -m instagram_assets.demo.training.train

# Cuts the package's font out of Noto Sans CJK and Noto Sans, of Debian's fonts-noto-cjk and fonts-noto-core; a minute.
font: $(VENV)/.installed
	@$(BIN)/python deploy/font.py

env-example: $(VENV)/.installed
	@$(BIN)/python -m instagram_assets.settings > .env.example

clean:
	@rm -rf $(VENV) build *.egg-info .coverage .pytest_cache .ruff_cache .hypothesis

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ...")'
	@echo "Installing into $(VENV); this takes a few minutes the first time."
	@$(PYTHON) -m venv $(VENV)
	@# Unpacking takes most of the time, so two unpack half of the lock each; then pip looks whether all fits together.
	@awk '!/^#/ { print > ("$(VENV)/half" NR % 2) }' requirements.lock
	@printf '%s\n' 0 1 | xargs -P 2 -I{} $(PIP_INSTALL) --no-deps -r $(VENV)/half{}
	@$(PIP_INSTALL) -r requirements.lock
	@$(PIP_INSTALL) --no-deps -e .
	@touch $@

$(VENV)/.system: deploy/system_packages.sh
	@sh deploy/system_packages.sh
	@touch $@
