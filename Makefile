# Everything from the checkout. `make help` lists the targets; PYTHON=… chooses the interpreter of .venv, and with it
# ansible-core (3.11: 2.19, 3.12 and newer: 2.21).
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Expanded anew in each recipe: .venv is a link that the first one makes.
MACHINE_PATH := $(PATH)
export PATH = $(addsuffix /bin:,$(realpath .venv))$(MACHINE_PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# Absolute, for tools that do not run in this folder.
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.cache/collections
export ANSIBLE_NOCOLOR := 1
export NO_COLOR := 1
export PY_COLORS := 0

# Where tests find the engine's archive and the gateway's wheels. In two steps: `eval` of nothing would succeed.
WITH_DOWNLOADS := downloads="$$(tests/tools/bootstrap env)" && eval "$$downloads" &&
WITH_LOGS := logs="$$(tests/tools/bootstrap logs-env)" && eval "$$logs" &&

SCENARIO ?= default cluster

.PHONY: rules status-picture help audit bundle venv dev test test-long changes operations engines waking faults door records monitoring watched status edge fresh unit coverage lint sanity documents upgrade molecule demo demo-clean golden mutation litellm-keys contract import-proof contract-proxy engine-contract llama-source llama-python gpu-check test-heavy execution-environment bench-cold bench-demo bench-door bench-failover bench-gateway bench-monitoring bench-noop bench-record bench-reload bench-render bench-rollback bench-threads bench-wake lock docs build clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: ## make .venv with what a deploy needs, and .cache/collections (PYTHON=…)
	@PYTHON="$(PYTHON)" tests/tools/bootstrap venv

dev: ## the same with what tests and tools need besides
	@PYTHON="$(PYTHON)" tests/tools/bootstrap dev

# The edge is alone: its tests measure how long somebody waits.
test: dev ## the suite of every change: unit, documents, fresh, sanity, rules, edge, molecule, lint, contract
	@CASES=200 tests/tools/run_stages unit documents+fresh,sanity,rules edge molecule+lint,contract

test-long: ## what takes longer: changes, operators, engines, engines that sleep, faults under traffic, strangers, records, monitoring of one host and of several, the status page, an upgrade, a bundle
	@tests/tools/run_stages changes operations engines waking faults door records monitoring watched status upgrade bundle

fresh: dev ## a user's environment out of an empty cache, and every lock on an index of tomorrow
	python -m pytest tests/fresh $(ARGS)

unit: dev ## house rules and unit tests (ARGS=… goes to pytest)
	python -m pytest -n auto --dist loadfile tests/house tests/unit tests/faults tests/golden $(ARGS)

coverage: ARGS += --cov --cov-report=term:skip-covered
coverage: unit ## the same, and which lines of plugins/ they do not run

lint: dev ## ruff, mypy, yamllint, ansible-lint, changelog, secrets
	@failed=""; while read -r check; do echo "--- $$check"; bash -c "$$check" </dev/null || failed+="; $$check"; done <<< "$$CHECKS"; \
	  if [[ $$failed ]]; then echo "failed:$${failed#;}"; exit 1; fi

define CHECKS
ruff check
ruff format --check --quiet
mypy -p ansible_collections.lab.ai_backend.plugins.plugin_utils
mypy -p ansible_collections.lab.ai_backend.plugins.module_utils
mypy -p ansible_collections.lab.ai_backend.plugins.modules
mypy tests/tools/*.py
yamllint --strict .
ansible-lint
tests/tools/lint_artefact
antsibull-changelog lint
antsibull-docs lint-collection-docs --plugin-docs .
tests/tools/lint_secrets
endef
export CHECKS

sanity: dev ## ansible-test sanity on a copy of what git would commit
	tests/tools/sanity

documents: dev ## the pages' commands, as they stand there, on a host of a newcomer; the demo among them
	SUITES=trixie tests/tools/bootstrap images
	$(WITH_DOWNLOADS) python -m pytest tests/documents $(ARGS)

upgrade: dev ## a host of an older state of the collection is taken over under traffic, and brought back
	SUITES=trixie tests/tools/bootstrap images
	$(WITH_DOWNLOADS) python -m pytest tests/upgrade $(ARGS)

bundle: dev ## a bundle is made, and a host that never had a network is deployed from it
	SUITES=trixie tests/tools/bootstrap images
	$(WITH_DOWNLOADS) python -m pytest tests/bundle $(ARGS)

molecule: dev ## the scenarios on systemd hosts in Docker (SCENARIO=faults: under steady traffic)
	tests/tools/bootstrap images
	$(WITH_DOWNLOADS) $(if $(filter watched,$(SCENARIO)),$(WITH_LOGS)) for scenario in $(SCENARIO); do \
	  molecule -c molecule/config.yml test -s $$scenario || exit 1; done

changes operations engines waking faults door records monitoring watched status: ## one scenario of molecule
	@$(if $(filter records,$@),tests/tools/bootstrap tmux)
	@$(if $(filter monitoring,$@),tests/tools/bootstrap chromium node)
	@$(MAKE) --no-print-directory molecule SCENARIO=$@

demo: export SUITES := trixie
demo: venv ## bring up the whole stack in one container and leave it running
	python tests/demo/demo.py check
	tests/tools/bootstrap demo-space images
	$(WITH_DOWNLOADS) python tests/demo/demo.py up

demo-clean: venv ## remove what `make demo` made
	python tests/demo/demo.py down

golden: dev ## write anew what the library is expected to say and make; read the diff
	python tests/golden/golden.py

mutation: dev ## how many small changes of the library the tests notice (ARGS=--sample=… --show)
	python tests/tools/mutation.py $(ARGS)

litellm-keys: dev ## record anew which keys of its config the locked LiteLLM reads
	"$$(python tests/tools/litellm_venv.py)" tests/contract/record_keys.py > plugins/plugin_utils/litellm/keys.ini

contract: dev ## clients, their mistakes, and what explain says, against the real LiteLLM (ARGS=--cases=… --seed=…)
	tests/tools/bootstrap redis haproxy
	"$$(python tests/tools/litellm_venv.py)" tests/contract/record_keys.py | diff - plugins/plugin_utils/litellm/keys.ini
	"$$(python tests/tools/litellm_venv.py)" tests/contract/hook.py
	$(WITH_DOWNLOADS) python -m pytest tests/contract
	python tests/contract/contract.py --python "$$(python tests/tools/litellm_venv.py)" \
	  $(if $(CASES),--cases=$(CASES)) $(ARGS)

import-proof: dev ## that an import keeps each name or names it, with many more configs than in `make contract` (IMPORT_CASES=…)
	IMPORT_CASES=$(or $(IMPORT_CASES),2000) python -m pytest -q tests/contract/test_imports.py $(ARGS)

contract-proxy: dev ## the same against the real proxy process, over HTTP (ARGS=--cases=… --seed=…)
	python tests/contract/proxy.py --python "$$(python tests/tools/litellm_venv.py)" $(ARGS)

rules: dev ## when alerts fire, who is told, and what logs are asked, in Prometheus', Alertmanager's and Grafana's own tools
	tests/tools/bootstrap promtool node
	PATH="$${AI_BACKEND_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/lab-ai-backend}/promtool/usr/bin:$$PATH" \
	  python -m pytest -n auto tests/rules $(ARGS)

edge: dev ## what strangers and odd clients meet at the edge: its configuration in a real HAProxy, installed if missing
	tests/tools/bootstrap haproxy
	python -m pytest tests/edge $(ARGS)

# The key of the server is in the environment variable that KEY_VARIABLE names.
engine-contract: dev ## ask a server for what is assumed of its type (BASE_URL=… TYPE=… SERVER=python MODEL=… KEY_VARIABLE=…)
	@python tests/contract/engine_contract.py --base-url="$(BASE_URL)" --type="$(TYPE)" --server="$(SERVER)" \
	  --model="$(MODEL)" --key-variable="$(KEY_VARIABLE)"

llama-python: dev ## build llama-cpp-python here and on a host, and ask its server (half an hour of two cores, half of it once)
	SUITES=trixie tests/tools/bootstrap compiler images
	python tests/tools/llama_python.py
	$(WITH_DOWNLOADS) python -m pytest -s tests/contract/test_engine_contract.py tests/heavy/test_llama_python.py $(ARGS)

llama-source: dev ## build the second source of the tests' llama-server and ask it (a quarter of an hour, once)
	tests/tools/bootstrap compiler
	python -m pytest tests/heavy/test_llama_source.py $(ARGS)

# Without a card it names why each check can't be made, and ends with 3.
gpu-check: dev ## on a machine with an NVIDIA card: detection, the build for CUDA, layers, estimated memory (ARGS=--model=…)
	python tests/tools/gpu_check.py $(ARGS)

# The pictures are then in build/status.
status-picture: dev ## the status page in a browser, as on a telephone and on a desk (a minute)
	tests/tools/bootstrap chromium
	python -m pytest tests/heavy/test_status_picture.py $(ARGS)

# ARGS=tests/heavy/test_open_webui.py for one of them.
test-heavy: dev ## the real vLLM without a card, and the real Open WebUI in a browser, on hosts (gigabytes, cached; some minutes)
	SUITES=bookworm tests/tools/bootstrap chromium images
	$(WITH_DOWNLOADS) python -m pytest -s $(if $(findstring tests/,$(ARGS)),,tests/heavy/test_vllm.py tests/heavy/test_open_webui.py) $(ARGS)

execution-environment: dev ## build one out of the archive, as docs/install.md says, and validate a registry in it
	SUITES=trixie tests/tools/bootstrap images
	python -m pytest tests/heavy/test_execution_environment.py $(ARGS)

bench-cold: dev ## seconds from an empty host to the first answer
	tests/tools/bootstrap images
	$(WITH_DOWNLOADS) python tests/bench/bench_cold.py

bench-demo: dev ## seconds of a first `make demo`, and what it downloads (DEMO_PORT=…)
	tests/tools/bootstrap docker
	PYTHONPATH=tests/house:tests/tools python tests/bench/bench_demo.py

# ARGS=--seconds=… for a shorter look
bench-door: dev ## what clients notice of strangers: bodies that never end, and a flood without keys
	tests/tools/bootstrap images
	$(WITH_DOWNLOADS) PYTHONPATH=tests/load python tests/bench/bench_door.py $(ARGS)

bench-failover: dev ## what clients notice of a dead engine
	tests/tools/bootstrap images
	$(WITH_DOWNLOADS) python tests/bench/bench_failover.py

bench-wake: dev ## what waking an engine costs over its own start (ARGS=--rounds=…)
	SUITES=trixie tests/tools/bootstrap images
	$(WITH_DOWNLOADS) python tests/bench/bench_wake.py $(ARGS)

bench-gateway: dev ## answers a second beside a stock LiteLLM, and memory (ARGS=--workers=2, --clients=200)
	tests/tools/bootstrap images
	$(WITH_DOWNLOADS) python tests/bench/bench_gateway.py $(ARGS)

bench-monitoring: dev ## what monitoring costs: answers a second, processor time and memory (ARGS=--turns=…)
	SUITES=trixie tests/tools/bootstrap images
	$(WITH_DOWNLOADS) python tests/bench/bench_monitoring.py $(ARGS)

bench-noop: dev ## seconds of a run that changes nothing
	tests/tools/bootstrap images
	$(WITH_DOWNLOADS) python tests/bench/bench_noop.py

bench-render: dev ## seconds from registry to plan
	python tests/bench/bench_render.py

bench-threads: dev ## tokens a second with all cores and with one less, alone and beside a busy process (ARGS=--python)
	$(WITH_DOWNLOADS) python tests/bench/bench_threads.py $(ARGS)

bench-record: dev ## what the record of a request costs it, on the real LiteLLM (ARGS=--requests=…)
	tests/tools/bootstrap redis
	PYTHONPATH=tests/contract python tests/bench/bench_record.py $(ARGS)

# RELOADS=3 for a short look; ARGS=--rate=… --streams=…
bench-reload: dev ## requests lost and latency while a route is changed again and again under load (RELOADS=…)
	tests/tools/bootstrap images
	$(WITH_DOWNLOADS) PYTHONPATH=tests/load python tests/bench/bench_reload.py \
	  $(if $(RELOADS),--reloads=$(RELOADS)) $(ARGS)

bench-rollback: dev ## seconds back to a generation, with the host's network off
	tests/tools/bootstrap images
	$(WITH_DOWNLOADS) python tests/bench/bench_rollback.py

lock: dev ## write the hash locks anew, of releases older than a week (UPGRADE=--upgrade for newer versions, ARGS=--days=…)
	python tests/tools/lock.py $(UPGRADE) $(ARGS)

audit: dev ## look for known vulnerabilities in what the locks name (ARGS=--database=… for a folder of OSV files)
	python tests/tools/audit.py $(ARGS)

docs: dev ## write the generated parts of the documentation anew
	python tests/tools/generate_role_readmes.py
	python tests/tools/generate_docs.py
	python tests/tools/generate_dashboards.py

build: venv ## the collection artefact, in build/
	mkdir -p build
	ansible-galaxy collection build --force --output-path build

clean: ## remove what was made in the checkout; the cache stays
	rm -rf .venv .cache build .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .ansible
