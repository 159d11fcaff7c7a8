# Two commands do everything on a fresh machine: make demo, make test.
SHELL := /bin/bash
PYTHON_RUN := .venv/bin/python -m ivr.cli
# Five seconds for a killed controller to be right again are told of a machine that does nothing else.
KILLED := tests/faults/test_killed_processes.py

.PHONY: help demo run doctor setup setup-test setup-bench pages check test bench test-faults lock tiny-model screenshots

help: ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## make this machine ready to run the product
	@scripts/setup.sh demo

setup-test: ## make this machine ready to test it too
	@scripts/setup.sh test

demo: ## two real calls with scripted phones; ONCE=1 ends afterwards, JSON=file writes a summary
	@began=$$(date +%s.%N); scripts/setup.sh demo && \
	IVR_SETUP_SECONDS=$$(echo "$$(date +%s.%N) - $$began" | awk '{print $$1 - $$3}') exec $(PYTHON_RUN) demo $(if $(ONCE),--once) $(if $(JSON),--json $(JSON))

run: setup ## the same stack for real phones and operators
	@exec $(PYTHON_RUN) run

doctor: setup ## what is missing or unhealthy, and what to do
	@$(PYTHON_RUN) doctor

pages: setup ## build the pages
	@scripts/build-pages.sh

check: setup-test ## style, types, layers, locks, container files
	@scripts/check.sh

test: setup-test ## every test but the long faults; what computes, what listens and what breaks run apart from each other
	@status=0; run() { .venv/bin/python -m pytest --dist loadfile "$$@" || status=1; }; \
	run -n 2 tests/unit tests/contract tests/scenarios tests/integration; \
	run -n 4 -m "not browser" tests/e2e; \
	run -n 2 -m browser tests/e2e; \
	run -n 2 tests/faults --ignore=$(KILLED); \
	run -n 2 $(KILLED); \
	exit $$status

setup-bench: ## make this machine ready to measure it against its peers
	@scripts/setup.sh bench

bench: setup-bench ## figures as ratios; ONLY=name runs one, JSON=file writes them
	@.venv/bin/python -m tests.bench $(if $(ONLY),--only $(ONLY)) $(if $(JSON),--json $(JSON))

tiny-model: setup ## rebuild the tiny speech model from pip and Debian packages alone
	@models/tiny/build.sh

screenshots: setup-test ## take the screenshots of the README from real calls
	@.venv/bin/python -m tests.e2e.screenshots

lock: setup-test ## resolve the locks anew (needs uv)
	@scripts/lock.sh

test-faults: setup-test ## every fault in full; the report is build/faults.md
	@FAULTS_FULL=1 FAULTS_REPORT=build/faults.md .venv/bin/python -m pytest tests/faults
