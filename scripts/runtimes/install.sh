#!/bin/sh
# Prints the directory of aws-lambda-ric, built. Its native part compiles for one
# to three minutes, so it is kept outside the tree, by version of the package, of
# Node and of the machine. The tools it wants are installed if they are missing
# and this machine lets us.
set -eu
cd "$(dirname "$0")"
say() { echo "runtimes: $*" >&2; }

for tool in node npm python3 curl bash; do
	command -v $tool >/dev/null 2>&1 || { say "$tool is missing; the clients need Node 20, npm, Python 3, curl and bash"; exit 1; }
done
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || { say "Node $(node --version) is too old; want 20 or later"; exit 1; }

version=$(node -p 'require("./package.json").dependencies["aws-lambda-ric"]')
lock=$(cksum <package-lock.json | cut -d' ' -f1)
cache=${MERLON_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/merlon}/aws-lambda-ric-$version-$lock-node$major-$(uname -m)
if [ -f "$cache/dist/rapid-client.node" ]; then
	echo "$cache"
	exit
fi

missing=
for tool in cmake autoconf automake libtoolize m4 pkg-config make g++; do
	command -v $tool >/dev/null 2>&1 || missing="$missing $tool"
done
if [ -n "$missing" ]; then
	packages="cmake autoconf automake libtool m4 pkg-config make g++"
	if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
		say "the native client does not build without:$missing; install them, on Debian with: apt-get install $packages"
		exit 1
	fi
	say "installing$missing"
	{ apt-get -o Acquire::Retries=5 update -qq && DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=5 install -y -qq --no-install-recommends $packages; } >&2 ||
		{ say "apt-get failed; install these: $packages"; exit 1; }
fi

say "building aws-lambda-ric $version"
mkdir -p "$(dirname "$cache")"
work=$(mktemp -d "$(dirname "$cache")/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp package.json package-lock.json "$work"
# Headers of an installed Node beside it spare a download.
include=$(dirname "$(dirname "$(command -v node)")")
[ ! -f "$include/include/node/node.h" ] || export npm_config_nodedir="$include"
if ! (cd "$work" && MAKEFLAGS="-j$(nproc)" npm ci --no-audit --no-fund --foreground-scripts) >"$work/log" 2>&1 || [ ! -f "$work/node_modules/aws-lambda-ric/dist/rapid-client.node" ]; then
	tail -n 40 "$work/log" >&2
	say "aws-lambda-ric $version did not build; the end of npm's output is above"
	exit 1
fi
# What runs is half a megabyte; what it was built from is 150.
mkdir "$work/done"
cd "$work/node_modules/aws-lambda-ric"
cp -R bin dist package.json LICENSE "$work/done"
rm -rf "$cache"
mv "$work/done" "$cache"
echo "$cache"
