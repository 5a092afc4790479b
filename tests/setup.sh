#!/usr/bin/env bash
# Installs what the tests need beside Rust and Node.js: real clients, and a browser. Says what it installs
# and asks nothing. Where it cannot install, the tests that miss a tool fail and name the package.
set -euo pipefail

declare -A package_of=(
    [mosquitto_pub]=mosquitto-clients
    [coap-client-notls]=libcoap3-bin
    [chromium]=chromium
)
missing=()
for tool in "${!package_of[@]}"; do
    command -v "$tool" >/dev/null || missing+=("${package_of[$tool]}")
done
compgen -G '/usr/share/fonts/*/noto/NotoSansCJK*' >/dev/null || missing+=(fonts-noto-cjk)
/usr/bin/python3 -c 'import paho.mqtt.client' 2>/dev/null || missing+=(python3-paho-mqtt)

# MQTT.js, and what drives the browser, come from npm, by their lock files.
for package in clients/node_modules/mqtt browser/node_modules/playwright-core; do
    folder="$(dirname "$0")/${package%%/*}"
    [ -d "$(dirname "$0")/$package" ] || (cd "$folder" && npm ci --no-audit --no-fund --silent)
done

[ ${#missing[@]} -eq 0 ] && exit 0

echo "installing for the tests: ${missing[*]}"
if ! command -v apt-get >/dev/null; then
    echo "this is no Debian: install these with your own package manager" >&2
    exit 0
fi
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
