# make run    set up and start Mien
# make test   set up and run every check
# make setup  only set up (virtual environment, packages, models, web page)
# make lock   pin requirements*.in again, with hashes

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; \
	done)
BIN := .venv/bin

.DEFAULT_GOAL := run
.PHONY: run setup setup-dev test lint unit lock clean

need-python:
	@test -n "$(PYTHON)" || { echo "Mien needs Python 3.11 or newer. On Debian or Ubuntu: sudo apt install python3 python3-venv; on macOS: brew install python@3.12"; exit 1; }

setup: need-python
	@$(PYTHON) scripts/setup.py

setup-dev: need-python
	@$(PYTHON) scripts/setup.py --dev

run: setup
	@$(BIN)/mien serve

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTHON) scripts/web.py lint typecheck test

test: lint
	$(BIN)/python -m pytest

unit: setup-dev
	$(BIN)/python -m pytest tests/unit

lock:
	$(BIN)/pip install --quiet uv==0.13.9
	for f in requirements requirements-dev; do $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet $$f.in -o $$f.txt; done

clean:
	rm -rf .venv web/node_modules web/*/dist web/*/node_modules
