#!/bin/sh
# Sees to it that there is a Chromium for the tests of the page.
set -eu
for c in "${CHROMIUM:-}" /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome; do
	if [ -n "$c" ] && [ -x "$c" ]; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	export DEBIAN_FRONTEND=noninteractive
	if apt-get -o Acquire::Retries=5 update -qq >/dev/null &&
		apt-get -o Acquire::Retries=5 install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; then
		exit 0
	fi
	echo "apt-get could not install chromium; the reason is above" >&2
	exit 1
fi
echo "no Chromium: install one, or name one in CHROMIUM" >&2
exit 1
