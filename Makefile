# Two commands on a fresh machine: `make demo` and `make test`.  Everything is installed into .venv; nothing else changes,
# except that system libraries for offscreen rendering are installed where `apt-get` may be used without a password.
PYTHON ?= python3
VENV   ?= .venv
# A CPU build of torch is enough for tests and demo; set TORCH to choose another, e.g. TORCH="torch --index-url ...".
TORCH  ?= torch==2.13.0
BIN    := $(VENV)/bin
SYSTEM := libgl1 libegl1 libegl-mesa0 libgl1-mesa-dri libosmesa6 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0 \
          python3-venv poppler-utils

.PHONY: help demo test test-library test-panel test-fast lint architecture slicer screenshots fuzz clean environment

help:
	@echo "make demo                detect anomalies on the sample, exactly as the panel does; results in demo/"
	@echo "make test                lint and the whole test suite"
	@echo "make test-fast           the tests that neither train a model nor open the panel, about a minute"
	@echo "make architecture        draw what imports what, and check that no arrow points up"
	@echo "make slicer SLICER=path  start 3D Slicer with the module"
	@echo "make screenshots         make the README's pictures again"
	@echo "make fuzz                read 1,200 damaged and hostile files"
	@echo "make clean               remove .venv and demo"

environment: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml Testing/tools/system_packages.sh
	sh Testing/tools/system_packages.sh $(SYSTEM)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

demo: environment
	$(BIN)/python Testing/demo.py --output demo

test: environment  # both suites at the same time: neither keeps two cores busy
	$(MAKE) --jobs 3 --output-sync=target lint test-library test-panel

test-library: environment
	$(BIN)/python -m pytest Testing/library

test-panel: environment  # a process of its own: the panel's world never loads torch
	$(BIN)/python -m pytest Testing/panel

test-fast: environment
	$(BIN)/python -m pytest -q -m "not slow and not gui and not data" Testing/library

architecture: environment
	$(BIN)/python Testing/tools/architecture.py

lint: environment
	$(BIN)/ruff check .
	$(BIN)/mypy

screenshots: environment
	$(BIN)/python Testing/demo.py --output demo --screenshots Resources/Screenshots
	$(BIN)/python Testing/review_pictures.py --output demo/review --pictures Resources/Screenshots

fuzz: environment
	cd Testing && ../$(BIN)/python -m fuzz --dicom 200 --headers 1000 --seed 0 --output benchmarks/results/fuzz.json

slicer:  # CHECK=1: self-test and pictures, without a person
	@test -n "$(SLICER)" || { echo "Give the program: make slicer SLICER=/path/to/Slicer"; exit 2; }
	"$(SLICER)" --additional-module-paths "$(CURDIR)/SPMambaExtension" $(if $(CHECK),--no-splash --python-script "$(CURDIR)/Testing/real_slicer.py" "$(CURDIR)/demo/slicer")

clean:
	rm -rf $(VENV) demo
