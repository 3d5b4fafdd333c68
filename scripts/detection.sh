#!/bin/sh
# Writes the tables of docs/DETECTION.md from the labelled corpus of the given
# directory. One that is not there is said and is no failure.
set -eu
corpus=$1/corpora/dev/corpus.jsonl.gz
if [ ! -f "$corpus" ]; then
	echo "detection: no corpus in $1 (set SHARED); nothing measured"
	exit 0
fi
corpus=$(cd "$(dirname "$corpus")" && pwd)/corpus.jsonl.gz
mkdir -p build
# What the other engines say of the corpus is kept; a change of theirs or of what
# they are given begins anew.
version=$(cat scripts/bench/go.sum scripts/bench/internal/peer/*/*.go scripts/bench/internal/sample/*.go | cksum | cut -d' ' -f1)
(cd scripts/bench && CGO_ENABLED=0 go build -tags appsec -o ../../build/detect ./detect)
build/detect -corpus "$corpus" -benign testdata/benign -answers "build/detection.$version" -doc docs/DETECTION.md
