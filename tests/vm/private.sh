#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Private guest_memfd, with the VM type that Debian's KVM does not offer: Debian's kernel with modules
# by tools/vm/sw-protected-vm.patch. That the oracles see what goes wrong there: mutants.sh.
. "$(dirname "$0")/../host/lib.sh"
export PFN_CACHE=${PFN_CACHE%/tests/cache}
unset PFN_VM_DIR PFN_CONFIGS PFN_BOUND_MS

for kernel in 6.12 7.3; do
	modules=$("$top/tools/vm/build-kvm.sh" $kernel "$top/tools/vm/sw-protected-vm.patch") || exit
	stress --kernel $kernel --modules "$modules" --duration 10s \
		--scenario guest-memfd-private --scenario outcomes/guest-memfd-private
	((status == 0)) || sed 's/^/# /' "$tmp/out" "$tmp/err"
	ok "$kernel: passes" is $status 0
	ok "$kernel: both ran" is "$(json '[.scenarios[] | select(.verdict == "pass").name] | sort | join(" ")')" \
		'guest-memfd-private outcomes/guest-memfd-private'
	ok "$kernel: no cell was skipped" is "$(json '[.scenarios[].cells[]? | select(.verdict == "skip")] | length')" 0
	ok "$kernel: pages were shared, holes punched, memslots changed" is \
		"$(json '.scenarios[] | select(.name == "guest-memfd-private").counts.injection |
			.convert > 0 and .zap > 0 and .memslot > 0')" true
	ok "$kernel: what is private was pre-faulted" is \
		"$(json '.scenarios[] | select(.name == "guest-memfd-private").counts.prefault["guest-memfd-private"] > 0')" true
	ok "$kernel: contents were compared" is \
		"$(json '[.scenarios[] | .oracles[] | select(.name == "content").checks > 0] | all')" true
done
finish
