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
# Everything that has tests. Builds of the programs for tests name it too: without the tests, Cargo would leave out the features
# that only tests need, and compile most dependencies a second time. Examples are programs for measurements, which
# `make check` lints.
TESTED := $(EVERYTHING) --lib --bins --tests

# The end-to-end tests run this program, which earlier tests have already built.
export SEATKEEPER_TEST_PROGRAM := $(CURDIR)/target/debug/seatkeeper
# Runs a command with a private MongoDB and Kafka.
TESTBED := $(CURDIR)/target/debug/seatkeeper-testbed

WEB_SOURCES := $(shell find web/src web/public web/index.html web/*.json web/*.ts -type f 2>/dev/null)
WEB_PACKAGES := web/node_modules/.package-lock.json
WEB_PAGE := web/dist/index.html

# Prints one table. The page's scripts are measured where there is a browser.
BENCH = target/release/seatkeeper-bench table --program now=target/release/seatkeeper \
	$(if $(wildcard /usr/bin/chromium),--page-script=web/e2e/support/script-size.js)

PART := scripts/part.sh
# Tests that need the program of an earlier version, which takes minutes to build once.
OLD_VERSION_TESTS := old_version:: real_parts_versions::
# Tests of the crates that take 40 s or more, and are not about selling seats: a network that loses messages, brokers that start
# late or are old, and responses that nobody reads.
LONG := unread_answers:: no_event_is_lost_when_the_network_loses server_starts_without_a_broker broker_older_than_4_0
# Tests that take half a minute or more on real Redis, MongoDB and Kafka: crowds, storms, and many documents. In embedded mode
# `make test` or `unit-long` runs them, apart from the last three, which need several servers or Redis.
LONG_ON_CLUSTER := storms:: unread_answers:: demo_filling:: acknowledged_bookings_and_locks_survive_twenty_kills_in_a_storm \
	maps_with_ten_thousand_locks three_servers_lose_no_booking two_servers_that_start_at_the_same_time_create_one_demo_cinema
# Tests wait for servers most of the time, so more of them run at once than there are cores.
AT_ONCE := $(shell echo $$(($$(nproc) + 2)))
# Browser tests that `make test` runs on Redis, MongoDB and Kafka as well: buying and live changes.
E2E_CLUSTER := e2e/booking.e2e.js e2e/live.e2e.js
# Browser tests of every page or in every size: accessibility, text size, tap targets, language, titles, themes, notices; and of
# payments that expire. They take more than half of the time of all browser tests, so `make test-all` runs them.
E2E_LOOKS := $(patsubst %,e2e/%.e2e.js,access-desktop access-phone sight taps thai titles theme notices time)
TEST_PARTS := unit cluster web-test e2e e2e-cluster
E2E_ALL := $(patsubst web/%,%,$(wildcard web/e2e/*.e2e.js))

.PHONY: help run run-build build dist containers test test-all check bench bench-cluster openapi advisories clean setup \
	lint lint-embedded programs unit unit-long cluster cluster-long web-test e2e e2e-looks e2e-cluster e2e-cluster-all versions fuzz fuzz-api

help: ## this list
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 24

run: run-build ## build the embedded program and serve the demo cinema on http://127.0.0.1:8080
	target/quick/seatkeeper serve --demo

run-build: $(WEB_PAGE)
	cargo build --profile quick --locked -p seatkeeper

build: $(WEB_PAGE) ## target/release/seatkeeper, optimised, with all adapters and the page inside
	cargo build --release --locked -p seatkeeper --features cluster

dist: build ## dist/: the stripped program, its systemd unit and all licence texts as one archive, with a checksum
	scripts/dist.sh $(or $(CARGO_TARGET_DIR),target)/release/seatkeeper

containers: ## deploy/: builds the image, brings up both compose files and books through them (docs/operating.md)
	scripts/containers/run.sh

bench: build ## cost of locks, purchases, reads and deliveries on this machine, beside its floors (docs/benchmarks.md)
	cargo build --release --locked -p seatkeeper-bench
	$(BENCH)

bench-cluster: setup build programs ## the same, and two servers on Redis, MongoDB and Kafka
	cargo build --release --locked -p seatkeeper-bench
	cargo build --release --locked -p seatkeeper-cluster --example redis_lock_cost
	$(TESTBED) $(BENCH) --cluster --redis-floor=target/release/examples/redis_lock_cost

test: ## tests of both modes, on a fresh machine too: embedded, and on real Redis, MongoDB and Kafka, with the browser
	$(PART) --begin
	@$(MAKE) $(TEST_PARTS)
	$(PART) --total

test-all: ## these, all longer ones and `make check`: storms on real parts, two versions, generated requests, every browser test
	$(PART) --begin
	@$(MAKE) $(TEST_PARTS)
	@$(MAKE) check lint-embedded unit-long cluster-long versions fuzz e2e-looks e2e-cluster-all
	$(PART) --total

lint: lint-embedded ## clippy alone, with all adapters and without; `make test-all` contains both
	cargo clippy $(EVERYTHING) --all-targets -- -D warnings

# The program without the adapters of the cluster.
lint-embedded: $(WEB_PAGE)
	@echo '== lint-embedded'
	cargo clippy --workspace --exclude seatkeeper-cluster --locked -- -D warnings

check: $(WEB_PAGE) ## formats, lints, licences, types and house rules
	@echo '== check'
	cargo fmt --all --check
	cargo clippy $(EVERYTHING) --all-targets -- -D warnings
	scripts/setup.sh cargo-deny
	cargo deny --log-level error check licenses bans sources
	cd web && npm run --silent lint
	cd web && npm run --silent typecheck
	cargo test --quiet $(EVERYTHING) --test house_rules --test import_circles

# The programs that tests start, and the tests.
programs: $(WEB_PAGE)
	cargo build $(TESTED)

unit: setup $(WEB_PAGE) ## tests of the crates, on real servers too, and of the whole program, embedded
	$(PART) unit cargo test $(TESTED) --no-fail-fast -- --test-threads=$(AT_ONCE) --skip real_parts_ --skip old_version:: \
		$(LONG:%=--skip %)

unit-long: setup $(WEB_PAGE) ## the longest of these tests
	$(PART) unit-long cargo test $(TESTED) --no-fail-fast -- --test-threads=$(AT_ONCE) $(LONG)

cluster: export SEATKEEPER_TEST_MODE := cluster
cluster: setup programs ## tests of the whole program on Redis, MongoDB and Kafka, with several servers and faults
	$(PART) cluster cargo test $(EVERYTHING) --test it -- --test-threads=$(AT_ONCE) \
		$(OLD_VERSION_TESTS:%=--skip %) $(LONG_ON_CLUSTER:%=--skip %)

cluster-long: export SEATKEEPER_TEST_MODE := cluster
# One by one: a storm keeps Redis and MongoDB busy, and beside a second one calls miss their time limits on a slow machine.
cluster-long: setup programs ## the longest of these tests: crowds, storms, and many documents
	$(PART) cluster-long cargo test $(EVERYTHING) --test it -- --test-threads=1 $(LONG_ON_CLUSTER)

versions: setup $(WEB_PAGE) ## tests with the program of an earlier version beside this one, and with its data
	scripts/old-version.sh $(CURDIR)/target >/dev/null
	$(PART) versions cargo test $(EVERYTHING) --test it -- old_version::
	SEATKEEPER_TEST_MODE=cluster $(PART) versions-cluster cargo test $(EVERYTHING) --test it -- real_parts_versions::

web-test: $(WEB_PACKAGES) ## the page's unit tests
	cd web && ../$(PART) web-test npm test

fuzz: programs ## generated requests to every call, for half a minute
	@echo '== fuzz'
	scripts/setup.sh schemathesis
	scripts/fuzz-api.sh

fuzz-api: export SEATKEEPER_FUZZ_EXAMPLES ?= 500
fuzz-api: export SEATKEEPER_FUZZ_SEED ?= random
fuzz-api: fuzz ## the same for a quarter of an hour: 50,000 requests

e2e: setup programs ## the whole path in a real browser
	cd web && ../$(PART) e2e npm run --silent e2e -- $(filter-out $(E2E_LOOKS),$(E2E_ALL))

e2e-looks: setup programs ## every page in a browser, in both languages and all sizes: accessibility, layout, texts
	cd web && ../$(PART) e2e-looks npm run --silent e2e -- $(E2E_LOOKS)

e2e-cluster: export SEATKEEPER_TEST_MODE := cluster
e2e-cluster: setup programs ## the main paths in a browser, with the program on Redis, MongoDB and Kafka
	cd web && ../$(PART) e2e-cluster $(TESTBED) npm run --silent e2e -- $(E2E_CLUSTER)

e2e-cluster-all: export SEATKEEPER_TEST_MODE := cluster
e2e-cluster-all: setup programs ## the other paths in a browser, with the program on Redis, MongoDB and Kafka
	cd web && ../$(PART) e2e-cluster-all $(TESTBED) npm run --silent e2e -- $(filter-out $(E2E_CLUSTER),$(E2E_ALL))

openapi: programs $(WEB_PACKAGES) ## make openapi.json and the page's types from the code
	target/debug/seatkeeper openapi > openapi.json.new
	mv openapi.json.new openapi.json
	cd web && npm run --silent api

advisories: ## known vulnerabilities in dependencies (needs the network)
	cargo deny check advisories

setup: ## install what the tests need and is missing
	scripts/setup.sh

clean: ## remove what was built; data stays
	cargo clean
	rm -rf dist web/dist web/node_modules web/test-results

# npm writes this file at the end of an installation, so it serves as the stamp.
$(WEB_PACKAGES): web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	touch $@

$(WEB_PAGE): $(WEB_PACKAGES) $(WEB_SOURCES)
	cd web && npm run --silent build
	touch $@
