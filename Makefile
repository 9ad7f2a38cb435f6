# Two commands do all the set-up: `make demo` and `make test`. `make help` lists the rest. Plain POSIX sh, nothing but Python with venv.
PYTHON ?= python3
# A requirement of your own, installed first: make demo TORCH="torch==2.9.1 --index-url URL"
TORCH ?=
SHELL = /bin/sh
PY = .venv/bin/python
PIP = $(PY) -m pip install --quiet --disable-pip-version-check
# Stamps carry a checksum of pyproject.toml, so that a second call reinstalls nothing and a changed dependency is installed.
KEY := $(shell cksum < pyproject.toml | cut -d ' ' -f 1)
DONE = .venv/.installed-$(KEY)
OWN_TORCH = $(if $(strip $(TORCH)),.venv/.torch-$(shell printf '%s' '$(TORCH)' | cksum | cut -d ' ' -f 1))

.PHONY: help demo play test test-all fuzz check wheel results ablations noise bench-peers gpu clean
.SUFFIXES:

help:
	@printf '%s\n' \
	  'make demo    install into .venv (once), then show a robot reaching goals: videos/' \
	  'make play    install with the extra play, then open a page to play with the robot, its goal and its dreams' \
	  'make test    install with the test extra, run the fast tests (TESTS="tests/envs" picks)' \
	  'make test-all   every test, whole trainings and kills too' \
	  'make fuzz    the tests of damaged and forged input, with 10 000 cases instead of 300' \
	  'make check   format, lint and types' \
	  'make wheel   build dist/*.whl and run it in a fresh environment' \
	  'make results    train and measure every row of the table in README.md (hours; goes on where it was; ROWS="reacher-state" picks)' \
	  'make ablations  measure what each part is worth: docs/ablations.md (hours; goes on where it was; VARIANTS="mppi" picks)' \
	  'make noise   measure what noise in pictures costs which world model: docs/noise.md (hours; goes on where it was; CELLS="reacher-frame" picks)' \
	  'make gpu     what a GPU is worth, in at most 8 minutes, and the tests that need one (REACH=--reach trains from nothing too): docs/benchmarks.md' \
	  'make bench-peers   .venv-bench, in which the planners are compared with the peers: docs/benchmarks.md' \
	  'make clean   remove .venv, build products and caches; runs/ and videos/ stay' \
	  '' \
	  'PYTHON=...   another interpreter (3.11 or newer); a torch it can import is reused' \
	  'TORCH="..."  install this torch first, e.g. TORCH="torch==2.9.1 --index-url URL"'

demo: $(DONE)-demo
	@.venv/bin/latent-mpc demo

play: $(DONE)-play
	@.venv/bin/latent-mpc play

# A process per core with one thread each: torch's threads wait for one another in a loop where processes share cores. A process takes 0.6 GB.
test: $(DONE)-test
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n auto --maxprocesses 8 --dist worksteal -m "not slow" $(TESTS)

test-all: $(DONE)-test
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n auto --maxprocesses 8 --dist worksteal $(TESTS)

fuzz: $(DONE)-test
	@FUZZ=10000 $(PY) -m pytest tests/test_fuzz.py

check: $(DONE)-check
	@$(PY) -m ruff format --check --quiet . || { echo 'make check: mend the format of these files with .venv/bin/python -m ruff format'; \
	  $(PY) -m ruff format --check . ; exit 1; }
	@$(PY) -m ruff check --quiet .
	@$(PY) -m mypy

