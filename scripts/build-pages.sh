#!/usr/bin/env bash
# Build the pages into ivr/web/static with the Node of the locked environment (Debian's is too old for Vite 8).
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/.venv/bin:$PATH
cd ivr/web/ui
npm ci --no-audit --no-fund --loglevel=error
npm run --silent build
