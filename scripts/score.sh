#!/bin/sh
# Scores build/merlon over the labelled corpora of the given directory, with the
# floors of scripts/score.floor. A directory that is not there is said and is no
# failure: the project builds and tests without it.
set -eu
shared=$1
if [ ! -f "$shared/corpora/dev/corpus.jsonl.gz" ]; then
	echo "score: no corpus in $shared (set SHARED); nothing measured"
	exit 0
fi
. scripts/score.floor
mkdir -p build
(cd "$shared/tools/score" && go build -o "$OLDPWD/build/score" .)
build/score -corpus "$shared/corpora/dev/corpus.jsonl.gz" -cmd 'build/merlon inspect --detect' -save build/score.jsonl \
	-min-tpr "$MIN_TPR" -max-fpr "$MAX_FPR" -max-fpr-typical "$MAX_FPR_TYPICAL"
echo "over the HTTP events alone:"
build/score -corpus "$shared/corpora/dev/corpus.jsonl.gz" -only apigw-v1,apigw-v2,alb,function-url -results build/score.jsonl \
	-min-tpr "$MIN_TPR_HTTP" -max-fpr "$MAX_FPR_HTTP" >build/score-http.txt && status=0 || status=$?
head -4 build/score-http.txt
exit "$status"
