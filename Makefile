# Every target makes its own .venv when needed; a fresh machine needs Python 3.11+, pip, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEEDS ?= 300
MEDIA_SEEDS ?= 4
MINUTES ?= 1
# Tests wait more than they work: some more at once than there are cores.
WORKERS ?= 4
ARGS ?= start

# Hundreds of programs start in a run of the tests: none of them compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test collect check style types layers sim chaos bench fuzz lock clean

run: $(VENV)/.ready  ## start a group, or any command: make run ARGS="peer --help"
	@$(BIN)/lanline $(ARGS)

test: $(VENV)/.ready  ## every test, side by side: make test WORKERS=8
	$(BIN)/pytest -q -n $(WORKERS) --durations=20

collect: $(VENV)/.ready  ## compile every test, which else each process of `make test` does; that one tells what is wrong
	-@$(BIN)/pytest -q --collect-only >/dev/null

check: style types layers  ## all three, side by side: make -j2 check

style: $(VENV)/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.ready
	$(BIN)/mypy

layers: $(VENV)/.ready
	$(BIN)/lint-imports

sim: $(VENV)/.ready  ## link, system, sealing, a lying server and video in simulated worlds, over many seeds: make sim SEEDS=10000
	$(BIN)/python tests/sim/run.py --seeds $(SEEDS)
	$(BIN)/python tests/sim/sealing/run.py --seeds $(SEEDS)
	$(BIN)/python tests/sim/sealing/run.py --seeds $(SEEDS) --only clients
	LANLINE_MEDIA_SEEDS=$(MEDIA_SEEDS) $(BIN)/pytest -q -n auto tests/sim/test_media_*.py tests/sim/test_sound_simulation.py

chaos: $(VENV)/.ready  ## real processes, killed at random: make chaos MINUTES=30
	$(BIN)/python tests/chaos/run.py --minutes $(MINUTES)

bench: $(VENV)/.bench  ## the tables of docs/benchmarks.md
	$(BIN)/python bench/run.py

fuzz: $(VENV)/.fuzz  ## every parser of remote input: make fuzz SECONDS=600
	$(BIN)/python fuzz/run.py --seconds $(or $(SECONDS),60)

lock: COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header
lock: $(VENV)/.ready  ## pin every dependency anew, with hashes and without addresses
	$(COMPILE) --extra dev --extra video pyproject.toml -o requirements.lock
	$(COMPILE) --extra dev --extra video --extra bench --extra fuzz -c requirements.lock pyproject.toml \
		-o requirements-bench.lock
	echo hatchling | $(COMPILE) -c requirements.lock pyproject.toml - -o requirements-server.lock
	echo hatchling | $(COMPILE) --extra video -c requirements.lock pyproject.toml - -o requirements-video.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Lanline needs Python 3.11 or newer; $(PYTHON) is not. Name another: make run PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null || \
		{ echo "Python cannot make a virtual environment here. Debian: apt install python3-venv. Is the folder yours?" >&2; exit 1; }
	@echo "Installing what Lanline needs, which takes about a minute …" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock 2>$(VENV)/pip.log || \
		{ echo "Not all that Lanline needs could be fetched: is there a way to the package index? $(VENV)/pip.log tells more." >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.bench $(VENV)/.fuzz: requirements-bench.lock $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	touch $(VENV)/.bench $(VENV)/.fuzz
