#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A results directory on a full disk: the verdict is still on standard output.
. "$(dirname "$0")/lib.sh"

mkdir -p "$tmp/disk"
if ! mount -t tmpfs -o size=64k tmpfs "$tmp/disk" 2>/dev/null; then
	skip 'full disk' 'no permission to mount a small file system'
	finish
fi
trap 'umount "$tmp/disk"' EXIT

full() {
	run --scenario 'fail*' --scenario pass --scenario flood --results "$tmp/disk/results"
	is "$status" 1 && like "$tmp/out" '^ok [0-9]+ pass ' && like "$tmp/out" '^not ok [0-9]+ flood' &&
		is "$(grep -c 'results are incomplete' "$tmp/err")" 1 &&
		like "$tmp/err" 'results are incomplete: .*No space left on device'
}
ok 'full on the way' full
lava() {
	lava_gets "$tmp/out"
	is "$(grep -cE '^(pass pass|fail fail|fail-2 fail|flood fail)$' "$tmp/lava")" 4
}
ok 'LAVA has every result' lava
merge() {
	local status=0
	"$top/run.sh" report merge "$tmp/disk/results" >"$tmp/out" 2>/dev/null || status=$?
	is "$status" 1
}
ok 'what is left of it is no pass' merge
all_passed() {
	rm -rf "$tmp/disk/results"
	head -c 65536 /dev/zero >"$tmp/disk/fill" 2>/dev/null
	run --scenario pass --results "$tmp/disk/results"
	is "$status" 1 && like "$tmp/out" '^ok 1 pass ' &&
		is "$(grep -c 'results are incomplete' "$tmp/err")" 1
}
ok 'full from the start: no pass without its results' all_passed
finish