# An interpreter that can do it, told in one line if it cannot; then .venv, which sees the torch of that interpreter if there is one.
.venv/bin/pip:
	@command -v '$(PYTHON)' > /dev/null 2>&1 || { \
	  echo "make: no '$(PYTHON)' here: install Python 3.11 or newer, or name one: make PYTHON=/path/to/python" >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: $(PYTHON) is $$('$(PYTHON)' --version 2>&1), but 3.11 or newer is needed: name one: make PYTHON=/path/to/python" >&2; exit 1; }
	@'$(PYTHON)' -c 'import venv, ensurepip' 2> /dev/null || { \
	  echo "make: $(PYTHON) cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@echo 'making .venv'; \
	torch=; \
	if [ -z '$(strip $(TORCH))' ]; then \
	  torch=$$('$(PYTHON)' -c 'import pathlib, torch; print(pathlib.Path(torch.__file__).parents[1])' 2> /dev/null) || torch=; \
	fi; \
	'$(PYTHON)' -m venv --clear $${torch:+--system-site-packages} .venv || { rm -rf .venv; exit 1; }; \
	if [ -n "$$torch" ]; then \
	  echo "reusing the torch in $$torch"; \
	  $(PY) -c 'import torch' 2> /dev/null || \
	    echo "$$torch" > "$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/reused-torch.pth"; \
	fi

.venv/.torch-%: | .venv/bin/pip
	@echo 'installing $(TORCH)'
	@set -f; torch='$(TORCH)'; $(PIP) $$torch
	@touch $@

# One stamp per set of extras; each removes the stamps of an older pyproject.toml.
$(DONE)-demo: EXTRA =
$(DONE)-play: EXTRA = [play]
$(DONE)-test: EXTRA = [test]
$(DONE)-check: EXTRA = [check]
$(DONE)-demo $(DONE)-play $(DONE)-test $(DONE)-check: $(OWN_TORCH) | .venv/bin/pip
	@echo 'installing latent-mpc$(EXTRA) into .venv; torch is the large part, allow it some minutes'
	@$(PIP) --editable '.$(EXTRA)'
	@for stamp in .venv/.installed-*; do case "$$stamp" in $(DONE)-*) ;; *) rm -f "$$stamp" ;; esac; done
	@touch $@ $(DONE)-demo $(if $(findstring check,$@),$(DONE)-test) $(if $(findstring demo,$@),,$(DONE)-play)

# The wheel alone must do: installed outside the checkout, into an environment that borrows only the dependencies of .venv.
wheel: $(DONE)-demo
	@rm -rf build dist
	@$(PY) -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@rm -rf build
	@set -e; top=$$(pwd); smoke=$$(mktemp -d); trap 'rm -rf "$$smoke"' EXIT; \
	$(PY) -m venv --system-site-packages --without-pip "$$smoke/venv"; \
	site=$$("$$smoke/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
	$(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$site/dependencies.pth"; \
	if [ -f "$$(cat "$$site/dependencies.pth")/reused-torch.pth" ]; then cat "$$(cat "$$site/dependencies.pth")/reused-torch.pth" >> "$$site/dependencies.pth"; fi; \
	$(PY) -m pip --python "$$smoke/venv/bin/python" install --quiet --disable-pip-version-check --no-deps --ignore-installed dist/*.whl; \
	cd "$$smoke"; \
	venv/bin/python -c 'import latent_mpc, sys; sys.exit(not latent_mpc.__file__.startswith(sys.prefix))' || { \
	  echo 'make wheel: the smoke test imported the checkout, not the wheel' >&2; exit 1; }; \
	venv/bin/latent-mpc; echo; venv/bin/latent-mpc tasks; venv/bin/latent-mpc train --help > /dev/null; \
	cd "$$top"; echo; ls dist/*.whl

# Figures of the repository, each made by one command.
results: $(DONE)-demo
	@$(PY) -m benchmarks.tables.results $(ROWS)

ablations: $(DONE)-demo
	@$(PY) -m benchmarks.tables.ablations $(VARIANTS)

noise: $(DONE)-demo
	@$(PY) -m benchmarks.tables.noise $(CELLS)

# The benchmark ends with status 2 where there is no GPU.
gpu: $(DONE)-test
	@$(PY) -m benchmarks.speed.gpu $(REACH)
	@$(PY) -m pytest -m gpu

# An environment of its own: what stable-worldmodel asks for does not install beside the package, and its solvers need none of it.
bench-peers:
	@'$(PYTHON)' -m venv .venv-bench
	@set -f; torch='$(TORCH)'; for wanted in "$$torch" "--editable .[bench]" "--no-deps stable-worldmodel==0.1.1"; do \
	  [ -z "$$wanted" ] || .venv-bench/bin/python -m pip install --quiet --disable-pip-version-check $$wanted || exit 1; done
	@echo 'next: .venv-bench/bin/python -m benchmarks.planners --quick'

clean:
	@rm -rf .venv .venv-bench build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage htmlcov
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
