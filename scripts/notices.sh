#!/bin/sh
# Prints the licences of every module that the given packages link, with the
# rule set's notice: what a binary distribution has to carry.
set -eu
cat policy/rules/crs/NOTICE
printf '\n==== Go standard library (LICENSE)\n\n'
cat "$(go env GOROOT)/LICENSE"
go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}}@{{.Version}} {{.Dir}}{{end}}{{end}}' "$@" | sort -u |
while read -r module dir; do
	for f in "$dir"/LICENSE* "$dir"/LICENCE* "$dir"/COPYING* "$dir"/NOTICE*; do
		[ -f "$f" ] || continue
		printf '\n==== %s (%s)\n\n' "$module" "$(basename "$f")"
		cat "$f"
	done
done
