#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# After a failure: it runs again, and its stack is decoded. After an early end: the run goes on.
. "$(dirname "$0")/lib.sh"

# ---- how often ----
stress --scenario fail --scenario pass --scenario known --repeat 2
again='.scenarios[] | select(.name == "fail").repeat'
ok 'what failed runs again' is "$(json "$again | [.runs, .failed, .same] | tostring")" '[2,2,2]'
ok 'with an interval' is "$(json "$again | .low < 0.4 and .high == 1")" true
ok 'nothing else does' is "$(json '[.scenarios[] | select(.repeat)] | length')" 1
ok 'it is said after all results' like "$tmp/out" '^# fail: ran again 2 times, failed 2 times, with the same failure 2 times'
ok 'the card says it' like "$tmp/results/failures/01-fail.txt" 'ran again +2 times: failed 2 times'
ok 'the verdict stands' is "$status $(json .verdict)" '1 fail'
ok 'each is a results directory' is \
	"$(jq -r '[.seed, .scenarios[0].name, .options.kernel] | join(" ")' "$tmp/results/repeat/fail-2/result.json")" '42 fail 6.12.117'
FAKE_ONCE=$tmp/once stress --scenario once --repeat 2
ok 'what passes then is counted, too' is "$(json '.scenarios[0].repeat | [.runs, .failed, .same] | tostring')" '[2,0,0]'
stress --scenario trouble --scenario fail --fail-fast --repeat 2
ok 'not with --fail-fast' is "$(json '[.scenarios[] | select(.repeat)] | length')" 0
stress --scenario trouble --modules "$(mkdir -p "$tmp/m" && : >"$tmp/m/kvm.ko" && echo "$tmp/m")" --repeat 1
ok 'with the same modules' is "$(jq -r .options.modules "$tmp/results/repeat/trouble-1/result.json")" "$tmp/m"

# ---- replay: as it was, but for what is given ----
stress --scenario fail --scenario pass --modules "$tmp/m"
cp -r "$tmp/results" "$tmp/first"
options() { json '.options | [.modules, .kernel, .duration_ms, .fail_fast, (.scenarios | join("+"))] | map(tostring) | join(" ")'; }
replay() {
	rm -rf "$tmp/results"
	"$top/run.sh" replay "$tmp/first" --results "$tmp/results" --repeat 0 "$@" >"$tmp/out" 2>"$tmp/err"
}
replay
ok 'replay: what failed, in its time' is "$(options)" "$tmp/m 6.12.117 $(jq '.scenarios[0].budget_ms' "$tmp/first/result.json") false fail"
mkdir "$tmp/m2" && : >"$tmp/m2/kvm.ko"
replay --modules "$tmp/m2" --duration 2m --fail-fast --scenario pass
ok 'replay: options count' is "$(options)" "$tmp/m2 6.12.117 120000 true pass"
replay --kernel 7.3
ok 'replay: another kernel has no use for these modules' is "$(json '.options.modules // ""')" ''

# ---- the stack ----
stress --scenario panic
stack() { json '.scenarios[0].failures[0].stack'; }
ok 'the stack is in the failure' is "$(stack | grep -c -e kvm_mmu_page_fault -e vcpu_enter_guest)" 2
ok 'without guesses, and ends where it ends' is "$(stack | grep -c -e '?' -e CR2)" 0
ok 'the card shows it' like "$tmp/results/failures/01-panic.txt" '^  \|  vcpu_enter_guest\+0x5a1'
decode() {
	local dir=$tmp/kernel
	mkdir -p "$dir"
	printf '%s\n' 'ffffffff81000000 T _text' 'ffffffff81100000 t do_fault' 'ffffffff81200000 T other' >"$dir/System.map"
	printf 'RIP: 0010:0xffffffff%s\n' 81100123 95100123 >"$tmp/stack"
	"$top/tools/vm/decode-stack.sh" "$dir" "$tmp/stack" >/dev/null &&
		is "$(grep -c 'do_fault+0x123' "$tmp/stack.decoded")" 1 || return
	echo 'Kernel Offset: 0x14000000 from 0xffffffff81000000' >>"$tmp/stack"
	"$top/tools/vm/decode-stack.sh" "$dir" "$tmp/stack" >/dev/null
	like "$tmp/stack.decoded" '95100123 \(do_fault\+0x123\)'
}
ok 'System.map names addresses, also of a kernel that was moved' decode

# ---- two at once, when the runner has to be built ----
at_once() {
	local one
	PFN_CACHE=$tmp/fresh "$top/run.sh" --scenario pass --results "$tmp/one" >/dev/null 2>&1 &
	one=$!
	PFN_CACHE=$tmp/fresh "$top/run.sh" --scenario pass --results "$tmp/two" >/dev/null 2>&1 || return
	wait "$one"
}
ok 'two runs at once build one runner' at_once

