# Two commands on a fresh machine: `make demo`, `make test`. Everything else serves whoever changes the code.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
FAST := unit conformance properties simulation
SLOW := contracts kafka chaos
present = $(wildcard $(addprefix tests/,$(1)))

.PHONY: setup demo test check lint fast thorough language slow browser ops bench reference lock clean

setup: .venv/.ready

# The lock pins and hashes; a Python it has no wheels for falls back to the ranges of pyproject.toml.
.venv/.ready: pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock \
		|| { echo "the lock does not fit this Python: installing from pyproject.toml" >&2; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[embedded,uvloop,dev]'; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

demo: setup
	@$(BIN)/fsm-worker demo

test: check slow

check: lint fast

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# On every core; what asks for a process without other threads (mark `alone`) runs by itself.
fast: setup
	@$(BIN)/python -m pytest -q -n auto --dist worksteal -m 'not alone' $(call present,$(FAST))
	@$(BIN)/python -m pytest -q -m alone tests/unit

# The properties and the simulation with twenty times the examples.
thorough: setup
	@FSM_EXAMPLES=20 $(BIN)/python -m pytest -q -n auto --dist worksteal --timeout=3600 tests/properties tests/simulation/test_invariants.py

# Ten thousand random machines over the whole language: compiled is interpreted; and the other properties with eight times the examples.
language: setup
	@FSM_EXAMPLES=200 $(BIN)/python -m pytest -q -n auto --dist worksteal --timeout=3600 tests/properties/test_engine_whole.py
	@FSM_EXAMPLES=8 $(BIN)/python -m pytest -q -n auto --dist worksteal --timeout=3600 tests/properties --ignore tests/properties/test_engine_whole.py

# The real broker is the embedded one unless the caller names another provider.
slow: setup
	@FSM_KAFKA=$${FSM_KAFKA:-embedded} $(BIN)/python -m pytest -q $(call present,$(SLOW))

# The page in a real Chromium. Not a part of `test`: pip cannot install a Chromium (`apt-get install chromium`, or FSM_CHROMIUM=program),
# and without one the tier says so and is skipped. Screenshots are left in results/browser.
browser: setup
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'playwright>=1.49'
	@FSM_KAFKA=$${FSM_KAFKA:-embedded} $(BIN)/python -m pytest -q tests/browser

# The stack: alert rules, every panel's query, the image, Compose. Not in `make test`, as Prometheus and Docker are no pip packages:
# what is not there skips its tests with the reason, and fails them where CI=true.
ops: setup
	@FSM_KAFKA=$${FSM_KAFKA:-embedded} $(BIN)/python -m pytest -q tests/ops

bench: setup
	@$(BIN)/python -m benchmarks

# Rewrites docs/reference.md and docs/worker.md: after a change of a key's description, a default, a helper, a check's code or the name of a conformance case.
reference: setup
	@PYTHONPATH=. $(BIN)/python docs/generate.py

# Rewrites the locks: for development, for the image, for building the image's wheel. Needs uv.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock:
	$(COMPILE) pyproject.toml --extra embedded --extra uvloop --extra dev -o requirements.lock
	$(COMPILE) pyproject.toml --extra uvloop -c requirements.lock -o requirements-image.lock
	echo hatchling | $(COMPILE) - -c requirements.lock -o requirements-build.lock

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
