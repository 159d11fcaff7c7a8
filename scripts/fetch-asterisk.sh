#!/usr/bin/env bash
# Unpack Asterisk 22 from Debian forky into a folder: plain apt into private lists, dpkg -x, no root, no maintainer
# scripts, nothing installed on the system. Does nothing when a fitting Asterisk is there already.
#   scripts/fetch-asterisk.sh FOLDER
set -euo pipefail
folder=$(realpath -m "${1:?folder}")
packages=(asterisk asterisk-modules asterisk-core-sounds-en-wav asterisk-moh-opsound-wav)
oldest=22.10.1

fits() { # does this tree hold an Asterisk ≥ oldest and < 23?
  local loader version
  loader=$(ls "$1"/lib64/ld-linux-x86-64.so.2 "$1"/lib/ld-linux-aarch64.so.1 2>/dev/null | head -1)
  [ -n "$loader" ] || return 1
  version=$("$loader" --inhibit-cache --library-path "$1/usr/lib/$(uname -m)-linux-gnu" "$1/usr/sbin/asterisk" -V 2>/dev/null |
    sed -nE 's/^Asterisk ([0-9]+\.[0-9]+\.[0-9]+).*/\1/p')
  [ -n "$version" ] && dpkg --compare-versions "$version" ge "$oldest" && dpkg --compare-versions "$version" lt 23 && echo "$version"
}

if system=$(asterisk -V 2>/dev/null | sed -nE 's/^Asterisk ([0-9.]+).*/\1/p') && [ -n "$system" ] &&
  dpkg --compare-versions "$system" ge "$oldest" && dpkg --compare-versions "$system" lt 23; then exit 0; fi
mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock 9
if fits "$folder" >/dev/null; then exit 0; fi

echo "下载并解开 Asterisk 22（约 130 MB，只此一次）"
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT
. /etc/os-release
[ -n "$(ls -A /var/lib/apt/lists 2>/dev/null | grep -v -e lock -e partial || true)" ] || apt-get -qq update
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' "Codename: $VERSION_CODENAME" | head -1)
[ -n "$mirror" ] || { echo "apt knows no Debian mirror; run apt-get update, or install Asterisk $oldest yourself" >&2; exit 1; }
mkdir -p "$work"/apt/{lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d,etc/trusted.gpg.d} "$work/root"
: >"$work/apt/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror forky main" >"$work/apt/etc/sources.list"
# The mirror may be a frozen copy past its date; the signature is still checked.
options=(-o "Dir::State=$work/apt" -o "Dir::State::lists=$work/apt/lists" -o "Dir::State::status=$work/apt/status"
  -o "Dir::Cache=$work/apt/cache" -o "Dir::Etc=$work/apt/etc" -o "Dir::Etc::sourcelist=$work/apt/etc/sources.list"
  -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User= -o Acquire::Check-Valid-Until=false
  -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Install-Recommends=false)
apt-get "${options[@]}" -qq update
apt-get "${options[@]}" -qq -y -d install "${packages[@]}" >/dev/null
# Merged /usr first, so that lib64/ld-linux lands where the links point.
for name in lib lib64 bin sbin; do mkdir -p "$work/root/usr/$name"; ln -sfn "usr/$name" "$work/root/$name"; done
for package in "$work"/apt/cache/archives/*.deb; do dpkg -x "$package" "$work/root"; done
version=$(fits "$work/root") || { echo "the mirror's Asterisk is not ≥ $oldest and < 23; use the container image of docs/how-to/docker.md" >&2; exit 1; }
chmod 755 "$work/root"
rm -rf "$folder"
mv "$work/root" "$folder"
echo "Asterisk $version 就绪"
