# SyncroBoard. Every goal uses one Cargo profile (dev, which is optimised) and one target directory outside the clone,
# so that RocksDB is compiled once.

ifeq ($(origin CARGO_TARGET_DIR),undefined)
CARGO_TARGET_DIR := $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/syncroboard/target
endif
DATA_DIR ?= data
SEEDS ?= 10000
COMMANDS ?= 1000000
ROUNDS ?= 3
SOAK_SECONDS ?= 14400
SOAK_KILLS ?= 1000
SOAK_REPORT ?= $(DATA_DIR)/soak.md
export CARGO_TARGET_DIR DATA_DIR
# Where rustup puts cargo: a shell opened before it was installed does not know it.
export PATH := $(if $(CARGO_HOME),$(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup setup-services run test services-up services-down lint bench bench-fan-out bench-kafka microbench simulate find-bugs soak clean-data

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Check for compilers, install what is missing
	@scripts/setup.sh

run: setup ## Build and start everything in one process, with the sample (DATA_DIR, default ./data)
	@scripts/run.sh

test: setup setup-services ## Every test against real servers, then the simulation against bugs put in on purpose
	@scripts/test.sh

services-up: setup-services ## Kafka, schema registry, PostgreSQL, Redis, MailDev, for tests and for trying it; where: .services/env
	@scripts/services.sh up

services-down: ## End them, and delete their data
	@scripts/services.sh down

setup-services: # Check for what the servers need, install what is missing
	@scripts/setup.sh services

lint: setup ## rustfmt, clippy, licences and sources of the dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@scripts/cargo-deny.sh check bans licenses sources

bench: setup ## One million commands through the pipeline
	cargo run --locked --quiet --bin syncroboard -- bench

bench-fan-out: setup ## One million ticket events, three notifications each
	cargo bench --locked --profile dev --bench fan_out

bench-kafka: setup setup-services ## One million commands on Apache Kafka, in turn with a bare client (COMMANDS, ROUNDS); half an hour, on a machine that does nothing else
	cargo bench --locked --profile dev --bench kafka -- --commands $(COMMANDS) --rounds $(ROUNDS)

microbench: setup ## decide, serialisation, store access, commit (criterion), restore
	cargo bench --workspace --locked --profile dev --bench decide --bench assignment --bench serde --bench store --bench broker --bench sink --bench restore

simulate: setup ## The simulation over many seeds (SEEDS, default 10000)
	SIMULATION_SEEDS=$(SEEDS) cargo test --locked -p syncroboard --test simulation -- --nocapture

find-bugs: setup setup-services ## Bugs put in on purpose into the real binary, on Kafka: the checker finds each, and nothing without them
	cargo test --workspace --locked --features injected-bugs,kill-points --test checker scenes -- --nocapture

soak: setup setup-services ## Faults at random for SOAK_SECONDS (four hours) or SOAK_KILLS (1000); a report into SOAK_REPORT
	RIG_SECONDS=$(SOAK_SECONDS) RIG_KILLS=$(SOAK_KILLS) RIG_REPORT=$(SOAK_REPORT) \
		cargo test --workspace --locked --features injected-bugs,kill-points --test rig -- --nocapture faults_at_random

clean-data: ## Delete what `make run` keeps in DATA_DIR; stop the server first
	@scripts/clean-data.sh
