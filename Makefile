# gengfu: `make demo` sets up and runs a city on this machine, `make test` sets up and passes the tests.
# Both need Rust (with cargo), Node.js (with npm) and a C compiler; what else they need they install, and say so.

CARGO ?= cargo
CONSOLE := dashboards/console
CONSOLE_SOURCES := $(shell find $(CONSOLE) -type f -not -path '*/node_modules/*' -not -path '*/dist/*')

.PHONY: demo test build console check lint bench advisories clean help

help:
	@echo "make demo   build, and run the gateway with a simulated city"
	@echo "make test   install what the tests need, and run them all"
	@echo "make lint   rustfmt, clippy and the console's type check"
	@echo "make advisories  check the dependencies against the advisories of today"
	@echo "make bench  build for speed, and measure the whole line (prints figures, asserts nothing)"

# The console is built by npm into dashboards/console/dist, which the binary embeds.
console: $(CONSOLE)/dist/index.html

$(CONSOLE)/dist/index.html: $(CONSOLE_SOURCES)
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or newer"; exit 1; }
	cd $(CONSOLE) && npm ci --no-audit --no-fund && npm run build
	@touch $@

build: console
	$(CARGO) build --package gengfu --package gengfu-sim

demo: build
	$(CARGO) run --quiet --package gengfu -- demo $(DEMO)

test: console
	bash tests/setup.sh
	cd $(CONSOLE) && npm test
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
		$(CARGO) nextest run --workspace --no-fail-fast; \
	else \
		$(CARGO) test --workspace --no-fail-fast; \
	fi

lint: console
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	cd $(CONSOLE) && npm run check

# mosquitto is the peer that figures are given as a ratio to; without it there are no ratios.
bench: console
	@command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || echo "no mosquitto: apt-get install mosquitto mosquitto-clients"
	$(CARGO) bench --package gengfu-rules --bench judge
	$(CARGO) bench --package gengfu --bench line -- $(BENCH)
	$(CARGO) bench --package gengfu --bench backtest

# Offline, the test `advisories` does the same with the advisories of the snapshot's day.
advisories:
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
		$(CARGO) deny check; \
	else \
		echo "cargo-deny is not installed (cargo install --locked cargo-deny): checking against the snapshot only"; \
		$(CARGO) test --package gengfu --test it advisories; \
	fi

clean:
	$(CARGO) clean
	rm -rf $(CONSOLE)/dist $(CONSOLE)/node_modules demo-data
