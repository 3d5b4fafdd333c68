#!/bin/sh
# Prints -race where the race detector can be built: it needs cgo and a C
# compiler. With --say, tells people which of the two it is.
if [ "$(go env CGO_ENABLED)" = 1 ] && command -v "$(go env CC)" >/dev/null 2>&1; then
	flag=-race
fi
if [ "$1" = --say ]; then
	if [ -n "$flag" ]; then echo "race detector: on"; else echo "race detector: off, no C compiler found"; fi
else
	echo "$flag"
fi
