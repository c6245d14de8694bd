#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Every outcome that a scenario can have, produced on purpose, and what each format makes of it. deaths.sh
# has each of them alone, with its exit status; disk-full.sh has the results directory that is full.
. "$(dirname "$0")/lib.sh"

# scenario	  verdict  fingerprint of the last failure
outcomes='
a-pass		  pass
fail		  fail	   content/stale-read/anon/load
skip		  skip
known		  pass	   outcome/efault-mapped/pfnmap-fault/load/zap-overlap
warn		  fail	   kernel-log/warn/-/-/kvm_release_pfn
oops		  fail	   kernel-log/oops/-/-/kvm_tdp_page_fault
panic		  fail	   kernel-log/oops/-/-/kvm_tdp_page_fault
late-panic	  fail	   kernel-log/panic/-/-
soft-lockup	  fail	   kernel-log/soft-lockup/-/-/kvm_mmu_zap_all_fast
hung-task	  fail	   kernel-log/hung-task/-/-
hang		  fail	   liveness/hang/-/-
oom		  fail	   kernel-log/oom/-/-
oom-program	  fail	   kernel-log/oom/-/-
segv		  fail	   suite/child-died/-/-
program-exits	  fail	   suite/exit/-/-
disconnect	  fail	   suite/exit/-/-
exits		  fail	   suite/exit/-/-
dies		  fail	   suite/exit/-/-
reboot		  pass
z-pass		  pass
'
args=()
while read -r name _; do
	[[ ! $name ]] || args+=(--scenario "$name")
done <<<"$outcomes"
stress "${args[@]}" --duration 20s
ok 'the run fails' is "$status $(json .verdict)" '1 fail'

report() { "$top/run.sh" report "$1" "$tmp/results" -o "$tmp/$1"; }
report junit && report kcidb && report squad
lava_gets "$tmp/out" "$tmp/lkft"

declare -A ktap=([pass]='ok' [fail]='not ok' [skip]='ok # SKIP')
declare -A junit=([pass]='' [fail]=failure [skip]=skipped)
same_everywhere() { # NAME VERDICT [FINGERPRINT]
	local s='.scenarios[] | select(.name == "'$1'")' case="//testcase[@name='$1']"
	is "$(json "$s | .verdict, (.failures | last.fingerprint // \"\")" | paste -sd ' ')" "$2 ${3-}" &&
		is "$(sed -En "s/^((not )?ok) [0-9]+ $1( # SKIP)?( # time=[0-9]+ms)?$/\1\3/p" "$tmp/out")" "${ktap[$2]}" &&
		is "$(xmllint --xpath "name($case/*)" "$tmp/junit")" "${junit[$2]}" &&
		is "$(jq -r '.tests[] | select(.path == "kvm-pfn-stress.'"$1"'").status' "$tmp/kcidb")" "${2^^}" &&
		is "$(jq -r '.["kvm-pfn-stress/'"$1"'"] | if type == "object" then .result else . end' "$tmp/squad/tests.json")" "$2" &&
		is "$(grep -E "^$1 " "$tmp/lava")" "$1 $2" &&
		is "$(grep -E "^$1 " "$tmp/lkft")" "$1 $2" || return
	[[ $2 != fail ]] || is "$(xmllint --xpath "string($case/failure/@type)" "$tmp/junit")" "$(json "$s.failures[0].fingerprint")"
}
while read -r name verdict fingerprint; do
	[[ ! $name ]] || ok "$name: $verdict, in every format" same_everywhere "$name" "$verdict" "$fingerprint"
done <<<"$outcomes"
finish
