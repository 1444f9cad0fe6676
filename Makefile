# Vigie. `make run` starts it, `make test` tests it; both set up what they need. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TRAIN := .venv-train
DESKTOP := .venv-desktop
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install run dev train-env desktop desktop-env desktop-package check-desktop test check format bench clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Vigie needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another: make run PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements.txt deploy/aws/requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/.installed

install: $(VENV)/.installed ## Set up what serving needs

run: install ## Start on http://localhost:5000; options go in ARGS="--source rtsp://..."
	@exec $(BIN)/python -m server $(ARGS)

dev: $(VENV)/.installed-dev ## Set up what development needs

$(TRAIN)/bin/python:
	$(PYTHON) -m venv $(TRAIN)

$(TRAIN)/.installed: requirements-train.txt requirements-train-bare.txt requirements.txt | $(TRAIN)/bin/python
	$(TRAIN)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-train.txt
	$(TRAIN)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-train-bare.txt
	@touch $@

train-env: $(TRAIN)/.installed ## Set up what training needs: PyTorch, a large download

$(DESKTOP)/bin/python:
	$(PYTHON) -m venv $(DESKTOP)

$(DESKTOP)/.installed: requirements-desktop.txt requirements.txt | $(DESKTOP)/bin/python
	$(DESKTOP)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-desktop.txt
	@touch $@

desktop-env: $(DESKTOP)/.installed ## Set up what the desktop application needs: Qt, a large download

desktop: desktop-env ## Start the desktop application; files or options go in ARGS="clip.mp4"
	@exec $(DESKTOP)/bin/python -m desktop $(ARGS)

desktop-package: desktop-env ## Pack the desktop application for this system, into dist/Vigie
	$(DESKTOP)/bin/python -m pip install --quiet --disable-pip-version-check "pyinstaller>=6.11,<7"
	PYTHONPATH=. $(DESKTOP)/bin/pyinstaller --noconfirm --windowed --name Vigie --paths . --specpath build \
	    --add-data "$(CURDIR)/models:models" \
	    --add-data "$(CURDIR)/desktop/*.svg:desktop" \
	    --collect-submodules server.sources --collect-submodules server.inference --collect-submodules desktop.languages \
	    --collect-all openvino --exclude-module server.inference.ultralytics desktop/__main__.py

check-desktop: dev desktop-env ## Types of the desktop application and its tests
	$(BIN)/mypy --python-executable $(DESKTOP)/bin/python desktop tests/desktop/*.py

test: dev ## Run all tests, those of training and the desktop where there are their environments; ARGS="-k name" picks some
	@tests/chromium.sh
	@tests/rtsp-server.sh
	@tests/services.sh
	@tests/npm.sh
	@tests/run.sh $(BIN)/python $(ARGS)

check: dev ## Lint, formatting and types, of the server, the page and the Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	tests/page-types.sh
	$(BIN)/hadolint Dockerfile

format: dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: dev train-env ## Measure, Ultralytics beside us; results in benchmarks/results and docs/performance.md
	@tests/chromium.sh
	@tests/rtsp-server.sh
	@tests/services.sh
	$(BIN)/python -m benchmarks $(ARGS)

clean: ## Remove what was installed and cached
	rm -rf $(VENV) $(TRAIN) $(DESKTOP) build dist node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis data
