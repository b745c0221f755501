# make run: set up, then fetch, train, evaluate, compare and export.   make help: everything else.

.DEFAULT_GOAL := help
.PHONY: help run test test-all check page page-check pages docs notebook box setup setup-dev clean
.DELETE_ON_ERROR:

# The first Python from 3.11 to 3.13 (TensorFlow has no wheels for others yet); name another with make PYTHON=….
FITS := -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p $(FITS) 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
ARGS ?=

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | \
		while IFS="$$(printf '\t')" read -r target text; do printf '  make %-11s %s\n' "$$target" "$$text"; done
	@echo
	@echo '  ARGS passes options on: make run ARGS="--protocol speakers6 --seeds 3", make test ARGS="-k splits"'

run: setup  ## set up, then run the whole study (emovox run)
	@$(BIN)/emovox run $(ARGS)

test: setup-dev  ## set up, then run the tests
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile -m "not slow" $(ARGS)

test-all: setup-dev  ## the tests, and the slow ones too
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

check: setup-dev  ## ruff, mypy, import-linter, codespell
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell

page: web/node_modules/.package-lock.json  ## build the page of web/ into src/emovox/server/page (needs Node.js)
	@npm --prefix web run --silent build

page-check: web/node_modules/.package-lock.json  ## test the page's parts, and that what is built is up to date
	@npm --prefix web run --silent check
	@npm --prefix web run --silent test

pages: setup-dev  ## write docs/cli.md from --help, and figures from benchmarks/results
	@$(BIN)/python scripts/cli_reference.py
	@$(BIN)/python benchmarks/table.py

docs: setup-dev  ## build the documentation into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

notebook: setup-dev  ## run the notebook on RAVDESS, and keep its copy with outputs (ARGS="--data PATH")
	@$(BIN)/python scripts/notebook.py notebooks/Speech_Emotion_Recognition_Notebook.ipynb $(ARGS)

box: setup-dev  ## make the model that the package brings (ARGS="--data PATH --whisper-weights PATH")
	@$(BIN)/python benchmarks/box.py $(ARGS)

setup: $(VENV)/.installed-train  ## make .venv with what a run needs
setup-dev: $(VENV)/.installed-dev  ## make .venv with what the tests and checks need as well

clean:  ## remove .venv and caches; runs and data stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	@npm --prefix web ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# A stamp is newer than what it was installed from, so repeats are quick.
$(VENV)/.installed-train: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Emovox into $(VENV) (a few minutes the first time) …"
	@$(INSTALL) -e '.[train]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Emovox and its development tools into $(VENV) (a few minutes the first time) …"
	@$(INSTALL) -e '.[train,dev]'
	@touch $@ $(VENV)/.installed-train

$(BIN)/python:
	@$(or $(PYTHON),false) $(FITS) 2>/dev/null || { echo "Emovox needs Python 3.11, 3.12 or 3.13, and \
$(if $(PYTHON),$(PYTHON) is not one,none was found). Install one, or name it: make run PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Python could not make .venv. On Debian and Ubuntu: sudo apt install python3-venv, then try again." >&2; exit 2; }
