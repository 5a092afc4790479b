#!/usr/bin/env bash
# Installs what the tests need beside Rust and Node.js: real clients, and a browser. Says what it installs
# and asks nothing. Where it cannot install, the tests that miss a tool fail and name the package.
set -euo pipefail

declare -A package_of=(
    [mosquitto_pub]=mosquitto-clients
    [coap-client-notls]=libcoap3-bin
    [chromium]=chromium
    [victoria-metrics]=victoria-metrics
    [python3]=python3
)
missing=()
for tool in "${!package_of[@]}"; do
    command -v "$tool" >/dev/null || missing+=("${package_of[$tool]}")
done
compgen -G '/usr/share/fonts/*/noto/NotoSansCJK*' >/dev/null || missing+=(fonts-noto-cjk)
python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)

if [ ${#missing[@]} -gt 0 ]; then
    echo "installing for the tests: ${missing[*]}"
    if command -v apt-get >/dev/null; then
        as_root=()
        [ "$(id -u)" -eq 0 ] || as_root=(sudo)
        "${as_root[@]}" apt-get update -qq
        DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    else
        echo "this is no Debian: install these with your own package manager" >&2
    fi
fi

# Clients from npm (by the lock file) and from PyPI (by pinned versions), beside their scripts.
clients="$(dirname "$0")/clients"
if [ ! -d "$clients/node_modules/mqtt" ]; then
    echo "installing for the tests: MQTT.js"
    (cd "$clients" && npm ci --no-audit --no-fund --silent)
fi
browser="$(dirname "$0")/browser"
if [ ! -d "$browser/node_modules/playwright-core" ]; then
    echo "installing for the tests: playwright-core"
    (cd "$browser" && npm ci --no-audit --no-fund --silent)
fi
if [ ! -d "$clients/python/aiocoap" ]; then
    echo "installing for the tests: paho-mqtt, aiocoap"
    python3 -m pip install --quiet --disable-pip-version-check --target "$clients/python" -r "$clients/requirements.txt"
fi
