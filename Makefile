# make book    install into .venv, get the data, execute the chapters, render _build/html
# make lab     install into .venv, open the chapters in JupyterLab
# make test    install into .venv, build the book at the ci profile, run all tests
# make strip   bring the chapters back into the form in which they are committed, without outputs
# make clean   forget results and pages (the installed .venv stays)
#
# PROFILE=ci|laptop|paper   how large the experiments are
# JOBS=N                    chapters at a time
# SCHEDULER=tcp://...       the chapters' studies run on the workers of a Dask scheduler
# LAB=...                   options for JupyterLab, such as --no-browser
# PYTHON=...                the Python to make .venv with

PROFILE = ci
JOBS =
SCHEDULER =
LAB =
PYTHON ?=

CANDIDATES = $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python)
VENV_PYTHON = .venv/bin/python

.PHONY: book lab test strip clean

book: .venv/installed
	@$(VENV_PYTHON) -m book.builder --profile $(PROFILE) \
	  $(if $(JOBS),--jobs $(JOBS)) $(if $(SCHEDULER),--scheduler $(SCHEDULER))

# A kernel called python3 that lies in the home folder would be taken for that of .venv.
lab: .venv/installed
	@JUPYTER_PREFER_ENV_PATH=1 $(VENV_PYTHON) -m jupyterlab $(if $(filter 0,$(shell id -u)),--allow-root) $(LAB) chapters

# The browser tests read the pages and the chapter tests the cached results, so nothing is executed twice.
test: .venv/installed
	@$(VENV_PYTHON) -m book.builder --profile ci
	@$(VENV_PYTHON) -m pytest -n logical --maxprocesses 8 --dist worksteal

strip: .venv/installed
	@$(VENV_PYTHON) -m book.builder --strip
	@$(VENV_PYTHON) -m book.builder.first_cell

clean:
	rm -rf _build

.venv/installed: $(VENV_PYTHON) requirements.txt pyproject.toml
	@echo "Installing into .venv; PyTorch is large, the first time can take minutes"
	@$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV_PYTHON):
	@found=; incomplete=; \
	for python in $(CANDIDATES); do \
	  "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || continue; \
	  if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then found=$$python; break; fi; \
	  incomplete=$$python; \
	done; \
	if [ -z "$$found" ] && [ -n "$$incomplete" ]; then \
	  echo "$$incomplete lacks the venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; \
	fi; \
	if [ -z "$$found" ]; then \
	  echo "No Python 3.11, 3.12 or 3.13 among: $(CANDIDATES). Install one, or name it: make PYTHON=/path/to/python" >&2; \
	  exit 1; \
	fi; \
	"$$found" -m venv --clear .venv
