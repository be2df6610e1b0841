# Two commands do all the set-up: `make train` and `make test`. A second call installs nothing again.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RATIO  ?= 0.1
SEED   ?= 0
METHOD ?= trs_process
BESIDE ?= trs,supervised,svr_tuned
ARGS   ?=
ifndef RUN  # := asks the clock once; with ?= the folder that is made could be a second older than the one written to
RUN    := runs/$(shell date +%Y%m%d-%H%M%S)-dives-$(METHOD)-$(RATIO)-$(SEED)
endif
# one more than cores, since some tests wait for a browser or a kernel
JOBS   ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

# Many containers forbid Python to keep what it has compiled. Then every kernel and every test would compile torch and
# pandas again, some fifteen seconds each time.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: train test bench lab tidy sync readme lock audit clean help

help:  ## what there is
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/'

$(VENV)/installed: requirements.lock settings.ini setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "trs_lab needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@# The pip that comes with Python 3.11 and 3.12 takes twice as long to choose among the files of 186 packages.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@# Modules are compiled when they are first imported: most of the thousands that are installed never are.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

train: $(VENV)/installed  ## train on the embedded dives with a tenth of the scores; look at <run>/train.ipynb afterwards
	@mkdir -p "$(RUN)"
	@# -r: a folder whose name is a number stays a name; the shell finds the absolute path, as make would split it at blanks
	$(BIN)/trs_lab train -p method $(METHOD) -p compare "$(BESIDE)" -p ratio $(RATIO) -p seed $(SEED) -r out_dir "$$(cd "$(RUN)" && pwd)" $(ARGS)

test: $(VENV)/installed sync  ## notebooks in sync with the package, every notebook's tests, and tests from outside
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests -n $(JOBS) --dist loadgroup

sync: $(VENV)/installed  ## fail if the package is not what the notebooks export, or a notebook is not clean
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/check_sync.py

bench: $(VENV)/installed  ## our speed beside the way published code does it: prints a table, writes runs/bench.json; some twenty minutes
	@mkdir -p runs
	$(BIN)/papermill nbs/bench.ipynb runs/bench.ipynb $(ARGS)
	@$(BIN)/python -c 'import pandas as pd; print(pd.read_json("runs/bench.json").to_string(index=False))'
	@echo "table: runs/bench.json; executed notebook with its profiles: runs/bench.ipynb"

lab: $(VENV)/installed  ## JupyterLab on the project, with a page that links programs and last runs; notebooks are cleaned when saved
	@if [ "$$(id -u)" = 0 ]; then echo "warning: JupyterLab runs as root, so whoever has its token may do anything on this machine"; fi
	$(BIN)/jupyter lab $$([ "$$(id -u)" != 0 ] || echo --allow-root) --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/runs/lab/start.ipynb --ContentsManager.pre_save_hook=nbdev.clean.clean_jupyter "$$($(BIN)/python -m trs_lab.results.start)"

tidy: $(VENV)/installed  ## export, clean, format, and strip what notebooks may not keep; mends all that needs no judgement
	$(BIN)/python tests/outputs.py --strip || true
	PATH="$(CURDIR)/$(BIN):$$PATH"; nbdev_clean && ruff format --quiet nbs tests setup.py && nbdev_export
	$(BIN)/python tests/check_sync.py --readme

readme: $(VENV)/installed  ## README.md from nbs/index.ipynb
	$(BIN)/python tests/check_sync.py --readme

lock: $(VENV)/installed  ## write down the versions that are installed now
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu//' > requirements.lock  # a CPU build pins the same release as a CUDA build

audit:  ## known faults of the packages in requirements.lock, by pip-audit; says so where no database can be reached
	@test -x $(VENV)/audit/bin/pip-audit || { $(PYTHON) -m venv $(VENV)/audit && $(VENV)/audit/bin/pip install --quiet pip-audit; }
	$(PYTHON) tests/audit.py $(VENV)/audit/bin/pip-audit

clean:  ## remove what can be made again, but neither runs nor caches
	rm -rf $(VENV) build dist *.egg-info .pytest_cache
