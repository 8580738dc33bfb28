# Targets are listed by `make help`; all paths may have blanks.

DATA_FILE = data/dummy_data.h5
INPUT_FILE = workflow/input.yml
PROFILE = default
OUTPUT_DIR = .workdir
JOBS =
FORCE =
UNTIL =
STEP =
DETAILS =
PLANNED =
PRESET = dy2
EVENTS = 500000
SEED = 1
PRESETS = dy2,dy2b,dy1,dy3
SEEDS = 1,2,3,4,5
PORT = 5000

# Recipes read them from the environment, where quotes and blanks are harmless.
export DATA_FILE INPUT_FILE PROFILE OUTPUT_DIR JOBS FORCE UNTIL STEP DETAILS PLANNED PRESET EVENTS SEED PRESETS SEEDS PORT

DEFAULT_DATA = data/dummy_data.h5
VENV = .venv/bin/python
WHAT = --data_file "$$DATA_FILE" --input_file "$$INPUT_FILE" --profile "$$PROFILE" \
	--output_dir "$$OUTPUT_DIR" $${FORCE:+--force "$$FORCE"} $${UNTIL:+--until "$$UNTIL"}
SOURCES = $(wildcard code tests benchmarks)

.DELETE_ON_ERROR:
.PHONY: help environment data yadage-run plan status logs dag verify coverage
.PHONY: validate validate-spec check test test-long benchmark ui runs track clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

environment: .venv/.requirements.lock ## Create the virtual environment

yadage-run: environment $(filter $(DEFAULT_DATA),$(DATA_FILE)) ## Run all that is left (DATA_FILE INPUT_FILE PROFILE OUTPUT_DIR JOBS FORCE UNTIL)
	@$(VENV) -m madminer_workflow run $(WHAT) $${JOBS:+--jobs "$$JOBS"}

plan: environment $(filter $(DEFAULT_DATA),$(DATA_FILE)) ## Show what would run, and why (as yadage-run; DETAILS=1)
	@$(VENV) -m madminer_workflow plan $(WHAT) $${DETAILS:+--details}

status: environment ## Show the steps of the last run, also while it goes on (OUTPUT_DIR)
	@$(VENV) -m madminer_workflow status --output_dir "$$OUTPUT_DIR"

logs: environment ## Print the logs of its steps (OUTPUT_DIR STEP)
	@$(VENV) -m madminer_workflow logs --output_dir "$$OUTPUT_DIR" $${STEP:+--step "$$STEP"}

dag: environment ## Draw the graph of the last run; without one, or with PLANNED=1, of the plan (as plan)
	@$(VENV) -m madminer_workflow dag $(WHAT) $${PLANNED:+--planned}

verify: environment ## Compare all files of a run with the checksums of its records (OUTPUT_DIR)
	@$(VENV) -m madminer_workflow verify --output_dir "$$OUTPUT_DIR"

coverage: environment ## Try out how often regions of a run contain the truth (DATA_FILE OUTPUT_DIR)
	@$(VENV) -m madminer_workflow coverage --data_file "$$DATA_FILE" \
		--input_file "$$OUTPUT_DIR/_input/merged.yml" --output_dir "$$OUTPUT_DIR"

data: environment ## Make the default event file (PRESET EVENTS SEED DATA_FILE)
	@$(VENV) -m madminer_workflow generate --preset "$$PRESET" --events "$$EVENTS" \
		--seed "$$SEED" --output "$$DATA_FILE"

$(DEFAULT_DATA): | environment
	@$(VENV) -m madminer_workflow generate --output $@

validate: environment ## Compare with exact limits (PRESETS EVENTS SEEDS INPUT_FILE OUTPUT_DIR JOBS)
	@OMP_NUM_THREADS=1 $(VENV) -m madminer_workflow validate --presets "$$PRESETS" \
		--events "$$EVENTS" --seeds "$$SEEDS" --input_file "$$INPUT_FILE" \
		--output_dir "$$OUTPUT_DIR/validation" --jobs "$${JOBS:-$$(nproc)}"

validate-spec: environment ## Find errors of the workflow specification
	@$(VENV) -m madminer_workflow validate-spec

check: .venv/.requirements-dev.lock ## Check format, style, types, shell scripts and specification
	$(VENV) -m black --check $(SOURCES)
	$(VENV) -m ruff check $(SOURCES)
	$(VENV) -m mypy
	.venv/bin/shellcheck -x scripts/*.sh .ci/run
	$(VENV) -m madminer_workflow validate-spec

test: .venv/.requirements-dev.lock ## Run the tests, the fast ones first
	OMP_NUM_THREADS=1 $(VENV) -m pytest -n auto -m "not slow"
	OMP_NUM_THREADS=1 $(VENV) -m pytest -n auto -m "slow and not long"

test-long: .venv/.requirements-dev.lock ## Run the tests that take minutes each
	OMP_NUM_THREADS=1 $(VENV) -m pytest -n auto -m long

benchmark: environment ## Measure what the scheduler costs, with our plugins and without
	@OMP_NUM_THREADS=1 $(VENV) benchmarks/scheduler.py

ui: environment ## Look at a run with MLflow (OUTPUT_DIR PORT)
	@exec $(VENV) -m madminer_workflow ui --output_dir "$$OUTPUT_DIR" --port "$$PORT"

runs: environment ## Show the runs that MLflow has, with their results (OUTPUT_DIR)
	@$(VENV) -m madminer_workflow runs --output_dir "$$OUTPUT_DIR"

track: environment ## Log what MLflow does not have yet of a run (OUTPUT_DIR)
	@$(VENV) -m madminer_workflow track --output_dir "$$OUTPUT_DIR"

clean: ## Remove what runs, tests and checks have made here (.venv stays)
	@test ! -e .workdir/.madminer-workflow || rm -rf .workdir
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis build
	@rm -f $(DEFAULT_DATA)
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.%.lock: %.lock requirements.lock pyproject.toml scripts/environment.sh
	@scripts/environment.sh $<
