# Targets are listed by `make help`; all paths may have blanks.

DATA_FILE = data/dummy_data.h5
INPUT_FILE = workflow/input.yml
PROFILE = default
OUTPUT_DIR = .workdir
JOBS =
RUNTIME = process
IMAGE =
MEMORY =
GPU =
FORCE =
UNTIL =
BACKEND = local
SITE =
KEEP =
STEP =
DETAILS =
PLANNED =
PRESET = dy2
EVENTS = 500000
SEED = 1
PRESETS = dy2,dy2b,dy1,dy3
SEEDS = 1,2,3,4,5
PORT = 5000
NAME =
METHOD = quadratic
TRIALS = 30
ROWS =
REPEATS =
# Also as variables of the environment, as the password DOCKERPASS can only be.
BASE_IMAGE ?=
DOCKER_BUILD_ARGS ?=
DOCKERUSER ?=
REGISTRY ?=

# Recipes read them from the environment, where quotes and blanks are harmless.
export DATA_FILE INPUT_FILE PROFILE OUTPUT_DIR JOBS FORCE UNTIL STEP DETAILS PLANNED PRESET EVENTS SEED PRESETS SEEDS PORT METHOD TRIALS NAME ROWS REPEATS
export RUNTIME IMAGE MEMORY GPU BACKEND SITE KEEP BASE_IMAGE DOCKER_BUILD_ARGS DOCKERUSER REGISTRY

DEFAULT_DATA = data/dummy_data.h5
VENV = .venv/bin/python
WHAT = --data_file "$$DATA_FILE" --input_file "$$INPUT_FILE" --profile "$$PROFILE" \
	--output_dir "$$OUTPUT_DIR" $${FORCE:+--force "$$FORCE"} $${UNTIL:+--until "$$UNTIL"}
CONTAINER = $${IMAGE:+--image "$$IMAGE"} $${MEMORY:+--memory "$$MEMORY"} $${GPU:+--gpu}
OF_THE_STEPS = $(shell awk '/image:/ { name = $$2 } /imagetag:/ { print name ":" $$2; exit }' workflow/steps.yml)
SOURCES = $(wildcard code tests benchmarks)

.DELETE_ON_ERROR:
.PHONY: help environment data yadage-run image shell plan status logs dag verify coverage
.PHONY: validate validate-spec validate-reana build check-image push check test test-long test-cluster
.PHONY: bench bench-full benchmark ui runs track register tune clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

environment: .venv/.requirements.lock ## Create the virtual environment

yadage-run: environment $(filter $(DEFAULT_DATA),$(DATA_FILE)) ## Run what is left (DATA_FILE INPUT_FILE PROFILE OUTPUT_DIR JOBS FORCE RUNTIME BACKEND)
	@$(VENV) -m madminer_workflow run $(WHAT) $${JOBS:+--jobs "$$JOBS"} --runtime "$$RUNTIME" $(CONTAINER) \
		--backend "$$BACKEND" $${SITE:+--site "$$SITE"} $${KEEP:+--keep}

shell: environment ## Open a shell in the image, with this checkout (RUNTIME IMAGE MEMORY GPU)
	@PYTHONPATH="$$PWD/code" $(VENV) -m madminer_workflow.engine.runtimes.alone --write "$$PWD" $(CONTAINER) \
		--runtime $(or $(filter apptainer,$(RUNTIME)),docker)

# The image of the steps is built if the engine has none; whether there is an engine, a run says.
ifneq ($(filter docker,$(RUNTIME))$(filter shell,$(MAKECMDGOALS)),)
ifeq ($(IMAGE)$(filter apptainer,$(RUNTIME)),)
yadage-run shell: image
endif
endif
image:
	@! docker version >/dev/null 2>&1 || docker image inspect $(OF_THE_STEPS) >/dev/null 2>&1 || $(MAKE) build

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

tune: environment $(filter $(DEFAULT_DATA),$(DATA_FILE)) ## Tune the training of a method (METHOD TRIALS JOBS, as yadage-run)
	@OMP_NUM_THREADS=1 $(VENV) -m madminer_workflow tune --data_file "$$DATA_FILE" \
		--input_file "$$INPUT_FILE" --profile "$$PROFILE" --output_dir "$$OUTPUT_DIR" \
		--method "$$METHOD" --trials "$$TRIALS" --jobs "$${JOBS:-1}"

