# The two commands of the README, and the check that goes before a commit.

# Without this, macOS's make 3.81 would ignore the PATH below for one-word recipes.
SHELL := /bin/bash

# rustup installs here, and a shell opened before that does not know it yet.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

TARGET := $(or $(CARGO_TARGET_DIR),target)

.DEFAULT_GOAL := help
.PHONY: help run test check bench tools test-tools

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile

run: tools ## build Mizan and serve demo data; prints an address, a key and a curl line
	cargo build --release --package mizan
	@exec $(TARGET)/release/mizan demo

test: check test-tools ## every check and every test, doc tests included
	@# The whole-system tests start the binary. Built with all targets, because a narrower
	@# build picks other features of the dependencies and compiles them a second time.
	cargo build --workspace --all-targets
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -ex; cargo nextest run --workspace; cargo test --workspace --doc; \
	else \
		set -x; cargo test --workspace; \
	fi
	@# Our books in other programs: ignored above, because a machine may not have them.
	@for program in hledger beancount; do \
		command -v $${program/beancount/bean-check} >/dev/null || { echo "mizan: SKIPPED: the test with $$program, which is not here"; continue; }; \
		cargo test --workspace --test system -- --ignored exports::books::$$program || exit 1; \
	done
	@# Chains' own nodes: likewise.
	@if [ -e $(TARGET)/nodes/package.json ]; then \
		cargo test --workspace --test nodes --test chains -- --ignored; \
	else \
		echo "mizan: SKIPPED: the tests with nodes of Bitcoin and Ethereum, which are not here"; \
	fi

check: tools ## formatting and lints, warnings are errors
	cargo fmt --check
	cargo clippy --workspace --all-targets -- -D warnings

bench: tools ## measure everything, with peers and limits beside; writes tables into docs/performance.md, takes long
	@CARGO_TARGET_DIR=$(abspath $(TARGET)) cargo build --release --manifest-path bench/peers/Cargo.toml || \
		echo "mizan: SKIPPED: the libraries that Mizan is compared with; esrs needs the headers of OpenSSL (libssl-dev)"
	CARGO_TARGET_DIR=$(abspath $(TARGET)) cargo run --release --manifest-path bench/Cargo.toml -- all --write docs/performance.md
	CARGO_TARGET_DIR=$(abspath $(TARGET)) cargo run --release --manifest-path bench/Cargo.toml -- plans

tools: ## install what is missing: C compiler, Rust, PostgreSQL
	@scripts/bootstrap.sh

test-tools: ## install what only tests need: hledger, beancount, nodes of chains
	@scripts/bootstrap.sh for-tests
