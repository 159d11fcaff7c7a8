#!/usr/bin/env bash
# Make this machine ready, showing each step; what is there already costs nothing.
#   scripts/setup.sh [demo|test|bench]     demo: all that runs the product.   test: that, and what the tests need.
#                                          bench: that, and what the peers of the benches need.
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:-demo}
export DEBIAN_FRONTEND=noninteractive
if [ "$(id -u)" = 0 ]; then default_state=/var/lib/ivr; else default_state=${XDG_STATE_HOME:-$HOME/.local/state}/ivr; fi
cache=$default_state/cache
began=$SECONDS
say() { printf '%02d:%02d  %s\n' $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60)) "$*"; }

packages=(baresip-core ca-certificates espeak-ng fonts-noto-cjk libgomp1 python3-venv)
[ "$purpose" != demo ] && packages+=(chromium gcc iproute2 libc6-dev sip-tester)
[ "$purpose" = bench ] && packages+=(ffmpeg postgresql-15)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" != 0 ]; then
    echo "These packages are missing; install them as root, then run this again: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  say "安装系统软件包：${missing[*]}"
  apt-get -qq update
  if [[ " ${missing[*]} " == *" postgresql-15 "* ]]; then
    # Its programs are wanted, not a cluster that listens on this machine.
    apt-get -qq -y --no-install-recommends install postgresql-common >/dev/null
    sed -ri 's/^#?(create_main_cluster) .*/\1 = false/' /etc/postgresql-common/createcluster.conf
  fi
  apt-get -qq -y --no-install-recommends install "${missing[@]}" >/dev/null
fi

if [ "$(id -u)" = 0 ] && ! id ivr-postgres >/dev/null 2>&1; then
  say "添加系统用户 ivr-postgres（内置数据库不以 root 运行）"
  useradd --system --no-create-home --shell /usr/sbin/nologin ivr-postgres
fi

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' ||
  { echo "Python 3.11, 3.12 or 3.13 is needed; $python is $("$python" -V). Set PYTHON to another." >&2; exit 1; }
wanted=$(sha256sum <requirements/dev.lock | cut -c1-32)
if [ "$(cat .venv/.lock-digest 2>/dev/null)" != "$wanted" ]; then
  say "安装锁定的 Python 环境"
  rm -rf .venv
  "$python" -m venv .venv
  .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.lock
  .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
  echo "$wanted" >.venv/.lock-digest
fi

scripts/fetch-asterisk.sh "$cache/asterisk-root" | while IFS= read -r line; do say "$line"; done
[ "${PIPESTATUS[0]}" = 0 ]

sources=$(git ls-files -z ivr/web/ui 2>/dev/null | xargs -0 -r cat 2>/dev/null | sha256sum | cut -c1-32)
if [ "$(cat ivr/web/static/.source-digest 2>/dev/null)" != "$sources" ]; then
  say "构建网页"
  scripts/build-pages.sh
  echo "$sources" >ivr/web/static/.source-digest
fi
say "环境就绪"
