#!/usr/bin/env bash
# Resolve the Python locks: hashes, no download addresses, one resolution for every supported Python.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "uv is needed to resolve locks: pip install uv" >&2; exit 1; }
options=(--universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --quiet)
uv pip compile "${options[@]}" pyproject.toml -o requirements/run.lock
uv pip compile "${options[@]}" --extra dev -c requirements/run.lock pyproject.toml -o requirements/dev.lock
