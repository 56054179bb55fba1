# RefundLens: `make run` starts the service, `make test` runs every test, `make quick` most of them. Only Python 3.11+
# and make are needed. They install the project in place (`pip install -e`): an edit shows on the next start, nothing is copied to build/,
# and a second call finds its stamp file and installs nothing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 8000
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-compile

.PHONY: help run test quick lint bench bench-servers lock sbom audit clean

help:
	@echo "make run    start the service on http://$(HOST):$(PORT) and print a demo key"
	@echo "make test   install everything and run the test suite"
	@echo "make quick  the tests that take no seconds each: what to run while working"
	@echo "make lint   ruff and mypy"
	@echo "make bench  speed and memory of the bundled model on this machine"
	@echo "make bench-servers  the service under load, beside other servers"
	@echo "make lock   the versions and hashes that a release installs; UPGRADE=1 for the newest"
	@echo "make sbom   what they are, as CycloneDX;  make audit  known faults in them (asks PyPI)"
	@echo "make clean  remove the virtual environment and caches; data in var/ stays"

run: $(VENV)/.serving
	$(BIN)/refundlens serve --host $(HOST) --port $(PORT)

# Two at a time where there are two processors: more would make tests that look at the clock wait for each other.
test: $(VENV)/.development
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 2

quick: $(VENV)/.development
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical -m "not slow" --hypothesis-profile=dev

lint: $(VENV)/.development $(NAMES)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The four folders under the name they are installed by: mypy follows links, but no editable install's finder.
NAMES := $(VENV)/names/refundlens
$(NAMES):
	mkdir -p $@
	for name in model datasets training serving; do ln -s ../../../$$name $@/$$name; done

bench: $(VENV)/.serving
	$(BIN)/refundlens bench

# Beside LitServe, Mosec and plain FastAPI; OUT=FILE keeps the figures.
bench-servers: $(VENV)/.serving
	$(PIP) -e '.[bench]'
	$(BIN)/refundlens bench --against litserve,mosec,mosec-tuned,fastapi $(if $(OUT),--out $(OUT))

# What a release is built of. uv, cyclonedx-bom and pip-audit are run in a virtual environment of their own.
TOOLS := $(VENV)/tools
$(TOOLS)/.installed:
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip --disable-pip-version-check install --quiet uv cyclonedx-bom pip-audit
	@touch $@

lock: $(TOOLS)/.installed
	$(TOOLS)/bin/uv pip compile pyproject.toml --extra postgres --extra otel --extra objects --extra triton --universal --generate-hashes \
		--no-header --no-annotate --quiet $(if $(UPGRADE),--upgrade) --output-file deploy/requirements.lock

sbom: $(TOOLS)/.installed
	$(TOOLS)/bin/cyclonedx-py requirements deploy/requirements.lock --output-reproducible --of JSON 2>/dev/null \
		| $(PYTHON) deploy/sbom.py > deploy/sbom.cdx.json

audit: $(TOOLS)/.installed
	$(TOOLS)/bin/pip-audit --requirement deploy/requirements.lock --require-hashes --disable-pip --strict

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "RefundLens needs Python 3.11 or newer; say which with: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# What serving needs: no torch.
$(VENV)/.serving: pyproject.toml | $(BIN)/python
	$(PIP) -e .
	@touch $@

# Training and development on top.
$(VENV)/.development: pyproject.toml | $(BIN)/python
	$(PIP) -e '.[train,dev]'
	@touch $@ $(VENV)/.serving
