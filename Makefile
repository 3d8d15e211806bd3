# Set-up is file targets only: each step runs once and again when what it rests on changes.
# `make help` lists what there is.

PYTHON ?= $(firstword $(foreach name,python3 python3.11 python3.12 python3.13 python3.14,$(shell \
	$(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
MANIFEST := envoy/Cargo.toml
LOAD := --manifest-path benches/load/Cargo.toml
LOAD_TARGET := --target-dir build/bench-load
FILTER := envoy/target/release/libfix_authz.so
FILTER_SOURCES := $(shell find envoy -path envoy/target -prune -o -path envoy/fuzz -prune -o \
	\( -name '*.rs' -o -name Cargo.toml -o -name Cargo.lock -o -name rust-toolchain.toml \) -print)
CARGO_RELEASE := cargo build --release --locked --manifest-path $(MANIFEST) --target-dir envoy/target
OIDC := tests/oidc/node_modules/.installed
KEYCLOAK := build/interop/keycloak/.ready
QUICKFIX := build/engines/quickfix/.installed
QUICKFIXJ := build/engines/quickfixj/Driver.class
QUICKFIXGO := build/engines/quickfixgo/driver
JSPUREFIX := build/engines/jspurefix/.installed
ENGINES ?= quickfix,quickfixj,quickfixgo,jspurefix
READING := envoy/target/debug/examples/reading
COMPILE := CUSTOM_COMPILE_COMMAND="make requirements" $(BIN)/pip-compile --quiet --no-config --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --allow-unsafe --strip-extras
SECONDS_PER_TARGET ?= 60

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-tests demo test test-rust test-python interop interop-engines interop-acceptance mapping-test bench engines lint types format check fuzz miri \
	requirements configurations clean python-present cargo-present

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) $(FILTER) ## The virtual environment, the pinned packages and the filter

setup-tests: setup $(OIDC) $(QUICKFIX) ## As setup, and what the tests run against; compiles QuickFIX once, some 5 minutes

demo: setup ## AlgoProvider's story through the real Envoy; KEEP=1 stays up
	$(BIN)/authzsvc demo $(if $(KEEP),--keep)

test: test-rust test-python ## All tests: Rust, Python, and end to end through the real Envoy

test-rust: | cargo-present
	cargo test --locked --manifest-path $(MANIFEST) --target-dir envoy/target
	cargo test --locked $(LOAD) $(LOAD_TARGET)

test-python: setup-tests mapping-test $(READING)
	$(BIN)/python -m pytest tests/unit
	@if [ -d tests/e2e ]; then set -x; $(BIN)/python -m pytest tests/e2e; fi
	$(BIN)/python -m pytest tests/engines
	$(BIN)/python -m pytest tests/differential

interop: setup $(KEYCLOAK) interop-engines ## Against the real Keycloak, and with every FIX engine; downloads 260 MB once
	$(BIN)/python -m pytest tests/interop

interop-engines: setup engines ## With QuickFIX, QuickFIX/J, quickfixgo and jspurefix; ENGINES=jspurefix plays some
	$(BIN)/python -m pytest tests/engines --engines=$(ENGINES)

interop-acceptance: setup $(QUICKFIX) $(QUICKFIXGO) ## QuickFIX's acceptance definitions: the bare engine against the gateway; ONLY=14d plays some
	$(BIN)/python -m tests.engines.acceptance $(if $(ONLY),--only '$(ONLY)',--at-least 459) --definitions \
		"$$(cd tests/engines/drivers/quickfixgo && go list -m -f '{{.Dir}}' github.com/quickfixgo/quickfix)/_test/definitions/server"

engines: $(QUICKFIX) $(QUICKFIXJ) $(QUICKFIXGO) $(JSPUREFIX) ## The FIX engines of `make interop`, alone

mapping-test: $(INSTALLED) ## Lint the shipped mappings, and run their suites: every rule seen to allow and to deny
	$(BIN)/authzsvc mapping lint --strict mappings
	$(BIN)/authzsvc mapping test mappings --coverage-threshold 100

bench: setup $(OIDC) ## Gateway against tcp_proxy, decisions against other engines; writes build/bench.json
	$(BIN)/python -m benches
	$(BIN)/python -m benches.policy
	$(BIN)/python -m benches.sessions
	$(BIN)/python -m benches.fairness
	$(BIN)/python -m benches.core

lint: $(INSTALLED) ## Ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED) ## Mypy, strict
	$(BIN)/mypy authzsvc benches tests

format: $(INSTALLED) | cargo-present ## Put Python and Rust into their formatters' shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cargo fmt --manifest-path $(MANIFEST) --all
	cargo fmt $(LOAD)

check: lint types | cargo-present ## Lint, types, format, clippy, and the core's instructions against their limits
	@cargo fmt --version >/dev/null 2>&1 || { echo "\`cargo fmt\` is missing (rustup component add rustfmt)" >&2; exit 1; }
	@cargo clippy --version >/dev/null 2>&1 || { echo "\`cargo clippy\` is missing (rustup component add clippy)" >&2; exit 1; }
	cargo fmt --manifest-path $(MANIFEST) --all --check
	cargo fmt $(LOAD) --check
	cargo clippy --locked --manifest-path $(MANIFEST) --target-dir envoy/target --workspace --all-targets -- -D warnings
	cargo clippy --locked $(LOAD) $(LOAD_TARGET) --all-targets -- -D warnings
	$(BIN)/python -m benches.core --check

# Without AddressSanitizer, which would halve the runs: the core forbids `unsafe`.
fuzz: | cargo-present ## Framing, parser, substitutes, answers and whole sessions under a fuzzer; SECONDS_PER_TARGET=60
	@cargo +nightly --version >/dev/null 2>&1 || { echo "rust's \`nightly\` is missing (rustup toolchain install nightly)" >&2; exit 1; }
	@cargo fuzz --version >/dev/null 2>&1 || { echo "\`cargo fuzz\` is missing (cargo install cargo-fuzz)" >&2; exit 1; }
	@cd envoy && for target in $$(cargo +nightly fuzz list); do \
		mkdir -p fuzz/artifacts/found/$$target && cargo +nightly fuzz run --sanitizer none $$target \
			fuzz/artifacts/found/$$target fuzz/corpus/$$target -- -dict=fuzz/fix.dict \
			-max_total_time=$(SECONDS_PER_TARGET) -max_len=$$([ $$target = session ] && echo 640 || echo 2048) || exit 1; done

miri: | cargo-present ## The module's hooks on a played Envoy, under Miri (rustup component add miri rust-src)
	cd envoy && MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-ignore-leaks" \
		cargo +nightly miri test --locked --package fix_authz --target-dir target/miri

requirements: $(INSTALLED) ## Compile the pins anew from pyproject.toml; UPGRADE=1 takes the newest releases
	$(COMPILE) $(if $(UPGRADE),--upgrade) --output-file requirements/runtime.txt pyproject.toml
	$(COMPILE) $(if $(UPGRADE),--upgrade) --extra bench --extra dev --constraint requirements/runtime.txt \
		--output-file requirements/dev.txt pyproject.toml
	$(COMPILE) $(if $(UPGRADE),--upgrade) --all-build-deps --only-build-deps \
		--output-file requirements/build.txt pyproject.toml

configurations: $(INSTALLED) ## Print the ready Envoy configurations anew, each by its first line
	@for file in envoy/gateway*.yaml deploy/envoy.yaml; do \
		line=$$(head -n 1 $$file); echo "$$line > $$file"; \
		{ echo "$$line"; $(BIN)/$${line#\# }; } > $$file.new && mv $$file.new $$file || exit 1; \
	done

clean: ## Remove what was built; the virtual environment too
	rm -rf $(VENV) tests/oidc/node_modules envoy/target envoy/fuzz/target build dist \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis
	find authzsvc tests -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the steps of the set-up ---

python-present:
	@[ -n "$(PYTHON)" ] || { echo "\`python3\` 3.11 or newer is missing (install it, or name it: make PYTHON=…)" >&2; exit 1; }

cargo-present:
	@command -v cargo >/dev/null || { echo "\`cargo\` is missing (install Rust)" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "\`cc\` is missing: Rust links with a C compiler (install gcc or clang)" >&2; exit 1; }

$(BIN)/python: | python-present
	$(PYTHON) -c 'import ensurepip, venv' || { echo "python's \`venv\` is missing (install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): requirements/dev.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --require-hashes --requirement requirements/dev.txt
	$(BIN)/python -m pip install --no-deps --no-build-isolation --editable .
	@touch $@

$(FILTER): $(FILTER_SOURCES) | cargo-present
	$(CARGO_RELEASE)
	@touch $@

# How we read a message, for `tests/differential`.
$(READING): $(FILTER_SOURCES) | cargo-present
	cargo build --locked --manifest-path $(MANIFEST) --target-dir envoy/target --package fix_authz_core --example reading
	@touch $@

# npm and its Node are the virtual environment's; what it installs is held to the hashes of the lock file.
$(OIDC): tests/oidc/package.json tests/oidc/package-lock.json tests/oidc/.npmrc | $(INSTALLED)
	cd tests/oidc && $(CURDIR)/$(BIN)/npm ci
	@touch $@

# It comes as source. Its place is its own, not the virtual environment: these tests alone have it.
$(QUICKFIX): requirements/engines.txt | $(INSTALLED)
	@command -v c++ >/dev/null || { echo "\`c++\` is missing: QuickFIX is compiled (install g++ or clang++)" >&2; exit 1; }
	@rm -rf $(@D) build/wheels/quickfix-*
	nice $(BIN)/python -m pip wheel --require-hashes --no-deps --no-binary :all: --no-build-isolation \
		--requirement requirements/engines.txt --wheel-dir build/wheels
	$(BIN)/python -m pip install --no-deps --no-index --target $(@D) build/wheels/quickfix-*.whl
	@touch $@

$(QUICKFIXJ): $(addprefix tests/engines/drivers/quickfixj/,Driver.java pom.xml jars.sha256)
	@command -v javac >/dev/null || { echo "\`javac\` 17 or newer is missing (install a JDK: QuickFIX/J runs on it)" >&2; exit 1; }
	@command -v mvn >/dev/null || { echo "\`mvn\` is missing (install Maven: it fetches QuickFIX/J)" >&2; exit 1; }
	@rm -rf $(@D)
	mvn --quiet --batch-mode --file tests/engines/drivers/quickfixj/pom.xml dependency:copy-dependencies
	cd $(@D) && sha256sum --quiet --check $(CURDIR)/tests/engines/drivers/quickfixj/jars.sha256
	javac -cp '$(@D)/*' -d $(@D) tests/engines/drivers/quickfixj/Driver.java

$(QUICKFIXGO): $(addprefix tests/engines/drivers/quickfixgo/,main.go go.mod go.sum)
	@command -v go >/dev/null || { echo "\`go\` 1.23 or newer is missing (install Go)" >&2; exit 1; }
	cd tests/engines/drivers/quickfixgo && go build -mod=readonly -o $(CURDIR)/$@ .

# Its dictionaries come packed. Its own script would unpack them, and no package's script is run.
$(JSPUREFIX): $(addprefix tests/engines/drivers/jspurefix/,package.json package-lock.json .npmrc) | $(INSTALLED)
	@rm -rf $(@D) && mkdir -p $(@D) && cp $^ $(@D)
	cd $(@D) && $(CURDIR)/$(BIN)/npm ci
	cd $(@D)/node_modules/jspurefix/data && $(CURDIR)/$(BIN)/python -m zipfile --extract fix_repo.zip .
	@touch $@

$(KEYCLOAK): tests/interop/pom.xml tests/interop/keycloak.sha256 tests/interop/distribution.py | $(INSTALLED)
	@command -v java >/dev/null || { echo "\`java\` 17 or newer is missing (install a JDK: Keycloak runs on it)" >&2; exit 1; }
	@command -v mvn >/dev/null || { echo "\`mvn\` is missing (install Maven: it fetches Keycloak)" >&2; exit 1; }
	@mkdir -p build/interop && rm -rf build/interop/unpacked build/interop/keycloak build/interop/keycloak-*.zip
	mvn --file tests/interop/pom.xml dependency:copy
	cd build/interop && sha256sum --check $(CURDIR)/tests/interop/keycloak.sha256
	$(BIN)/python -m zipfile --extract build/interop/keycloak-quarkus-dist-*.zip build/interop/unpacked
	mv build/interop/unpacked/keycloak-* build/interop/keycloak
	$(BIN)/python -m tests.interop.distribution
	@touch $@
