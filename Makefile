# Two commands do everything: `make up` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := sdk datasets functions_catalog service endpoint portal
# $(call compile,FILE): the one way the lock is made; --no-header and --no-emit-* keep machine and registry out of it.
compile = $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --group pyproject.toml:dev $(PACKAGES:%=%/pyproject.toml) \
	--no-emit-package openbeam --no-emit-package openbeam-datasets -o $(1)

# Tests wait for processes half of the time.
TEST_WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
FUZZ_EXAMPLES ?= 100
FUZZ_SEED ?= 1

.PHONY: help install up test test-system fuzz physics check lock bench footprint clean

help:  ## list what can be done
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(BIN)/uv:
	@echo "Making .venv at the versions of requirements.lock; this is done once."
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "Openbeam needs Python 3.11 to 3.13; name one with make PYTHON=…")'
	@$(PYTHON) -m venv $(VENV)
	@awk '/^[a-z]/ {uv = /^uv==/} uv' requirements.lock > $(VENV)/uv.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r $(VENV)/uv.txt

# The stamp is redone when the lock or a pyproject changes. Bytecode is made now: a sandbox sees all of it read-only and
# would compile everything again at every start.
$(VENV)/.installed: requirements.lock pyproject.toml $(PACKAGES:%=%/pyproject.toml) | $(BIN)/uv
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync -q --compile-bytecode --require-hashes requirements.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q --no-deps --no-build-isolation $(PACKAGES:%=-e %)
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@touch $@

install: $(VENV)/.installed  ## make .venv at the versions of requirements.lock

up: install  ## start everything on this machine and run the main job; Ctrl-C stops it
	@launch/up

test: install  ## run the whole test suite
	@tests/install-debian
	$(BIN)/pytest -n $(TEST_WORKERS) --dist loadscope -m "not system"

test-system: install  ## tests that need root, Docker or a server from Debian
	@tests/install-debian system
	$(BIN)/pytest -n 2 --dist loadscope -m system

fuzz: install  ## ask the whole REST API, as everybody, for what nobody foresaw (FUZZ_EXAMPLES, FUZZ_SEED)
	OPENBEAM_FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) OPENBEAM_FUZZ_SEED=$(FUZZ_SEED) $(BIN)/pytest service/tests/matrix/test_service_fuzz.py

physics: install  ## run every analysis and hold it to the numbers that others got (PHYSICS="z_mumu --largest 3")
	$(BIN)/python tests/physics.py $(PHYSICS)

check: install  ## style, types, import rules, lock
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@cp requirements.lock $(VENV)/requirements.lock && $(call compile,$(VENV)/requirements.lock)
	@cmp -s requirements.lock $(VENV)/requirements.lock || \
		{ echo "requirements.lock is not in step with the pyproject files. Run: make lock"; exit 1; }

bench/.venv/.installed: bench/requirements.lock | $(BIN)/uv
	@$(PYTHON) -m venv bench/.venv
	@VIRTUAL_ENV=bench/.venv $(BIN)/uv pip sync -q --require-hashes bench/requirements.lock
	@touch $@

bench: install bench/.venv/.installed  ## measure Openbeam beside Parsl, RQ, Celery and dask
	$(BIN)/python bench/compare.py

footprint: install  ## measure times and memory of the started stack
	$(BIN)/python tests/footprint.py

lock: | $(BIN)/uv  ## resolve the newest versions into requirements.lock
	rm -f requirements.lock && $(call compile,requirements.lock)

clean:  ## remove the environment and the data directory
	rm -rf $(VENV) .openbeam bench/.venv
