# What people and CI run. Needs Python 3.11 or newer, git and make; everything else goes into .venv.

PY := .venv/bin/python
READY := .venv/ready
PIP := $(PY) -m pip install --quiet --no-input --disable-pip-version-check -c constraints.txt
PYTHON ?=# which Python makes .venv; empty: the first of those below that is new enough
MARK ?= not gpu and not slow and not network and not data and not slurm and not ray and not browser
ARGS ?=# more words for pytest or the attack: make test ARGS="-k catalog"

# A waiting OpenMP thread that spins can slow small models down a hundredfold beside another process.
export OMP_WAIT_POLICY := PASSIVE

# Small runs spend a tenth of their time on memory that is returned to the system and asked for again.
KEEP_MEMORY := MALLOC_TRIM_THRESHOLD_=1073741824 MALLOC_MMAP_THRESHOLD_=1073741824

.DEFAULT_GOAL := help
.PHONY: help setup demo test attack check bench index wheel clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile | expand -t 14

setup: $(READY) ## make .venv and install acn_bench into it, once

demo: setup ## the main benchmark on embedded data, three seeds, with its report
	$(PY) -m acn_bench run split_cifar100 --data digits100 --quick --seeds 0-2 --out runs/demo
	$(PY) tools/check_demo.py runs/demo/split_cifar100

test: setup ## the tests, less those that need a GPU, real data, the network, a browser or patience
	OMP_NUM_THREADS=1 $(KEEP_MEMORY) $(PY) -m pytest -m "$(MARK)" -n auto --maxprocesses 8 --dist loadfile $(ARGS)

attack: setup ## 2,300 cases of damaged input and 100 kills, five minutes on an idle core; ARGS="--seed 1" draws others
	$(PY) tools/attack $(ARGS)

check: setup ## format, lint, types, and who imports whom
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	.venv/bin/lint-imports --no-logo

bench: setup ## speed, side by side, whether accuracies agree with stock Avalanche's, and the cost of reports; 45 minutes
	$(PY) tools/bench_line.py
	$(PY) tools/bench_backbones.py
	$(PY) tools/bench_graphs.py
	$(PY) tools/bench_trainer.py
	$(PY) tools/bench_corruptions.py
	$(PY) tools/bench_images.py
	$(PY) tools/bench_language.py
	$(PY) tools/compare_accuracy.py
	$(PY) tools/bench_report.py

index: setup ## reports/index.html over all published records
	$(PY) tools/make_index.py

wheel: setup ## the wheel and the source distribution, into dist/
	$(PY) -m build

clean: ## remove what was built; .venv and runs stay
	rm -rf dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find acn_bench tests tools -name __pycache__ -type d -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	@sh tools/make_venv.sh .venv $(PYTHON)
	@echo "Installing acn_bench into .venv. The first time, PyTorch is about 5 GB: some minutes."
	@$(PIP) -e '.[dev]'
	@$(PIP) --no-deps robustbench
	@touch $@
	@echo "Ready: $$($(PY) --version), PyTorch $$($(PY) -c 'from importlib.metadata import version as v; print(v("torch"))')."