# ---- what it takes to fail ----
stress --scenario needs --scenario pass
minimal() {
	status=0
	TRIES=1 "$top/run.sh" replay "$tmp/results" --minimise >"$tmp/out" 2>"$tmp/err" || status=$?
	[[ $status = 0 ]] || sed 's/^/# /' "$tmp/err"
	is "$status" 0 && is "$(grep -E '^(regions|consumers|injectors|vcpus|min)' "$(cat "$tmp/out")" | sort | tr '\n' ';')" \
		'consumers = vcpu;injectors = zap:3;regions = anon:16;vcpus = 1;'
}
ok 'minimise: the smallest scenario that still fails' minimal
not_again() {
	FAKE_ONCE=$tmp/once-more stress --scenario once
	status=0
	FAKE_ONCE=$tmp/once-more TRIES=1 "$top/run.sh" replay "$tmp/results" --minimise >"$tmp/out" 2>"$tmp/err" || status=$?
	is "$status" 1 && like "$tmp/err" 'content/stale-read did not come back in 1 runs'
}
ok 'minimise: a failure that does not come back' not_again
other_face() {
	stress --scenario needs
	jq '.scenarios[].failures[].fingerprint |= sub("stale-read"; "lost-store")' "$tmp/results/result.json" >"$tmp/edited"
	mv "$tmp/edited" "$tmp/results/result.json"
	minimal
}
ok 'minimise: a bug with another face' other_face

cp -r "$PFN_CONFIGS" "$tmp/drawing"
echo 'draw = regions:1 injectors:2' >>"$tmp/drawing/scenarios/needs.conf"
drawn() { # what the failing life had is what is left of the lists
	PFN_CONFIGS=$tmp/drawing stress --scenario needs --repeat 0
	status=0
	PFN_CONFIGS=$tmp/drawing TRIES=1 "$top/run.sh" replay "$tmp/results" --minimise >"$tmp/out" 2>"$tmp/err" || status=$?
	is "$status" 0 && is "$(grep -E '^(regions|consumers|injectors|draw)' "$(cat "$tmp/out")" | sort | tr '\n' ';')" \
		'consumers = sweep;injectors = zap:3;regions = pfnmap-fault:16;'
}
ok 'minimise: a life that was drawn' drawn

# ---- going on ----
cut_short() { # the runner is killed in its second scenario
	rm -rf "$tmp/results"
	"$top/run.sh" --results "$tmp/results" --seed 42 --repeat 0 --scenario a-pass --scenario slow --scenario z-pass \
		>"$tmp/out" 2>"$tmp/err" &
	for _ in $(seq 50); do
		sleep 0.2
		[[ $(json .running 2>/dev/null) != slow ]] || break
	done
	pkill -KILL -P $$ -f -- "--results $tmp/results" || kill -KILL $!
	wait
	rm -f "$tmp/results/.result.json.tmp"
}
# shellcheck disable=SC2153  # a bound that lets the slow one end
PFN_BOUND_MS=20000 cut_short
ok 'what was running has its name in the result' is "$(json '[.running, .verdict] | join(" ")')" 'slow none'
ok 'the verdict before it is kept' is "$(json '.scenarios[0].verdict')" pass
cp -r "$tmp/results" "$tmp/cut"
resume() { status=0; PFN_BOUND_MS=20000 "$top/run.sh" resume "$tmp/results" --repeat 0 >"$tmp/out" 2>"$tmp/err" || status=$?; }
resume
ok 'resume: only the runner died: it runs again' is \
	"$status $(json '[.verdict, .scenarios[].verdict] | join(" ")')" '0 pass pass pass pass'
ok 'resume: what was through is not run again' is "$(json '[.boots[-1].scenarios[]] | join(" ")')" 'slow z-pass'
ok 'resume: KTAP is whole' is "$(grep -c '^ok' "$tmp/out") $(sed -n 2p "$tmp/out")" '3 1..3'
judged() {
	"$top/run.sh" report judge "$tmp/results" >"$tmp/out" 2>/dev/null
	is "$? $(jq -c '[.scenarios[] | .verdict, .failures[].fingerprint]' "$tmp/results/judged/result.json")" \
		"$status $(json '[.scenarios[] | .verdict, .failures[].fingerprint] | tostring')"
}
ok 'resume: judged again from the logs of both parts' judged
over() { resume; is "$status" 2 && like "$tmp/err" 'come to its end'; }
ok 'resume: a second time there is nothing to do' over
rm -rf "$tmp/results"
cp -r "$tmp/cut" "$tmp/results"
jq '.boot_id = "11111111-2222-3333-4444-555555555555"' "$tmp/cut/result.json" >"$tmp/results/result.json"
resume
ok 'resume: the machine died: charged to the scenario that ran' is \
	"$status $(json '[.scenarios[] | .verdict, .failures[].fingerprint] | join(" ")')" '1 pass fail suite/exit/-/- pass'
ok 'resume: that too, judged again' judged
at_work() { # while somebody holds the directory
	exec 9<"$tmp/cut"
	flock -n 9
	"$top/run.sh" resume "$tmp/cut" >"$tmp/out" 2>"$tmp/err"
	status=$?
	exec 9<&-
	is "$status" 2 && like "$tmp/err" 'another run is at work there'
}
ok 'resume: not while that run is at work' at_work
no_kernel() {
	cp -r "$tmp/cut" "$tmp/cut-2"
	jq '.options.kernel = "9.9"' "$tmp/cut/result.json" >"$tmp/cut-2/result.json"
	"$top/run.sh" resume "$tmp/cut-2" >"$tmp/out" 2>"$tmp/err"
	is "$? $(jq "[.verdict, .exit] | tostring" "$tmp/cut-2/result.json")" '2 "[\"none\",null]"'
}
ok 'resume: a kernel that has gone costs no results' no_kernel
no_scenarios() {
	! "$top/run.sh" resume "$tmp/cut" --scenario pass >"$tmp/out" 2>"$tmp/err" && like "$tmp/err" 'is not for it'
}
ok 'resume: it takes no scenarios' no_scenarios
finish
