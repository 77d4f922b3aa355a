# Every command. `make` alone lists them; they need Python 3.11 or newer, and nothing else.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh
BIN := .venv/bin
# ONNX Runtime would send figures of its use to its maker.
export ORT_DISABLE_TELEMETRY := 1
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --require-hashes
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --generate-hashes
TRAINING := .venv-training/bin
# PyTorch is not in the lock file: which build is right depends on the machine. TORCH_ARGS goes to pip, as in
# TORCH_ARGS="--index-url ..." for a build of PyTorch's own index.
TORCH := torch==2.13.0
TORCH_ARGS :=
TORCH_BUILD := torch triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti nvidia-cuda-nvrtc \
  nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver nvidia-cusparse \
  nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx
LOCK_TRAINING := $(LOCK) $(addprefix --no-emit-package ,$(TORCH_BUILD))
TRAINING_PIP := $(TRAINING)/python -m pip --disable-pip-version-check --quiet install
# What we are compared with. Each has an environment of its own, for they want other versions than we do.
PEER_VERSIONS := crowd-kit==1.4.2 panoptes-aggregation==5.3.1
PEERS := $(foreach peer,$(PEER_VERSIONS),$(firstword $(subst ==, ,$(peer))))
ALONE := flock .venv-training/.made sh -c
RUNS ?= var/runs

.PHONY: help
help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: .venv/.web ## the site on http://localhost:8000 (PORT=...) until Ctrl-C
	@exec $(BIN)/python -m webapp.supervisor

.PHONY: demo
demo: .venv/.web ## simulated volunteers answer the demo campaign
	@$(BIN)/python manage.py simulate_volunteers

.PHONY: trainer
trainer: .venv-training/.web ## the training environment; then train runs as they appear in RUNS=var/runs
	@exec $(TRAINING)/python -m training watch $(RUNS)

.PHONY: test
ifeq ($(T),)
test: test-training test-site ## all tests, or T="tests/webapp -k lock"
else ifneq ($(findstring tests/training,$(T)),)
test: test-training
else
test: test-site
endif

.PHONY: test-site
test-site: .venv/.dev browser ## the tests of the site and of inference
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(T)

.PHONY: test-training
test-training: .venv-training/.dev ## the tests of the training
	@$(TRAINING)/python -m pytest -c tests/training/pytest.ini --rootdir . --confcutdir . -n 2 --dist worksteal $(or $(T),tests/training)

.PHONY: check
check: lint types imports migrations test ## everything that must be green before a commit

.PHONY: lint
lint: .venv/.dev ## style, formatting, spelling
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@find templates -name '*.html' -exec $(BIN)/djade --check --target-version 5.2 {} +
	@$(BIN)/typos

.PHONY: types
types: .venv/.dev .venv-training/.dev ## mypy, strict
	@$(BIN)/mypy
	@$(TRAINING)/mypy --config-file training/mypy.ini

.PHONY: imports
imports: .venv/.dev ## the order of packages and apps
	@$(BIN)/lint-imports

.PHONY: migrations
migrations: .venv/.dev ## no model has changed without its migration
	@$(BIN)/python manage.py makemigrations --check --dry-run

.PHONY: fix
fix: .venv/.dev ## repair what the linters can repair
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .
	@find templates -name '*.html' -exec $(BIN)/djade --target-version 5.2 {} + || true

.PHONY: bench
bench: .venv/.dev ## classifications a second over HTTP, or B=belief, B=skill, B=tallies (the last two after make peers)
	@$(BIN)/python -m tests.bench $(B)

.PHONY: scale
scale: .venv/.dev ## how queries and tables grow up to LARGE=1000000 classifications, on a database of its own
	@$(BIN)/python -m tests.bench scale --large $(or $(LARGE),1000000)

.PHONY: bench-browser
bench-browser: .venv/.dev browser ## how fast the classify page is on a slow phone, in Chromium's own emulation
	@$(BIN)/python -m tests.bench.browser

.PHONY: bench-networks
bench-networks: .venv-training/.dev ## pictures a second that networks predict and learn from, PICTURES=folder of JPEGs
	@$(TRAINING)/python -m tests.bench.networks "$(PICTURES)"

.PHONY: peers
peers: $(PEERS:%=.venv-peers/%/.installed) ## other projects' software to compare with, each in an environment of its own

.PHONY: replay
replay: .venv-training/.dev ## how few votes are enough: real campaigns voted on again, DATA=folder of the public tables
	@$(TRAINING)/python -m tests.bench.replay "$(DATA)" --picture docs/img/replay.png

.PHONY: starter
starter: .venv-training/.web ## train the starter network again from DATA=folder, and print its tables
	@$(TRAINING)/python -m training starter "$(DATA)" --out inference/models/starter.onnx

.PHONY: faults
faults: .venv/.dev browser ## the long form of the kills, 108 among 200 clients, with its table; then every other fault that a site survives, long forms too
	@FAULTS=long $(BIN)/python -m pytest -n 0 -s tests/faults/test_kills.py
	@tests="$$($(BIN)/python -m tests.proofs F1-F16 F23 F25 F26 F28 F31 F32)" && \
	  FAULTS=long $(BIN)/python -m pytest -n 2 --dist worksteal --deselect tests/faults/test_kills.py tests/faults $$tests