validate: environment ## Compare with exact limits (PRESETS EVENTS SEEDS INPUT_FILE OUTPUT_DIR JOBS)
	@OMP_NUM_THREADS=1 $(VENV) -m madminer_workflow validate --presets "$$PRESETS" \
		--events "$$EVENTS" --seeds "$$SEEDS" --input_file "$$INPUT_FILE" \
		--output_dir "$$OUTPUT_DIR/validation" --jobs "$${JOBS:-$$(nproc)}"

validate-spec: environment ## Find errors of the workflow specification
	@$(VENV) -m madminer_workflow validate-spec

validate-reana: .venv/reana-client/.client.lock ## Let REANA's client check reana.yaml; warnings are errors
	@status=0; found=$$(PYTHONWARNINGS=ignore $(<D)/bin/reana-client validate) || status=1; \
		printf '%s\n' "$$found"; case $$found in *WARNING*) status=1 ;; esac; exit $$status

build: ## Build the image of this version (BASE_IMAGE DOCKER_BUILD_ARGS)
	@docker/build.sh

check-image: ## Check that it has all that the steps need, for any user
	@docker/check.sh

push: ## Push it, once (DOCKERUSER REGISTRY; password: standard input or variable DOCKERPASS)
	@$(if $(filter command,$(origin DOCKERPASS)),$(error DOCKERPASS: others can read it on a command line))
	@docker/push.sh

check: .venv/.requirements-dev.lock ## Check format, style, types, shell scripts, Dockerfile, specification
	$(VENV) -m black --check $(SOURCES)
	$(VENV) -m ruff check $(SOURCES)
	$(VENV) -m mypy
	.venv/bin/shellcheck -x scripts/*.sh docker/*.sh tests/docker/*.sh .ci/run
	.venv/bin/hadolint docker/Dockerfile
	$(VENV) -m madminer_workflow validate-spec

test: .venv/.requirements-dev.lock ## Run the tests, the fast ones first
	OMP_NUM_THREADS=1 $(VENV) -m pytest -n auto -m "not slow and not cluster"
	OMP_NUM_THREADS=1 $(VENV) -m pytest -n auto -m "slow and not long and not cluster"

test-long: .venv/.requirements-dev.lock ## Run the tests that take minutes each
	OMP_NUM_THREADS=1 $(VENV) -m pytest -n auto -m "long and not cluster"

test-cluster: .venv/.requirements-dev.lock ## Run those that need containers, batch systems or REANA
	OMP_NUM_THREADS=1 $(VENV) -m pytest -m cluster

bench: environment ## Compare cost and results with MadMiner's, in minutes (ROWS REPEATS)
	@$(VENV) -m benchmarks --rows "$$ROWS" --repeats "$${REPEATS:-1}"

bench-full: environment ## The same at the sizes of docs/performance.md, in hours; updates it (ROWS REPEATS)
	@$(VENV) -m benchmarks --full --rows "$$ROWS" --repeats "$${REPEATS:-3}"
	@$(VENV) -m benchmarks.table

benchmark: environment ## Measure what the scheduler costs, with our plugins and without
	@OMP_NUM_THREADS=1 $(VENV) benchmarks/scheduler.py

ui: environment ## Look at a run with MLflow (OUTPUT_DIR PORT)
	@exec $(VENV) -m madminer_workflow ui --output_dir "$$OUTPUT_DIR" --port "$$PORT"

runs: environment ## Show the runs that MLflow has, with their results (OUTPUT_DIR)
	@$(VENV) -m madminer_workflow runs --output_dir "$$OUTPUT_DIR"

track: environment ## Log what MLflow does not have yet of a run (OUTPUT_DIR)
	@$(VENV) -m madminer_workflow track --output_dir "$$OUTPUT_DIR"

register: environment ## Register the model of the best method in MLflow (OUTPUT_DIR, NAME)
	@$(VENV) -m madminer_workflow register --output_dir "$$OUTPUT_DIR" --name "$$NAME"

clean: ## Remove what runs, tests and checks have made here (.venv stays)
	@test ! -e .workdir/.madminer-workflow || rm -rf .workdir
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis build
	@rm -f $(DEFAULT_DATA)
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.%.lock: %.lock requirements.lock pyproject.toml scripts/environment.sh
	@scripts/environment.sh $<

.venv/reana-client/.client.lock: tests/reana/client.lock
.venv/reana-engine/.engine.lock: tests/reana/engine.lock
.venv/reana-client/.client.lock .venv/reana-engine/.engine.lock: scripts/environment.sh
	@scripts/environment.sh $(filter %.lock,$^) $(@D)
