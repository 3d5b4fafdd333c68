#!/usr/bin/env bash
# Publishes Merlon's layer to the given regions and writes the ARNs to a file.
#
#   scripts/publish-layer.sh --regions eu-west-1,us-east-1 --version 0.1.0 \
#       --x86_64 dist/merlon-layer-x86_64.zip --arm64 dist/merlon-layer-arm64.zip
#
# Needs the AWS CLI and, on the account, lambda:PublishLayerVersion (and
# lambda:AddLayerVersionPermission with --public or --account). Each
# architecture is a layer of its own: the programs inside are not portable.
set -euo pipefail

usage() {
	cat <<'TEXT'
usage: scripts/publish-layer.sh --regions R,R… --version V [--x86_64 ZIP] [--arm64 ZIP] [options]

  --regions R,R…     regions to publish to
  --version V        release, for the description and the output file
  --x86_64 ZIP       layer for x86_64
  --arm64 ZIP        layer for arm64
  --name NAME        layer name, to which the architecture is added (default: merlon)
  --account ID       let this account use the layer
  --organization ID  let this organization's accounts use the layer
  --public           let everyone use the layer
  --out FILE         where to write the ARNs (default: layers.json)
  --dry-run          print the commands; call nothing, write nothing
TEXT
}

die() {
	printf 'publish-layer: %s\n' "$*" >&2
	exit 2
}

regions='' version='' zip_x86_64='' zip_arm64='' name=merlon out=layers.json
principal='' organization='' dry_run=no

while [ $# -gt 0 ]; do
	case $1 in
	--regions | --version | --x86_64 | --arm64 | --name | --account | --organization | --out)
		[ $# -ge 2 ] || die "$1: want a value after it"
		;;
	esac
	case $1 in
	--regions) regions=$2; shift 2 ;;
	--version) version=$2; shift 2 ;;
	--x86_64) zip_x86_64=$2; shift 2 ;;
	--arm64) zip_arm64=$2; shift 2 ;;
	--name) name=$2; shift 2 ;;
	--account) principal=$2; shift 2 ;;
	--organization) principal='*' organization=$2; shift 2 ;;
	--public) principal='*'; shift ;;
	--out) out=$2; shift 2 ;;
	--dry-run) dry_run=yes; shift ;;
	-h | --help) usage; exit 0 ;;
	*) usage >&2; die "unknown argument: $1" ;;
	esac
done

# matches VALUE REGEX: everything that goes into a command or the output file is
# checked here, which is why neither needs escaping.
matches() { [[ $1 =~ ^($2)$ ]]; }

[ -n "$regions" ] || die '--regions is missing: want for instance --regions eu-west-1,us-east-1'
matches "$version" '[0-9A-Za-z.+-]{1,64}' || die "--version \"$version\": want for instance 0.1.0"
matches "$name" '[a-zA-Z0-9_-]{1,100}' || die "--name \"$name\": want letters, digits, - and _"
if [ -n "$principal" ] && [ "$principal" != '*' ]; then
	matches "$principal" '[0-9]{12}' || die "--account \"$principal\": want 12 digits"
fi
if [ -n "$organization" ]; then
	matches "$organization" 'o-[a-z0-9]{10,32}' || die "--organization \"$organization\": want o- and 10 to 32 letters and digits"
fi
[ -n "$zip_x86_64$zip_arm64" ] || die 'no layer given: want --x86_64 ZIP, --arm64 ZIP or both'

# The zip goes up in the request; larger ones would need S3, and a Merlon layer
# that large is a mistake of the build.
check_zip() {
	[ -f "$1" ] || die "$1: no such file: build it with merlon layer build"
	local size
	size=$(wc -c <"$1" | tr -d ' ')
	[ "$size" -gt 0 ] || die "$1: the file is empty"
	[ "$size" -lt 12000000 ] || die "$1: $size bytes, want under 12000000"
}
[ -z "$zip_x86_64" ] || check_zip "$zip_x86_64"
[ -z "$zip_arm64" ] || check_zip "$zip_arm64"

IFS=', ' read -r -a region_list <<<"${regions//[$'\n\t']/,}"
for region in "${region_list[@]}"; do
	matches "$region" '[a-z]{2}(-[a-z]+)+-[0-9]' || die "region \"$region\": want for instance eu-west-1"
done

[ "$dry_run" = yes ] || command -v aws >/dev/null || die 'the AWS CLI (aws) is not in PATH'
export AWS_PAGER=''

# run prints the command in a dry run and runs it otherwise.
run() {
	if [ "$dry_run" = yes ]; then
		printf '%q ' "$@" >&2
		printf '\n' >&2
	else
		"$@"
	fi
}

failures=0
rows=''

# fail reports and goes on: one region that is not enabled must not keep the
# others from a release.
fail() {
	printf 'publish-layer: %s\n' "$*" >&2
	failures=$((failures + 1))
}

# publish REGION ARCHITECTURE ZIP
publish() {
	local region=$1 arch=$2 zip=$3 layer=$name-$2 arn
	if ! arn=$(run aws lambda publish-layer-version --region "$region" --layer-name "$layer" \
		--description "Merlon $version for $arch" --license-info Apache-2.0 \
		--compatible-architectures "$arch" --zip-file "fileb://$zip" \
		--query LayerVersionArn --output text); then
		fail "$region $arch: not published"
		return
	fi
	[ "$dry_run" = no ] || arn=arn:aws:lambda:$region:000000000000:layer:$layer:1
	if ! matches "$arn" "arn:aws[a-z-]*:lambda:$region:[0-9]{12}:layer:$layer:[0-9]+"; then
		fail "$region $arch: the AWS CLI answered \"$arn\", want the ARN of a layer version"
		return
	fi
	rows="$rows${rows:+,}
    {\"region\": \"$region\", \"architecture\": \"$arch\", \"arn\": \"$arn\"}"
	[ "$dry_run" = yes ] || printf '%s\n' "$arn"
	[ -z "$principal" ] || share "$region" "$arch" "$arn"
}

# share REGION ARCHITECTURE ARN
share() {
	local region=$1 arch=$2 arn=$3
	local command=(aws lambda add-layer-version-permission --region "$region" --layer-name "$name-$arch"
		--version-number "${arn##*:}" --statement-id merlon-use --action lambda:GetLayerVersion
		--principal "$principal" --query RevisionId --output text)
	[ -z "$organization" ] || command+=(--organization-id "$organization")
	run "${command[@]}" >/dev/null || fail "$region $arch: published as $arn, but not shared with $principal"
}

for region in "${region_list[@]}"; do
	[ -z "$zip_x86_64" ] || publish "$region" x86_64 "$zip_x86_64"
	[ -z "$zip_arm64" ] || publish "$region" arm64 "$zip_arm64"
done

if [ "$dry_run" = no ] && [ -n "$rows" ]; then
	printf '{\n  "version": "%s",\n  "layers": [%s\n  ]\n}\n' "$version" "$rows" >"$out.tmp"
	mv -- "$out.tmp" "$out"
fi
if [ "$failures" -gt 0 ]; then
	printf 'publish-layer: %d failed\n' "$failures" >&2
	exit 1
fi