.PHONY: load
load: .venv/.dev ## 200 volunteers for MINUTES=10 through every page, then a bot among them
	@$(BIN)/python -m tests.load --minutes $(or $(MINUTES),10)

.PHONY: fuzz
fuzz: .venv/.dev ## the long form of the requests made from the API's own document, and of every form
	@SCHEMA_EXAMPLES=1000 $(BIN)/python -m pytest -n 0 tests/webapp/api/test_schema.py
	@FORM_EXAMPLES=4000 $(BIN)/python -m pytest -n 0 tests/webapp/test_forms.py

.PHONY: browser
browser: .venv/.dev ## find or get the Chromium that the tests drive
	@$(BIN)/python -m tests.browser.chromium

# xgettext and its relatives are GNU gettext's: apt install gettext. Only who changes words needs them.
.PHONY: translations
translations: .venv/.dev ## gather the words of templates and code into locale/, and compile what is translated
	@$(BIN)/python manage.py makemessages --all --no-wrap --no-location --no-obsolete --ignore '.venv*' --ignore tests --ignore var
	@$(BIN)/pybabel --quiet compile --domain django --directory locale --statistics

.PHONY: lock
lock: .venv/.dev ## lock the versions that pyproject.toml allows
	@$(LOCK) --extra web --extra s3 --output-file requirements/web.txt pyproject.toml
	@$(LOCK) --extra web --extra s3 --extra dev --constraints requirements/web.txt --output-file requirements/dev.txt pyproject.toml
	@$(LOCK) --extra web --extra s3 --extra gpu --no-emit-package onnxruntime --constraints requirements/web.txt --output-file requirements/gpu.txt pyproject.toml
	@$(LOCK_TRAINING) --extra training-dev --constraints requirements/dev.txt --output-file requirements/training-dev.txt pyproject.toml
	@$(LOCK_TRAINING) --extra training --constraints requirements/training-dev.txt --output-file requirements/training.txt pyproject.toml
	@for peer in $(PEER_VERSIONS); do echo $$peer | $(LOCK) --output-file requirements/peers-$${peer%==*}.txt - || exit 1; done

.PHONY: audit
audit: .venv/.dev ## known vulnerabilities of what is locked; fails too where a package cannot be asked about
	@$(BIN)/pip-audit --progress-spinner off --strict --disable-pip --require-hashes --requirement requirements/web.txt

.PHONY: sbom
sbom: .venv/.dev ## what is inside, with hashes, as CycloneDX in sbom.json
	@$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-file sbom.json requirements/web.txt

.PHONY: clean
clean: ## remove caches; .venv and var/ (the data!) stay
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache test-results
	@find . -path ./.venv -prune -o -path ./var -prune -o -name __pycache__ -type d -exec rm -rf {} +

# A stamp is written last: an interrupted installation is done again, a finished one is not.
.venv/.web: requirements/web.txt | .venv/.made
	@echo "Installing the packages of $< into .venv (once, some minutes)."
	@$(PIP) -r $<
	@touch $@

.venv/.dev: requirements/dev.txt requirements/web.txt | .venv/.made
	@echo "Installing the packages of $< into .venv (once, some minutes)."
	@$(PIP) -r $<
	@touch .venv/.web $@

# The supervisor makes the training environment in the background while a person may do the same: one at a time.
.venv-training/.web: requirements/training.txt | .venv-training/.made
	@echo "Installing the packages of $< and PyTorch into .venv-training (once, some minutes)."
	@$(ALONE) '$(TRAINING_PIP) --require-hashes -r $< && $(TRAINING_PIP) $(TORCH_ARGS) $(TORCH)'
	@touch $@

.venv-training/.dev: requirements/training-dev.txt requirements/training.txt | .venv-training/.made
	@echo "Installing the packages of $< and PyTorch into .venv-training (once, some minutes)."
	@$(ALONE) '$(TRAINING_PIP) --require-hashes -r $< && $(TRAINING_PIP) $(TORCH_ARGS) $(TORCH)'
	@touch .venv-training/.web $@

.venv-peers/%/.installed: requirements/peers-%.txt | .venv-peers/%/.made
	@echo "Installing the packages of $< into .venv-peers/$* (once, some minutes)."
	@.venv-peers/$*/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r $<
	@touch $@

.venv/.made .venv-training/.made $(PEERS:%=.venv-peers/%/.made):
	@for python in python3 python3.13 python3.12 python3.11; do \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	  python=; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Python 3.11 or newer is needed and $$(python3 --version 2>/dev/null || echo no python3) was found: install one, as in: apt install python3.11 python3.11-venv" >&2; exit 1; \
	elif ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "The venv module of $$python is missing: install it, on Debian and Ubuntu with: apt install python3-venv" >&2; exit 1; \
	elif ! $(@D)/bin/python -m pip --version >/dev/null 2>&1; then \
	  $$python -m venv --clear $(@D) || exit 1; \
	fi; \
	touch $@
