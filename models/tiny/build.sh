#!/bin/sh
# Rebuilds the tiny test model from espeak-ng, pip and Debian packages alone: no downloaded weights, no GPU.
#
#   models/tiny/build.sh --graph-only     new words and sentences (hotline_language.toml): seconds
#   models/tiny/build.sh                  everything: about ten minutes on two cores
#   models/tiny/build.sh --epochs 1 --shards 1 --utterances 150 --to /tmp/try/model    a quick trial, elsewhere
#
# --to DIR builds into another folder; --any-torch takes torch 2.13.0 from wherever pip is set up to find it (a
# CPU-only wheel is not the file the lock names, and half a gigabyte instead of five). Other options: build_model.py.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
state=${IVR_STATE_DIR:-/var/lib/ivr}
venv=$state/cache/tiny-model-venv
work=$state/cache/tiny-model-build
lock=$root/requirements/tiny-model.lock
model=$here/vosk-model-tiny-cn-hotline
graph_only=no
any_torch=no

count=$#
while [ "$count" -gt 0 ]; do
    argument=$1
    shift
    count=$((count - 1))
    case $argument in
        --any-torch) any_torch=yes ;;
        --to)
            model=$1
            shift
            count=$((count - 1))
            ;;
        --graph-only)
            graph_only=yes
            set -- "$@" "$argument"
            ;;
        *) set -- "$@" "$argument" ;;
    esac
done

missing=
command -v fstconvert >/dev/null || missing="$missing libfst-tools"
ls /usr/lib/*/fst/*/olabel_lookahead-fst.so >/dev/null 2>&1 || missing="$missing libfst22-plugins-base"
ls /usr/lib/*/libespeak-ng.so.1 >/dev/null 2>&1 || missing="$missing espeak-ng libespeak-ng1"
if [ -n "$missing" ]; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "missing Debian packages; as root: apt-get install$missing" >&2
        exit 1
    fi
    echo "Installing$missing"
    apt-get install -y --no-install-recommends $missing >/dev/null
fi

# The packages of the lock named here, with their hashes, as a lock of their own.
part_of_lock() {
    awk -v wanted=" $* " '
        /^[a-zA-Z0-9]/ { split($1, name, "=="); keep = index(wanted, " " name[1] " ") > 0 }
        keep' "$lock"
}

[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
pip() { "$venv/bin/python" -m pip --quiet --disable-pip-version-check "$@"; }
small=$(mktemp)
trap 'rm -f "$small"' EXIT
part_of_lock jieba numpy pypinyin >"$small"
echo "Python packages for the graph"
pip install --no-deps --require-hashes -r "$small"
if [ "$graph_only" = no ]; then
    part_of_lock kaldi-native-fbank scipy >"$small"
    echo "Python packages for training"
    pip install --no-deps --require-hashes -r "$small"
    if [ "$any_torch" = yes ]; then
        pip install torch==2.13.0
    elif ! "$venv/bin/python" -c 'import torch; assert torch.__version__.split("+")[0] == "2.13.0"' 2>/dev/null; then
        pip install --require-hashes -r "$lock"
    fi
fi

mkdir -p "$work"
if [ "$graph_only" = yes ] && [ ! -d "$model" ]; then
    cp -r "$here/vosk-model-tiny-cn-hotline" "$model"
fi
mkdir -p "$model"
nice "$venv/bin/python" "$here/build/build_model.py" "$model" --work "$work" "$@"
