# All tasks of the project. `make` alone lists them.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

TOOLS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/seatkeeper/bin
export PATH := $(TOOLS):$(PATH)

# The same selection of crates and features for every test build, so that each dependency is built once.
EVERYTHING := --workspace --locked --features seatkeeper/cluster

PROGRAM := target/release/seatkeeper
# The end-to-end tests run this program, which earlier tests have already built.
export SEATKEEPER_TEST_PROGRAM := $(CURDIR)/target/debug/seatkeeper
# Runs a command with a private MongoDB and Kafka.
TESTBED := $(CURDIR)/target/debug/seatkeeper-testbed

WEB_SOURCES := $(shell find web/src web/public web/index.html web/*.json web/*.ts -type f 2>/dev/null)
WEB_PACKAGES := web/node_modules/.package-lock.json
WEB_PAGE := web/dist/index.html

.PHONY: help run build test check bench bench-cluster openapi advisories clean setup unit cluster web-test e2e e2e-cluster fuzz fuzz-api

help: ## this list
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 20

run: build ## build everything and serve the demo cinema on http://127.0.0.1:8080
	$(PROGRAM) serve --demo

build: $(WEB_PAGE) ## target/release/seatkeeper, with the page inside
	cargo build --release --locked -p seatkeeper --features cluster

bench: build ## cost of locks and deliveries on this machine (docs/benchmarks.md)
	cargo build --release --locked -p seatkeeper-bench
	scripts/bench.sh target/release

bench-cluster: setup build ## the same for two servers on Redis, MongoDB and Kafka, with the CPU time of each
	cargo build $(EVERYTHING) --bins
	cargo build --release --locked -p seatkeeper-bench
	$(TESTBED) scripts/bench-cluster.sh target/release

test: setup check unit cluster web-test fuzz e2e e2e-cluster ## all tests in both modes, on a fresh machine too

check: $(WEB_PAGE) ## formats, lints, licences, types and house rules
	cargo fmt --all --check
	cargo clippy $(EVERYTHING) --all-targets -- -D warnings
	cargo clippy --workspace --exclude seatkeeper-cluster --locked -- -D warnings
	cargo deny --log-level error check licenses bans sources
	cd web && npm run --silent lint
	cd web && npm run --silent typecheck
	cargo test --quiet $(EVERYTHING) --test house_rules --test import_circles

unit: $(WEB_PAGE) ## the tests of the crates, on real servers too, and of the whole program, embedded
	cargo test $(EVERYTHING) -- --skip real_parts_

cluster: export SEATKEEPER_TEST_MODE := cluster
cluster: setup $(WEB_PAGE) ## the tests of the whole program on Redis, MongoDB and Kafka, with several servers and faults
	# Tests wait for servers most of the time, so three at once halve the time on two cores.
	cargo test $(EVERYTHING) --test it -- --test-threads=3

web-test: $(WEB_PACKAGES) ## the page's own tests
	cd web && npm test

fuzz: $(WEB_PAGE) ## send generated requests to every call, for half a minute
	cargo build $(EVERYTHING) --bins
	scripts/fuzz-api.sh

fuzz-api: export SEATKEEPER_FUZZ_EXAMPLES ?= 500
fuzz-api: export SEATKEEPER_FUZZ_SEED ?= random
fuzz-api: fuzz ## the same for a quarter of an hour: 50,000 requests

e2e: $(WEB_PAGE) ## end-to-end tests in a real browser
	cargo build $(EVERYTHING) --bins
	cd web && npm run --silent e2e

e2e-cluster: export SEATKEEPER_TEST_MODE := cluster
e2e-cluster: setup $(WEB_PAGE) ## the same with the program on Redis, MongoDB and Kafka
	cargo build $(EVERYTHING) --bins
	cd web && $(TESTBED) npm run --silent e2e

openapi: $(WEB_PACKAGES) ## make openapi.json and the page's types from the code
	cargo build $(EVERYTHING) --bins
	target/debug/seatkeeper openapi > openapi.json.new
	mv openapi.json.new openapi.json
	cd web && npm run --silent api

advisories: ## known vulnerabilities in dependencies (needs the network)
	cargo deny check advisories

setup: ## install what the tests need and is missing
	scripts/setup.sh
	# When the clone lacks the commit, the tests of two versions report it and fail.
	scripts/old-version.sh $(CURDIR)/target >/dev/null || true

clean: ## remove what was built; data stays
	cargo clean
	rm -rf web/dist web/node_modules web/test-results

# npm writes this file at the end of an installation, so it serves as the stamp.
$(WEB_PACKAGES): web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	touch $@

$(WEB_PAGE): $(WEB_PACKAGES) $(WEB_SOURCES)
	cd web && npm run --silent build
	touch $@
