# The environments are made on first use and kept; .ci/venv.sh says how.
#   make PYTHON=python3.13 test      use this interpreter
#   make test ARGS="-k units -x"     hand options to the command

venv = sh .ci/venv.sh
bin = .venv/bin

# Pictures go to files: a display must not be needed.
export MPLBACKEND = Agg
# Without this scikit-learn skips its array API checks.
test quick fuzz interrupts test-oldest test-sdist: export SCIPY_ARRAY_API = 1
# The last Python for which the oldest versions have wheels.
test-oldest: export MAX_MINOR = 12

.PHONY: help demo test quick fuzz interrupts soak mutants test-oldest test-sdist lint format docs bench clean
# A process for each core, with one thread each.
parallel = -n auto
test quick fuzz interrupts soak mutants: export OPENBLAS_NUM_THREADS = 1
test quick fuzz interrupts soak mutants: export OMP_NUM_THREADS = 1

# Two targets must not set up the same environment at the same time.
.NOTPARALLEL:

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1:/p' Makefile | awk -F: '{ printf "  %-12s %s\n", $$1, $$2 }'

demo: ## train a few models and write pictures to demo_output/ (1 minute)
	@$(venv) .venv plot,progress
	$(bin)/python docs/demo.py $(ARGS)

test: ## run the tests (4 minutes on two cores)
	@$(venv) .venv test
	$(bin)/python -m pytest $(parallel) $(ARGS)

quick: ## run a part of each test (2 minutes)
	@$(venv) .venv test
	$(bin)/python -m pytest $(parallel) --quick $(ARGS)

fuzz: ## call every method with tables of all kinds (1 hour; ARGS=1000 for fewer)
	@$(venv) .venv test
	SKDBN_FUZZ=$(or $(ARGS),100000) $(bin)/python -m pytest -x tests/test_hostile.py

interrupts: ## interrupt fits and samples at 500 moments each (3 minutes)
	@$(venv) .venv test
	SKDBN_INTERRUPTS=$(or $(ARGS),500) $(bin)/python -m pytest tests/test_interrupts.py

soak: ## learn from a drifting stream, to see memory and speed stay (1 hour; ARGS=5 for minutes)
	@$(venv) .venv plot,progress
	$(bin)/python -m benchmarks.soak $(ARGS)

mutants: ## break the package in small ways, and see that tests notice (25 minutes)
	@$(venv) .venv test
	cd tests && ../$(bin)/python -m mutants $(ARGS)

test-oldest: ## run the tests with the oldest supported versions
	@$(venv) .venv-oldest test .ci/oldest.txt
	.venv-oldest/bin/python -m pytest $(ARGS)

test-sdist: ## install the source distribution as README.md says, and test it
	@$(venv) .venv test
	PYTEST_ADDOPTS="--quick $(ARGS)" sh .ci/sdist.sh

lint: ## check style, formatting and docstrings
	@$(venv) .venv test
	$(bin)/python -m ruff check .
	$(bin)/python -m ruff format --check .
	$(bin)/python -m pytest -qq tests/test_docstrings.py

format: ## put the code into the standard format
	@$(venv) .venv test
	$(bin)/python -m ruff check --fix .
	$(bin)/python -m ruff format .

docs: ## build the documentation into docs/_build/html
	@$(venv) .venv docs
	rm -rf docs/generated
	$(bin)/python -m sphinx -W --keep-going -b html docs docs/_build/html

bench: ## measure the speed of training
	@$(venv) .venv plot,progress
	$(bin)/python -m benchmarks.speed $(ARGS)

clean: ## remove everything that can be made again
	rm -rf .venv .venv-oldest build dist *.egg-info demo_output .coverage htmlcov
	rm -rf .pytest_cache .ruff_cache docs/_build docs/generated docs/auto_examples
	find skdbn tests docs benchmarks -name __pycache__ -prune -exec rm -rf {} +
