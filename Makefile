# One command each for what is done daily; `make setup` comes first.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: setup run test fast lint bench

setup: .venv/made

.venv/made: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -r requirements-dev.txt
	touch $@

run: setup
	$(BIN)/streamlit run app.py $(ARGUMENTS)

test: setup
	$(BIN)/python -m pytest -n auto --dist loadfile

fast: setup
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m bench.house
	$(BIN)/python -m bench.$(or $(BENCH),collect) $(ARGUMENTS)
