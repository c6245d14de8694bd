#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# minimise.sh DIR [OPTION]...   the smallest scenario that still fails as the one in DIR did
#
# Leaves out regions, consumers, injectors and vCPUs of the first scenario with a new failure, one after
# the other, as long as it fails as the whole does in one of TRIES (3) runs: a rule is broken that was
# broken in DIR, in its repeated runs or when the whole was tried again (whatever the page and the access;
# kernel log and hangs: that very fingerprint; the suite's own failures are none). One bug has many faces.
# Goes round again until nothing more can go. Options are added to ./run.sh's. Writes DIR/minimal/NAME.conf
# and prints its path.
#
# Exit 1 if the failure does not come back at all, 2 for wrong usage.
set -euo pipefail

bad() { echo "run.sh: replay --minimise: $*" >&2; exit 2; }
say() { printf '  %s\n' "$*" >&2; }

top=$(cd "$(dirname "$0")/.." && pwd)
configs=${PFN_CONFIGS:-$top/configs}
tries=${TRIES:-3}
dir=$1
shift
"$top/tools/vm/packages.sh" minimise || exit
name=$(jq -r 'first(.scenarios[] | select(.verdict == "fail" and any(.failures[]; .known | not)).name) // ""' \
	"$dir/result.json")
[[ $name ]] || bad "no scenario of '$dir' has a new failure"
# the new failures' rules, or whole fingerprints where a rule says little
rules='[.failures[] | select(.known | not) | .fingerprint | select(startswith("suite/") | not) |
	if test("^(kernel-log|liveness)/") then . else (split("/")[:2] | join("/")) end] | unique'
learn() { # RESULT...: how it fails
	mapfile -t prints < <({
		((!${#prints[@]})) || printf '%s\n' "${prints[@]}"
		jq -r --arg n "$name" ".scenarios[] | select(.name == \$n) | $rules | .[]" "$@"
	} | sort -u)
}
prints=()
learn "$dir/result.json"
for again in "$dir/repeat/${name//\//-}"-*/result.json; do
	[[ ! -e $again ]] || learn "$again"
done
print=$(IFS=,; echo "${prints[*]}")
print=${print//,/ or }
from=$configs/scenarios/$name.conf
[[ -f $from ]] || bad "there is no $from any more"
grep -q '^outcomes' "$from" && bad "$name is a table: there is nothing to leave out"

# ./run.sh's options for the same kernel, modules and seed
options=()
while IFS=$'\t' read -r option value; do
	options+=("--$option" "$value")
done < <(jq -r --arg n "$name" '(.scenarios[] | select(.name == $n).budget_ms) as $ms | .options |
	{seed: .seed, duration: "\([([$ms, 10000] | max), 30000] | min / 1000 | ceil)s", memory: "\(.memory_mb)M",
	 vcpus: (select(.vcpus > 0).vcpus // null), accel: .accel, ksrc: .ksrc, modules: .modules,
	 kernel: (if .host then null else .kernel end), "kernel-modules": .["kernel_modules"]} |
	to_entries[] | select(.value) | [.key, .value] | @tsv' "$dir/result.json")
[[ $(jq .options.host "$dir/result.json") != true ]] || options+=(--host)

work=$dir/minimal
mkdir -p "$work/configs/scenarios/$(dirname "$name")"
conf=$work/configs/scenarios/$name.conf
cp "$configs/known-issues" "$work/configs/"
runs=0

# fails FILE: does this scenario still fail the same way?
fails() {
	local i
	cp "$1" "$conf"
	for ((i = 0; i < tries; i++)); do
		runs=$((runs + 1))
		rm -rf "$work/run"
		PFN_CONFIGS=$work/configs "$top/run.sh" "${options[@]}" "${more[@]}" --scenario "$name" --repeat 0 \
			--results "$work/run" >"$work/log" 2>&1 || (($? == 1)) || { tail -n 3 "$work/log" >&2; exit 1; }
		jq -e ".scenarios[0] | any($rules | .[]; IN(\$ARGS.positional[]))" "$work/run/result.json" \
			--args "${prints[@]}" >/dev/null && return
	done
	return 1
}

# words KEY FILE: what the list KEY has; without KEY N FILE: FILE with the Nth word of KEY left out
words() { sed -n "s/^ *$1 *= *//p" "$2"; }
without() {
	awk -v key="$1" -v n="$2" '
		$1 == key && $2 == "=" {
			line = ""
			for (i = 3; i <= NF; i++)
				if (i - 2 != n) line = line " " $i
			if (line != "") print key " =" line
			next
		}
		/^ *(min_faults|min_injections|min_hits)/ { next }	# of the whole, not of a part
		{ print }' "$3"
}

# of a scenario whose lives are drawn: the life that failed
keep_life() { # FILE
	local life key list
	life=$(awk -v s="scenario=$name" '$1 == "@life" && $2 == s { life = $0 }
		$1 == "@failure" && $2 == s && !/ known=[^ ]/ { print life; exit }' "$dir/events.log")
	[[ $life ]] || bad "'$dir/events.log' does not say what $name drew when it failed"
	sed -i '/^ *draw *=/d' "$1"
	for key in regions consumers injectors; do
		list=$(sed -n "s/.* $key=\([^ ]*\).*/\1/p" <<<"$life ")
		sed -i "s/^ *$key *=.*/$key = ${list//%20/ }/" "$1"
	done
}

more=("$@")
best=$work/best.conf
cp "$from" "$best"
! grep -q '^ *draw *=' "$best" || keep_life "$best"
say "$name: does $print come back?"
whole_fails() {
	local before=${#prints[@]}
	! fails "$best" || return 0
	# in another way: it is the same scenario
	learn "$work/run/result.json"
	((${#prints[@]} > before))
}
whole_fails || { echo "run.sh: replay --minimise: $print did not come back in $tries runs" >&2; exit 1; }

# try LABEL FILE: take it if it still fails
try() {
	if fails "$2"; then
		say "without $1: still fails"
		mv "$2" "$best"
		return 0
	fi
	say "without $1: passes"
	return 1
}

changed=1
while ((changed)); do
	changed=0
	for key in injectors consumers regions; do
		read -ra list <<<"$(words "$key" "$best")"
		for ((n = ${#list[@]}; n >= 1; n--)); do
			# a scenario has a region; without a list of consumers there is one: vcpu
			((${#list[@]} > 1)) || [[ $key = injectors ]] || continue
			without "$key" "$n" "$best" >"$work/try.conf"
			try "${key%s} ${list[n - 1]}" "$work/try.conf" || continue
			read -ra list <<<"$(words "$key" "$best")"
			changed=1
		done
	done
	if ! grep -q '^vcpus = 1$' "$best"; then
		{ grep -v '^ *vcpus' "$best"; echo "vcpus = 1"; } >"$work/try.conf"
		! try "all vCPUs but one" "$work/try.conf" || changed=1
	fi
done
mkdir -p "$work/$(dirname "$name")"
{
	cat "$best"
	echo "# fails with $print, as in ${dir##*/}"
} >"$work/$name.conf"
rm -rf "$work/configs" "$work/try.conf" "$best"
say "$runs runs; the smallest scenario that fails:"
echo "$work/$name.conf"
