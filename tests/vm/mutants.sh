#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# KVM bugs put back: each must be found by the oracle that its header names, and with that fingerprint.
# The short scenario of each; docs/mutants.md has the default run.
. "$(dirname "$0")/../host/lib.sh"
export PFN_CACHE=${PFN_CACHE%/tests/cache}
unset PFN_VM_DIR PFN_CONFIGS PFN_BOUND_MS

mutants() { # KERNEL DURATION NAME...
	local kernel=$1 duration=$2 results=$tmp/$1-$2 name verdict rest
	shift 2
	"$top/tools/mutants/run.sh" --duration "$duration" --results "$results" "$kernel" \
		"${@/#/$top/tools/mutants/$kernel/}" >"$tmp/table" 2>&1
	tail -n 1 "$tmp/table" | sed 's/^/# /'
	while read -r name verdict rest; do
		echo "# $name $verdict $rest"
		ok "mutant $kernel $name" eval "[[ $verdict = found || $verdict = clean ]]"
		[[ $verdict != BROKEN ]] || tail -n 5 "$results/$name.log" | sed 's/^/#   /'
	done < <(jq -r '.[] | [.mutant, .verdict, .oracle, .scenario, .seconds, .fingerprint] | @tsv' "$results/state.json")
}

mutants 6.12 20s stale-unmap.patch retry-ignored.patch pfnmap-write-bypass.patch page-ref-leak.patch \
	pfnmap-ref-underflow.patch poison-efault.patch poison-retry-forever.patch unkillable-gup.patch \
	mmap-lock-left.patch read-fault-writable.patch gmem-hole-not-unmapped.patch
# these take all of their time
mutants 6.12 6s vm-leak.patch control-extra-retry.patch
mutants 7.3 20s stale-unmap.patch pfnmap-refused.patch
ok 'all of them ran' is "$cases" 15
finish
