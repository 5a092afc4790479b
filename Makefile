# gengfu: `make demo` sets up and runs a city on this machine, `make test` sets up and passes the tests.
# Both need Rust (with cargo), Node.js (with npm) and a C compiler; what else they need they install, and say so.

CARGO ?= cargo
CONSOLE := dashboards/console
CONSOLE_SOURCES := $(shell find $(CONSOLE) -type f -not -path '*/node_modules/*' -not -path '*/dist/*')

.PHONY: demo test build console check lint bench clean help

help:
	@echo "make demo   build, and run the gateway with a simulated city"
	@echo "make test   install what the tests need, and run them all"
	@echo "make lint   rustfmt, clippy and the console's type check"
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

bench: console
	$(CARGO) bench --package gengfu --bench line -- $(BENCH)
	$(CARGO) bench --package gengfu --bench backtest

clean:
	$(CARGO) clean
	rm -rf $(CONSOLE)/dist $(CONSOLE)/node_modules demo-data
