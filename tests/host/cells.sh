#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Conformance scenarios: whatever becomes of them, each cell of the outcome table has one line of KTAP and
# one verdict. And docs/outcomes.md is that table.
. "$(dirname "$0")/lib.sh"

ok 'docs/outcomes.md is up to date' diff <("$top/tools/outcomes/update.sh" -) "$top/docs/outcomes.md"
no_group() {
	local file group
	for file in "$top"/configs/scenarios/outcomes/*.conf; do
		group=$(sed -n 's/^outcomes = //p' "$file")
		[[ $group = "$(basename "$file" .conf)" ]] || echo "$file"
	done
	sed -n 's/^### outcomes\/\(.*\): .*/\1/p' "$top/docs/outcomes.md" | while read -r group; do
		[[ -e $top/configs/scenarios/outcomes/$group.conf ]] || echo "$group"
	done
}
ok 'there is a scenario for each group' is "$(no_group)" ''

# what becomes of each is in tests/fake/qemu
mkdir -p "$tmp/configs/scenarios"
cp -r "$PFN_CONFIGS/known-issues" "$tmp/configs/"
cp -r "$PFN_CONFIGS"/scenarios/{pass.conf,cells} "$tmp/configs/scenarios/"
for name in dies fail missing skip; do
	sed "s/^describe = .*/describe = Conformance: $name/" "$PFN_CONFIGS/scenarios/cells/pass.conf" \
		>"$tmp/configs/scenarios/cells/$name.conf"
done
export PFN_CONFIGS=$tmp/configs

export FAKE_CELLS=$tmp/names # for tests/fake/qemu/qemu
"$top/tools/outcomes/update.sh" --cells cells/mixedmap >"$FAKE_CELLS"
nr=$(wc -l <"$tmp/names")
name() { sed -n "$1p" "$tmp/names"; }
verdicts() { # SCENARIO: how often which verdict
	json ".scenarios[] | select(.name == \"cells/$1\").cells | group_by(.verdict)[] | \"\\(.[0].verdict) \\(length)\"" | xargs
}
cell() { # SCENARIO NUMBER KEY
	json ".scenarios[] | select(.name == \"cells/$1\").cells[$2 - 1].$3 // \"\""
}
verdict() { json ".scenarios[] | select(.name == \"cells/$1\").verdict"; }
names_in_order() {
	diff "$tmp/names" <(grep -Eo '^(not )?ok [0-9]+ [a-z/-]+' "$tmp/out" | grep -Eo '[a-z-]+/.*' | head -n "$nr")
}

stress --scenario cells/pass
ok 'pass' is "$status $(verdict pass) $(verdicts pass)" "0 pass pass $((nr - 1)) skip 1"
ok 'pass: one line for each, in the order of the table' names_in_order
ok 'pass: the plan' is "$(sed -n 2p "$tmp/out")" "1..$((nr + 1))"
ok 'pass: the reason comes before the line' eval \
	"grep -A1 -Fx '# $(name 2): skipped: needs a capability' '$tmp/out' | grep -qFx 'ok 2 $(name 2) # SKIP'"
ok 'pass: a known issue' is "$(cell pass 5 verdict) $(cell pass 5 known)" 'pass S1'
ok 'pass: and its line says so' like "$tmp/out" "^# $(name 5): .* \\(known: S1\\), expected completes, got efault$"
ok 'pass: the first result of a cell counts' is "$(cell pass 4 verdict)" pass

stress --scenario cells/fail
ok 'fail' is "$status $(verdict fail) $(verdicts fail)" "1 fail fail 1 pass $((nr - 1))"
ok 'fail: the line' like "$tmp/out" "^not ok 3 $(name 3)$"
ok 'fail: the card' test -s "$tmp/results/failures/$(printf %02u $((nr + 1)))-cells-fail.txt"
ok 'fail: the card is named' like "$tmp/out" "card failures/$(printf %02u $((nr + 1)))-cells-fail.txt"
ok 'fail: the replay' like "$tmp/out" "replay ./run.sh .*--scenario cells/fail --duration 10s"
cp -r "$tmp/results" "$tmp/first"
replay() {
	run replay "$tmp/first" --results "$tmp/results"
	is "$status $(verdicts fail)" "1 fail 1 pass $((nr - 1))"
}
ok 'fail: replay' replay

stress --scenario cells/missing
ok 'a cell without a result' is "$status $(verdict missing) $(verdicts missing)" "1 fail fail 1 pass $((nr - 1))"
ok 'a cell without a result: which' is "$(cell missing 7 verdict)" fail

stress --scenario cells/dies --scenario pass
ok 'the kernel dies in a cell' is "$status $(verdict dies) $(verdicts dies)" "1 fail fail 1 pass 5 skip $((nr - 6))"
ok 'the kernel dies in a cell: which' is "$(cell dies 6 verdict)" fail
ok 'the kernel dies in a cell: the rest goes on' is "$(json '.scenarios[] | select(.name == "pass").verdict')" pass

stress --scenario cells/skip
ok 'skipped' is "$status $(verdict skip) $(verdicts skip)" "4 skip skip $nr"
ok 'skipped: with the reason' is "$(cell skip 1 reason)" 'needs a capability'

stress --scenario 'cells/*' --duration 10s
ok 'a glob takes them all' is "$(json '[.scenarios[].name] | length')" 5
run list
ok 'list' like "$tmp/out" '^cells/pass +Conformance: all cells pass'
finish
