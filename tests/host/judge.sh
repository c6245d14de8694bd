#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# report judge: from the logs alone the same verdicts as the run itself, and others when the rules change.
. "$(dirname "$0")/lib.sh"

judge() { # DIR [OPTION...]
	status=0
	"$top/run.sh" report judge "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
}
# all that is judged
verdicts() {
	jq -S '[.verdict, .exit, .totals, .host_trouble, .known_issues, (.scenarios[] | del(.console))]' "$1/result.json" |
		sed 's/"seconds": .*/"seconds": X/; s/"t_ms": .*/"t_ms": X/'
}
same() { # DIR
	verdicts "$1" >"$tmp/was"
	judge "$1"
	verdicts "$1/judged" >"$tmp/is"
	diff "$tmp/was" "$tmp/is" && is "$status" "$(jq .exit "$1/result.json")" &&
		diff <(sed 's/time=.*//' "$1/ktap.log") <(sed 's/time=.*//' "$1/judged/ktap.log") &&
		diff "$tmp/out" "$1/judged/ktap.log" && is "$(cd "$1/judged" && ls failures/* 2>&1)" "$(cd "$1" && ls failures/* 2>&1)"
}

stress --duration 20s
cp -r "$tmp/results" "$tmp/all"
ok 'every outcome: the same again' same "$tmp/all"
ok 'by which rules' is "$(jq 'has("judged_by")' "$tmp/all/judged/result.json")" true
ok 'what was there stays' is "$(jq 'has("judged_by")' "$tmp/all/result.json")" false
again() { judge "$tmp/all/judged" --results "$tmp/again" && true; diff <(verdicts "$tmp/all/judged") <(verdicts "$tmp/again"); }
ok 'what was judged again can be judged again' again
ok 'its result.json keeps to the schema' valid "$top/docs/result.schema.json" "$tmp/all/judged/result.json"
ok 'it is a results directory' eval "'$top/run.sh' report html '$tmp/all/judged' | grep -q c-faults"

stress --scenario skip
ok 'all skipped: 4' same "$tmp/results"
stress --scenario trouble --scenario fail --fail-fast
ok '--fail-fast' same "$tmp/results"
stress --scenario fail --repeat 1
ok 'how often it failed again is kept' same "$tmp/results"
ok 'how often: said again' like "$tmp/out" '^# fail: ran again 1 times'
stress --scenario no-boot --scenario pass-own
ok 'a kernel that does not boot' same "$tmp/results"

changed() {
	judge "$tmp/results"
	is "$status $(jq -r '[.scenarios[] | .name + ":" + .verdict] | join(" ")' "$tmp/results/judged/result.json")" "$1"
}

# ---- a starved host ----
stress --scenario idle --scenario fail
ok 'no faults, and there was time for them' changed '1 fail:fail idle:fail'
jq '.scenarios |= map(.machine_pct = 49)' "$tmp/results/result.json" >"$tmp/starved" &&
	cp "$tmp/starved" "$tmp/results/result.json"
ok 'no faults, but the host was busy: no finding; what was found stays' changed '1 fail:fail idle:skip'
ok 'why' like "$tmp/out" '^# idle: skipped: starved: the host gave the machine 49 %'

# ---- rules change ----
stress --scenario fail --scenario known --scenario pass --scenario warn
cp -r "$PFN_CONFIGS" "$tmp/configs"
known() { # FINGERPRINT...
	local i=0 f
	for f in "$@"; do
		i=$((i + 1))
		printf '[N%d]\nfingerprint = %s\nkernels = 6.1-7.3\nlink = docs/x.md\nexpires = 2099-12-31\n' $i "$f"
	done >"$tmp/configs/known-issues"
}
export PFN_CONFIGS=$tmp/configs
known content/stale-read/anon/load outcome/efault-mapped/pfnmap-fault/load/zap-overlap kernel-log/warn/-/-/kvm_release_pfn
ok 'failures that are known now' changed '0 fail:pass known:pass pass:pass warn:pass'
ok 'what is decided otherwise is said' like "$tmp/out" '^# fail: was fail, is pass by the rules of today'
known content/stale-read/anon/load
ok 'a known issue that is none any more' changed '1 fail:pass known:fail pass:pass warn:fail'
mark() { sed -i 's/\(kvm_main.c:1 \)kvm_release_pfn/\1nothing/; s/WARNING: CPU/information: CPU/' "$tmp/results/console.log"; }
mark
ok 'what the kernel log says decides' changed '1 fail:pass known:fail pass:pass warn:pass'

# ---- what cannot be judged ----
refused() { # REGEX ARGUMENT...
	judge "${@:2}"
	is "$status" 2 && is "$(wc -l <"$tmp/err")" 1 && like "$tmp/err" "$1"
}
ok 'no directory' refused 'expected a results directory'
ok 'no results' refused 'holds no result.json' "$tmp"
jq 'del(.exit)' "$tmp/results/result.json" >"$tmp/edited" && mkdir "$tmp/cut" && mv "$tmp/edited" "$tmp/cut/result.json"
ok 'a run that did not end' refused 'did not come to its end' "$tmp/cut"
jq 'del(.boots[].events)' "$tmp/all/result.json" >"$tmp/cut/result.json"
ok 'logs without marks' refused 'too old' "$tmp/cut"
rm "$tmp/configs/scenarios/warn.conf"
ok 'a scenario that is gone' refused "no scenario 'warn' any more" "$tmp/results"
finish
