#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh [OPTION]... KERNEL [PATCH...]   does the suite find the bugs that PATCHes put back into KVM?
#
# Without a PATCH all of tools/mutants/KERNEL. Each is built (tools/vm/build-kvm.sh) and stressed by ./run.sh
# until something fails. Its header says what has to be found, see tools/mutants/README.md.
#
#	--duration TIME	how long each may run (default 10s)
#	--default	the default run instead of the scenario that the header names
#	--results DIR	where the results directories go (default results/mutants-DATE-KERNEL)
#
# Prints a table: name, verdict, oracle, scenario, seconds of stress until the first failure, fingerprint.
# Exit 1 when a mutant was missed or named by another oracle or fingerprint, or a control was reported.

set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
export PFN_CACHE=${PFN_CACHE:-$top/.cache}
duration=10s whole='' results='' bad=0

usage() {
	echo "usage: tools/mutants/run.sh [--duration TIME] [--default] [--results DIR] KERNEL [PATCH...]" >&2
	exit 2
}

while (($#)); do
	case $1 in
	--duration) duration=${2-} && shift ;;
	--default) whole=1 ;;
	--results) results=${2-} && shift ;;
	-*) usage ;;
	*) break ;;
	esac
	shift
done
(($#)) || usage
kernel=$1
shift
(($#)) || set -- "$here/$kernel"/*.patch
for patch in "$@"; do
	[[ -f $patch ]] || { echo "run.sh: no such mutant: $patch" >&2; exit 2; }
done
results=${results:-$top/results/mutants-$(date +%Y%m%d-%H%M%S)-$kernel}
mkdir -p "$results" || exit 1
"$top/tools/vm/packages.sh" check || exit 1

header() { sed -n "s/^# $2: *//p" "$1"; } # PATCH KEY

# matches WORD LIST: does one of the globs in LIST match?
matches() {
	local glob
	set -f
	for glob in $2; do
		# shellcheck disable=SC2053  # a glob is what is wanted
		[[ $1 != $glob ]] || { set +f; return 0; }
	done
	set +f
	return 1
}

# All failures that are no known issue, in order: seconds of stress so far, oracle, fingerprint, scenario.
failures() { # RESULT.JSON
	jq -r '[.scenarios[] | select(.verdict == "pass" or .verdict == "fail")] as $s |
		range($s | length) as $i | ([$s[:$i][].seconds] | add // 0) as $before |
		$s[$i].failures | sort_by(.t_ms // 1e9)[] | select((.known // "") == "") |
		[($before + (if .t_ms then .t_ms / 1000 else $s[$i].seconds end) | . * 10 | round / 10),
		 .oracle, .fingerprint, $s[$i].name] | @tsv' "$1"
}

line() { printf '%-24s %-12s %-11s %-15s %7s  %s\n' "$@"; }

judge() { # PATCH RESULT.JSON NAME
	local expect fingerprints seconds oracle fingerprint scenario first=() found=()
	expect=$(header "$1" Expect) fingerprints=$(header "$1" Fingerprint)
	while IFS=$'\t' read -r seconds oracle fingerprint scenario; do
		((${#first[@]})) || first=("$oracle" "$scenario" "$seconds" "$fingerprint")
		((${#found[@]})) || ! matches "$oracle" "$expect" || ! matches "$fingerprint" "$fingerprints" ||
			found=("$oracle" "$scenario" "$seconds" "$fingerprint")
	done < <(failures "$2")
	if [[ $expect = none ]]; then
		((${#first[@]})) || { line "$3" clean - - - -; return; }
		line "$3" FALSE-ALARM "${first[@]}"
	elif ((${#found[@]})); then
		line "$3" found "${found[@]}"
		return
	elif ((${#first[@]})); then
		line "$3" WRONG-ORACLE "${first[@]}"
	else
		line "$3" MISSED - - - -
	fi
	bad=1
}

line mutant verdict oracle scenario seconds fingerprint
for patch in "$@"; do
	name=$(basename "$patch" .patch)
	options=(--kernel "$kernel" --duration "$duration" --fail-fast --results "$results/$name")
	if [[ ! $whole ]]; then
		for scenario in $(header "$patch" Scenario); do
			options+=(--scenario "$scenario")
		done
	fi
	if modules=$("$top/tools/vm/build-kvm.sh" "$kernel" "$patch" 2>"$results/$name.log"); then
		"$top/run.sh" --repeat 0 "${options[@]}" --modules "$modules" >>"$results/$name.log" 2>&1 </dev/null
	fi
	if [[ ! -s $results/$name/result.json ]] || ! jq -e '.boots | length > 0' "$results/$name/result.json" >/dev/null; then
		line "$name" BROKEN - - - "see $results/$name.log"
		bad=1
		continue
	fi
	judge "$patch" "$results/$name/result.json" "$name"
done
exit $bad
