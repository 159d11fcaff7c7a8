#!/usr/bin/env bash
# Everything that can be judged without running the product. Each step is told; the first failure ends.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/.venv/bin:$PATH
step() { printf '── %s\n' "$1"; shift; "$@"; }
no_addresses() {
  ! grep -nE 'https?://|--(extra-)?index-url|--find-links' requirements/*.lock && ! grep -n '"resolved"' ivr/web/ui/package-lock.json
}
short_files() {
  ! git ls-files -co --exclude-standard '*.py' '*.ts' '*.vue' | xargs wc -l | awk '$2 != "total" && $1 > 400' | grep .
}
step "ruff" ruff check .
step "layers" lint-imports
step "types" mypy
step "pages' types" bash -c 'cd ivr/web/ui && { [ -d node_modules ] || npm ci --no-audit --no-fund --loglevel=error; } && npm run --silent typecheck'
step "locks without addresses" no_addresses
step "files under 400 lines" short_files
step "dockerfiles" bash -c 'shopt -s nullglob; files=(docker/*/Dockerfile docker/Dockerfile*); [ ${#files[@]} = 0 ] || hadolint "${files[@]}"'
step "shell" bash -n scripts/*.sh models/tiny/*.sh .ci/run
printf '✓ make check\n'
