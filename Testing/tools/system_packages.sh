#!/bin/sh
# Install the named Debian packages that are missing, where that is possible without asking for a password.
# A machine without apt-get, or without the right to use it, goes on: what is missing is then said by the failing program.
missing=""
for package in "$@"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ]; then run=""; elif sudo -n true 2>/dev/null; then run="sudo -n"; else
  echo "Not installed, and no right to install:$missing" >&2; exit 0
fi
command -v apt-get >/dev/null 2>&1 || { echo "Not installed (no apt-get):$missing" >&2; exit 0; }
echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$run apt-get update -qq && $run apt-get install -y -qq --no-install-recommends $missing >/dev/null || \
  echo "Could not install all of:$missing" >&2
exit 0
