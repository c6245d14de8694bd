#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Every way in which a guest can end, and what the runner makes of it. Each runs between two good
# scenarios, whose verdicts it must not touch.
. "$(dirname "$0")/lib.sh"

# judged SCENARIO VERDICT EXIT BOOTS [FINGERPRINT]
judged() {
	local first='.scenarios[] | select(.name == "'$1'")'
	stress --scenario a-pass --scenario "$1" --scenario z-pass
	is "$(json "$first.verdict")" "$2" &&
		is "$status" "$3" &&
		is "$(json '.boots | length')" "$4" &&
		is "$(json "$first.failures | last.fingerprint // \"\"")" "${5-}" &&
		is "$(json '[.scenarios[] | select(.name | endswith("-pass")).verdict] | join(" ")')" 'pass pass' &&
		is "$(grep -Ec '^(not )?ok' "$tmp/out")" 3 &&
		diff "$tmp/out" "$tmp/results/ktap.log"
}
check() { ok "$1 $2 ${5-}" judged "$@"; }

check skip skip 0 1
check fail fail 1 1 content/stale-read/anon/load
check known pass 0 1 outcome/efault-mapped/pfnmap-fault/load/zap-overlap
check known-no-result fail 1 1 suite/no-result/-/-
check known-skip skip 0 1 outcome/efault-mapped/pfnmap-fault/load/zap-overlap
check known-and-not fail 1 1 outcome/efault-mapped/pfnmap-fault/load
check expired fail 1 1 content/lost-store/anon/store
check silent-fail fail 1 1 suite/unexplained/-/-
check oracle-fail fail 1 1 refcount/unexplained/-/-
check idle fail 1 1 suite/exposure/-/-
check warn fail 1 1 kernel-log/warn/-/-/kvm_release_pfn
check garbage pass 0 1
check reboot pass 0 2
check flood fail 1 1 content/stale-read/anon/load
check oops fail 1 1 kernel-log/oops/-/-/kvm_tdp_page_fault
check soft-lockup fail 1 1 kernel-log/soft-lockup/-/-/kvm_mmu_zap_all_fast
check oom fail 1 1 kernel-log/oom/-/-
check oom-program fail 1 2 kernel-log/oom/-/-
check segv fail 1 1 suite/child-died/-/-
check panic fail 1 2 kernel-log/oops/-/-/kvm_tdp_page_fault
check late-panic fail 1 2 kernel-log/panic/-/-
check trouble pass 0 2
check much-trouble skip 0 3
check hang fail 1 2 liveness/hang/-/-
check hung-task fail 1 2 kernel-log/hung-task/-/-
check exits fail 1 2 suite/exit/-/-
check dies fail 1 2 suite/exit/-/-
check program-exits fail 1 2 suite/exit/-/-
check truncated fail 1 2 suite/exit/-/-
check no-result fail 1 1 suite/no-result/-/-
check no-end fail 1 2 suite/exit/-/-
check disconnect fail 1 2 suite/exit/-/-
check no-poweroff fail 1 2 liveness/power-off/-/-

# The same sign with modules of the user's own is a finding.
mkdir -p "$tmp/modules"
: >"$tmp/modules/kvm.ko"
with_modules() {
	stress --scenario trouble --modules "$tmp/modules"
	is "$status" 1 && is "$(json '.scenarios[0].failures[0].fingerprint')" \
		kernel-log/oops/-/-/__schedule && is "$(json .host_trouble)" 0
}
ok 'trouble with own modules is a failure' with_modules
stress --scenario trouble
ok 'trouble is counted' is "$(json .host_trouble)" 1

# A kernel that never starts the program: one boot, and nothing passes.
never() { # SCENARIO FINGERPRINT REGEX
	stress --scenario "$1" --scenario pass-own
	is "$status" 1 && is "$(json '.boots | length')" 1 &&
		is "$(json '.scenarios[0].failures[0].fingerprint')" "$2" &&
		is "$(json '.scenarios[1].verdict')" skip && like "$tmp/err" "$3"
}
ok 'kernel that panics early' never no-boot kernel-log/panic/-/- 'never started the program'
ok 'init that gives up' never fatal suite/boot/-/- 'cannot load the module kvm'
ok 'kernel that is never heard of' never no-begin suite/boot/-/- 'never started the program'
nobody_left() { nobody tests/fake/qemu/qemu; }
ok 'no machine is left' nobody_left

stress --scenario fail --scenario pass --fail-fast
ok 'fail-fast stops' is "$(json '[.scenarios[].verdict] | join(" ")')" 'fail skip'
ok 'fail-fast exits 1' is "$status" 1
stress --scenario 'skip*'
ok 'all skipped' is "$status" 4

card() {
	stress --scenario panic
	like "$tmp/results/failures/01-panic.txt" 'RIP: 0010:kvm_tdp_page_fault' &&
		like "$tmp/results/failures/01-panic.txt" 'replay .*--kernel 6.12.117 --seed 42 --scenario panic'
}
ok 'the card of a panic shows the console' card
known() {
	stress --scenario known
	like "$tmp/out" 'known: S1' && like "$tmp/err" '1 known failure,' &&
		is "$(json '.known_issues[] | select(.id == "S1").seen')" 1
}
ok 'known failures are shown and counted' known
ok 'an expired entry warns' like "$tmp/out" '^# known issue OLD has expired'
finish
