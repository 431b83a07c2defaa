# What a person or a script calls. `make demo` and `make test` need Python 3.11, apt and root, or what they say.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SHORTEST := joins or wrong_password

help: ## show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.installed ## take a factory-fresh device from its label to connected; ARGS=--wrong-password shows the way out
	@.ci/system-packages dbus-daemon mosquitto
	@$(BIN)/python -m tests.world.demo $(ARGS)

test: lint $(VENV)/.hardware-keys ## lint, then every test, and the shortest way through the virtual machine
	@.ci/system-packages dbus-daemon mosquitto wpasupplicant iproute2 openssl postgresql swtpm softhsm2 libfaketime systemd
	$(BIN)/python -m pytest $(ARGS)
	$(if $(ARGS),,@$(MAKE) --no-print-directory test-vm ARGS="-k '$(SHORTEST)'")

test-vm: $(VENV)/.installed ## real BlueZ and Wi-Fi on simulated radios, in a virtual machine; SUITE=trixie
	@.ci/system-packages qemu-system-x86 zstd
	$(BIN)/python -m pytest tests/vm --suite $(or $(SUITE),bookworm) $(ARGS)

test-vm-wifi: $(VENV)/.installed ## both Wi-Fi backends and access points of every kind, in virtual machines; SUITE=trixie
	@.ci/system-packages qemu-system-x86 zstd
	$(BIN)/python -m pytest tests/vm_wifi --wifi-suite $(or $(SUITE),bookworm) $(ARGS)

test-package: $(VENV)/.installed ## the Debian package in a virtual machine with systemd: installed, used, removed, purged
	@.ci/system-packages qemu-system-x86 zstd
	$(BIN)/python -m pytest tests/package $(ARGS)

lint: $(VENV)/.installed ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed ## figures, as counts and ratios; ARGS=--full goes on to a million devices
	@.ci/system-packages dbus-daemon mosquitto wpasupplicant postgresql
	$(BIN)/python -m tests.bench $(ARGS)

deb: $(VENV)/.installed ## the agent as a Debian package in build/; ARCH=arm64 for a Raspberry Pi
	$(BIN)/python packaging/build.py $(or $(ARCH),amd64)

openapi: $(VENV)/.installed ## schemathesis against a real server, 1,000 examples an operation; EXAMPLES=100 is shorter
	$(BIN)/python -m tests.openapi.campaign $(EXAMPLES)

fuzz: $(VENV)/.installed ## mutants of recorded exchanges into both ends, guided by coverage; SECONDS=600
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable '.[fuzz]'
	$(BIN)/python -m tests.fuzz build/fuzz $(or $(SECONDS),60)

format: $(VENV)/.installed ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove what was installed and built here
	rm -rf $(VENV) build demo-run *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.installed: pyproject.toml .ci/constraints.txt
	@.ci/system-packages python3-venv
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable '.[dev]'
	@touch $@

$(VENV)/.hardware-keys: $(VENV)/.installed
	@.ci/system-packages libtss2-dev
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable '.[hardware-keys]'
	@touch $@

.PHONY: help demo test lint bench openapi fuzz format clean test-vm test-package deb test-vm-wifi
