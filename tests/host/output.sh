#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# KTAP that real parsers read the same way, and a result.json that keeps to its schema.
. "$(dirname "$0")/lib.sh"

stress --duration 20s
prove_reads() {
	local out
	out=$(prove -e cat "$tmp/results/ktap.log" 2>&1)
	local nr
	nr=$(json '.totals | .scenarios + .cells_passed + .cells_failed + .cells_skipped')
	grep -q "Failed $(json '.totals | .failed + .cells_failed')/$nr subtests" <<<"$out" && ! grep -qi 'parse error' <<<"$out" && return
	printf '%s\n' "$out" | sed 's/^/# /'
	return 1
}
ok 'prove reads it, all results and no parse error' prove_reads
ok 'begins with version and plan' is "$(head -n 2 "$tmp/out" | tr '\n' ' ')" \
	"TAP version 13 1..$(json '[.scenarios[], .scenarios[].cells[]?] | length') "
ok 'every file is a scenario' is "$(json '.totals.scenarios')" "$(find "$PFN_CONFIGS/scenarios" -name '*.conf' | wc -l)"
ok 'flat: results, diagnostics, nothing else' is \
	"$(tail -n +3 "$tmp/out" | grep -Evc '^(ok|not ok) [0-9]+ [a-z0-9_/-]+( # (time=[0-9]+ms|SKIP))?$|^# [a-z]')" 0
ok 'numbers without a gap' is "$(grep -Eo '^(not )?ok [0-9]+' "$tmp/out" | grep -Eo '[0-9]+$' | tr '\n' ' ')" \
	"$(seq "$(json '[.scenarios[], .scenarios[].cells[]?] | length')" | tr '\n' ' ')"
ok 'names are unique' is "$(grep -E '^(not )?ok' "$tmp/out" | sed 's/^not //' | cut -d' ' -f3 | sort | uniq -d)" ''
ok 'no word that a parser could take for a result' eval \
	"! grep -E '^# *(ok|not ok|Bail)|\[(FAIL|SKIP|PASS)\]|XFAIL' '$tmp/out'"
ok 'standard output is ktap.log' diff "$tmp/out" "$tmp/results/ktap.log"

schema=$top/docs/result.schema.json
ok 'result.json keeps to its schema' valid "$schema" "$tmp/results/result.json"
ok 'every key is in docs/results.md' eval \
	"! json 'del(.scenarios[].counts[], .caps[], .kernel.config[]) | [paths | map(strings)[-1] // empty] | unique[]' |
	while read -r k; do grep -Eq \"\\\`\$k(\\[\\])?\\\`\" '$top/docs/results.md' || echo \"# \$k\"; done | grep ."
same_totals() {
	is "$(json '.totals | .failed + .cells_failed')" "$(grep -c '^not ok' "$tmp/out")" &&
		is "$(json '.totals | .skipped + .cells_skipped')" "$(grep -c '# SKIP' "$tmp/out")" &&
		is "$(json .exit)" "$status"
}
ok 'the configuration that matters is kept' is "$(json '.kernel.config | [.CONFIG_KVM, .CONFIG_NUMA] | join(" ")')" 'm n'
ok 'totals agree with KTAP' same_totals
ok 'there is a card for each scenario with failures' is \
	"$(json '[.scenarios[] | select(.failures != [])] | length')" "$(find "$tmp/results/failures" -type f | wc -l)"
ok 'the command line of QEMU is kept' is "$(wc -l <"$tmp/results/qemu-cmd")" "$(json '.boots | length')"
ok 'the events are kept' like "$tmp/results/events.log" '^@scenario name=pass '
ok 'a valid result before the end, too' eval "stress --scenario pass --scenario slow & sleep 1.2; \
	valid '$schema' '$tmp/results/result.json' && is \"\$(json .verdict)\" none; wait"

stress --scenario pass --shard 1/2 --scenario pass-2 --scenario skip
ok 'shard 1 of 2' is "$(json '[.scenarios[].name] | join(" ")')" 'pass skip'
stress --scenario pass --shard 2/2 --scenario pass-2 --scenario skip
ok 'shard 2 of 2' is "$(json '[.scenarios[].name, .seed] | join(" ")')" 'pass-2 43'
stress --scenario pass --shard 5/5
ok 'more shards than scenarios' is "$(json '[.scenarios[].name, .seed] | join(" ")')" 'pass 46'
ok 'nothing temporary is left' eval "! ls -d '$PFN_CACHE'/run.* 2>/dev/null"

stress --scenario 'pass-*'
ok 'scenarios with the same module parameters share a boot, which has them' is \
	"$(json '[.boots[] | (.scenarios | join("+")) + ":" + (.params // "")] | join(" ")')" \
	'pass-2: pass-params-a+pass-params-b:kvm_amd.npt=0 pass-own:'
ok 'they are on the command line' is "$(grep -c ' kvm_amd.npt=0' "$tmp/results/qemu-cmd")" 1

run list
ok 'list is a table of contents' like "$tmp/out" '^pass-own +Passes in a boot of its own$'
ok 'list says nothing else' is "$status $(wc -c <"$tmp/err")" '0 0'
run --help
ok 'help' like "$tmp/out" '^usage: ./run.sh'

replay() {
	stress --scenario 'pass' --scenario panic --scenario known --vcpus 3 --memory 2G
	cp -r "$tmp/results" "$tmp/first"
	run replay "$tmp/first" --results "$tmp/results"
	is "$(json '[.seed, .scenarios[].name, .machine.memory_mb, .options.vcpus] | join(" ")')" '42 panic 2048 3' &&
		is "$status" 1
}
ok 'replay runs what failed, with the same seed' replay
default_dir() {
	local copy=$tmp/tree
	mkdir "$copy"
	cp -r "$top/run.sh" "$top/tools" "$top/kvm-pfn-stress" "$top/configs" "$copy/"
	"$copy/run.sh" --scenario pass >"$tmp/out" 2>"$tmp/err" || return
	[[ -L $copy/results/latest && -f $copy/results/latest/result.json ]] &&
		[[ $(readlink "$copy/results/latest") =~ ^[0-9]{8}-[0-9]{6}-6\.12$ ]]
}
ok 'results/DATE-KERNEL and results/latest' default_dir
finish
