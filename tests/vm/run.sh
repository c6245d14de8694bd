#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Real runs of all scenarios on unmodified kernels: no failure but known issues, every scenario did what
# it is there for, and where kernels differ each gives its own answer.
. "$(dirname "$0")/../host/lib.sh"

# Real tools and scenarios.
export PFN_CACHE=${PFN_CACHE%/tests/cache}
unset PFN_VM_DIR PFN_CONFIGS PFN_BOUND_MS

names() { # FILTER: the scenarios of the last run that it holds for
	json "[.scenarios[] | select($1).name] | sort | join(\" \")"
}

refuses() { # true if most accesses to pages without a refcount were refused; holes are few
	json '.scenarios[] | select(.name == "pfnmap-tail").counts.access |
		.skipped * 2 > .load + .store + .rmw + .exec'
}

cells_skipped() {
	json '.scenarios[].cells[]? | select(.verdict == "skip").name'
}

passes() {
	((status == 0)) && return
	sed 's/^# */# /; s/^\(ok\|not ok\|TAP\|1\.\.\)/# \1/' "$tmp/out" | grep -Ev '^# ok|window hits$|at 95 %$|\(known: '
	tail -n 20 "$tmp/err" | sed 's/^/# /'
	return 1
}

# Scenarios that a kernel can't run; all others must pass.
cannot_run() {
	case $1 in
	6.1) echo aging fail-alloc guest-memfd guest-memfd-private memfd-secret outcomes/guest-memfd \
		outcomes/guest-memfd-private outcomes/secret pfncache pfncache-hva pfnmap-huge prefault prefault-uffd \
		unsafe-mappings ;;
	6.12) echo fail-alloc guest-memfd guest-memfd-private outcomes/guest-memfd \
		outcomes/guest-memfd-private unsafe-mappings ;;
	7.3) echo fail-alloc guest-memfd-private outcomes/guest-memfd-private ;;
	esac
}

for kernel in 6.12 7.3 6.1; do
	case $kernel in
	# 6.11; Xen's event channels; 6.5 without secretmem.enable=1
	6.1) cannot='/prefault/|/pfncache/|/memfd-secret/|/guest-memfd(-private)?/' ;;
	6.12) cannot='/guest-memfd(-private)?/' ;;
	*) cannot='/guest-memfd-private/' ;;
	esac
	stress --kernel $kernel --duration 45s
	ok "$kernel: passes" passes
	ok "$kernel: every scenario ran and passed that it can run" is \
		"$(names '.verdict != "pass"')" "$(cannot_run $kernel)"
	ok "$kernel: every scenario that passed has faults" is "$(names '.verdict == "pass" and .faults == 0')" ''
	ok "$kernel: no cell of the outcome table failed" is "$(json .totals.cells_failed)" 0
	ok "$kernel: only cells that it can't run were skipped" is "$(cells_skipped | grep -Ev "$cannot")" ''
	ok "$kernel: all oracles checked something somewhere" is \
		"$(json '[.scenarios[].oracles[] | select(.checks > 0).name] | unique | length')" 11
	ok "$kernel: every kill found a thread that waited for mmap_lock" is \
		"$(json '.scenarios[] | select(.name == "kill").counts |
			.injection.kill > 0 and .wait["killed-in-mmap-lock"] * 2 > .injection.kill')" true
	ok "$kernel: no trouble of the host was hidden" is "$(json .host_trouble)" 0
	case $kernel in
	7.3) ok "$kernel: maps pages without a refcount" is "$(refuses)" false ;;
	*) ok "$kernel: refuses pages without a refcount" is "$(refuses)" true ;;
	esac
done
finish
