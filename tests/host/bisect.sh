#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# ./run.sh bisect and bisect-step with a git repository of made-up commits and a guest that fails at random
# (tests/fake/bisect): what is found, what a kill costs, what cannot be tested, and the exit codes for git.
. "$(dirname "$0")/lib.sh"

export PFN_BISECT_RUN=$top/tests/fake/bisect/run
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
unset GIT_DIR GIT_WORK_TREE
make -s -C "$top/tools/bisect" OUT="$bin" >/dev/null 2>&1

# repo: commits until the next word; each argument N:BUG says what the bug is from commit N on
repo() { # NAME COMMITS N:BUG...
	local i from word bug=clean stream
	stream=$tmp/stream
	dir=$tmp/$1
	for ((i = 1; i <= $2; i++)); do
		from=
		for word in "${@:3}"; do
			[[ ${word%%:*} != "$i" ]] || from=${word#*:}
		done
		bug=${from:-$bug}
		printf 'commit refs/heads/main\nmark :%d\ncommitter a <a@b> %d +0000\ndata <<X\ncommit %d\nX\n' "$i" $((i * 60)) "$i"
		printf 'M 100644 inline bug\ndata <<X\n%s\nX\nM 100644 inline file%d\ndata <<X\n%d\nX\n\n' "$bug" "$i" "$i"
	done >"$stream"
	git init -q -b main "$dir" && git -C "$dir" fast-import --quiet <"$stream" && git -C "$dir" reset -q --hard main
	cat >"$tmp/build-$1" <<-END
		#!/bin/sh
		FAKE_CLONE=$tmp/d/clone exec $top/tests/fake/bisect/build $dir "\$@"
	END
	chmod +x "$tmp/build-$1"
}

nth() { git -C "$dir" rev-list --reverse main | sed -n "${1}p"; }

# What comes out is true with some confidence: with more than by default, as it is asked each day.
bisect() { # NAME ARGUMENT...
	status=0
	rm -rf "$tmp/d"
	dir=$tmp/$1
	"$top/run.sh" bisect --git "$dir" --dir "$tmp/d" --build "$tmp/build-$1" --scenario pass \
		--confidence 0.9999 "${@:2}" >"$tmp/out" 2>"$tmp/err" || status=$?
	((status == 0)) || sed 's/^/# /' "$tmp/out" "$tmp/err"
}

again() {
	status=0
	"$top/run.sh" bisect --continue "$tmp/d" >"$tmp/out" 2>"$tmp/err" || status=$?
}

state() { jq -r "$1" "$tmp/d/state.json"; }
evidence() { [[ -e $tmp/d/state.json ]] && state '.evidence | length' || echo 0; }
grown() { (($(evidence) > $1)); } # THAN
found() { is "$status" 0 && is "$(state .verdict | cut -d' ' -f1)" "$(nth "$1")"; }

repo plain 64 40:bad=30
bisect plain --good "$(nth 1)" --bad main --scenario pass-2
ok 'finds the culprit' found 40
ok 'takes the scenario that fails soonest' is "$(state .scenario)" pass
ok 'learns what the bug looks like' is "$(state '.settings.fingerprints[0]')" 'content/stale/*'
ok 'the report can be mailed' like "$tmp/d/report.txt" '^Fixes: [0-9a-f]{12} \("commit 40"\)$'
ok 'it replays' like "$tmp/d/report.txt" '^Replay: ./run.sh'
ok 'the culprit failed again' like "$tmp/d/report.txt" 'failed again$'
ok 'its parent is clean for long enough' like "$tmp/d/report.txt" 'clean for [0-9]+ seconds, [0-9]+ were needed'
ok 'the revert is clean' like "$tmp/d/report.txt" 'without it is clean for'
ok 'HTML' like "$tmp/d/report.html" '<rect .*<title>[0-9a-f]{12} (0\.9999|1\.0000)'
ok 'the repository is untouched' is "$(git -C "$dir" status --porcelain; git -C "$dir" for-each-ref | wc -l)" 1
run bisect --explain "$tmp/d"
ok 'explains' like "$tmp/out" '^Last choice: .* bits in '

bisect plain --good "$(nth 1)" --bad main --calibrate-only
ok 'calibrates only' is "$status $(state .phase)" '0 search'
cp -r "$tmp/d" "$tmp/calibrated"
again
ok 'and goes on from there' found 40

FAKE_SLEEP=0.3 FAKE_BUILD=0.1 bisect plain --good "$(nth 1)" --bad main --ahead 1
ok 'builds ahead' eval "found 40 && (( $(grep -c 'built ahead: [0-9a-f]*$' "$tmp/err") > 2 ))"

# Killed again and again, it still gets there.
export FAKE_SLEEP=0.1
rm -rf "$tmp/d"
for i in 1 2 3; do
	args=(--git "$dir" --dir "$tmp/d" --build "$tmp/build-plain" --scenario pass --good "$(nth 1)" --bad main --seed 7)
	((i == 1)) || args=(--continue "$tmp/d")
	"$top/run.sh" bisect "${args[@]}" >/dev/null 2>&1 &
	wait_for grown "$((i > 1 ? steps[i - 1] : 0))"
	kill -KILL $! 2>/dev/null
	wait $! 2>/dev/null
	steps[i]=$(evidence)
done
ok 'each part of it is kept' eval "(( ${steps[1]} > 0 && ${steps[2]} > ${steps[1]} && ${steps[3]} > ${steps[2]} ))"
"$top/run.sh" bisect --continue "$tmp/d" >/dev/null 2>"$tmp/err" &
wait_for grown "${steps[3]}"
ok 'one at a time' is "$("$top/run.sh" bisect --continue "$tmp/d" 2>&1; echo $?)" \
	"run.sh: bisect: another bisect is at work in $(realpath "$tmp/d")
2"
kill -TERM $!
wait $! && status=0 || status=$?
ok 'SIGTERM: 143 and what goes on' is "$status $(grep -c -e '--continue' "$tmp/err")" '143 1'
unset FAKE_SLEEP
again
ok 'killed and continued' found 40

repo foreign 64 12:foreign=40 40:foreign=40,bad=30
bisect foreign --good "$(nth 1)" --bad main --fingerprint 'content/*'
ok 'a second bug does not hijack it' found 40
ok 'but is reported' like "$tmp/d/report.txt" '^Another failure, seen .*refcount/leak'
bisect foreign --good "$(nth 1)" --bad main --fingerprint 'refcount/*'
ok 'and can be looked for' found 12

repo broken 64 20:no-build 25:clean 38:no-boot 39:clean 40:bad=30 41:no-build,bad=30 44:bad=30
bisect broken --good "$(nth 1)" --bad main
ok 'commits that do not build or boot' found 40
repo hidden 64 40:no-build 43:bad=30
bisect hidden --good "$(nth 1)" --bad main --ahead 1
ok 'what cannot be told apart' is "$status $(state .verdict | grep -o '(0\.[0-9]*)' | wc -l)" '1 4'

repo fixed 64 1:bad=30 40:clean
bisect fixed --bad "$(nth 1)" --good main --find-fix
ok 'finds a fix' found 40
ok 'without the fix it fails' like "$tmp/d/report.txt" 'without it fails'

# main: 1 - 10, a branch from 4 with the bug in its third commit, merged, ten more
repo merged 10
git -C "$dir" checkout -q -b side "$(nth 4)"
for i in 1 2 3 4 5; do
	echo "$i" >"$dir/side$i"
	((i != 3)) || echo bad=30 >"$dir/bug"
	git -C "$dir" add -A && git -C "$dir" commit -q -m "side $i"
done
git -C "$dir" checkout -q main && git -C "$dir" merge -q --no-edit side
for i in 11 12 13 14; do
	echo "$i" >"$dir/file$i"
	git -C "$dir" add -A && git -C "$dir" commit -q -m "commit $i"
done
bisect merged --good "$(git -C "$dir" rev-list --max-parents=0 main)" --bad main --likely side
ok 'a culprit on a branch' is "$status $(state .verdict | cut -d' ' -f2-)" '0 side 3'

repo always 16 1:bad=30
bisect always --good "$(nth 1)" --bad main >/dev/null
ok 'a good commit that is not good' is "$status $(state .phase)" '1 failed'
bisect always --good "$(nth 1)" --bad main --fingerprint 'canary/*' --limit 60s >/dev/null
ok 'a bug that does not show' is "$status $(state .verdict | grep -c 'did not fail\|failed 0 times')" '1 1'
dir=$tmp/plain
bisect plain --good "$(nth 1)" --bad main --parallel 3 --unit hits
ok 'three at a time, window hits' found 40

# Under git bisect run.
step() { # COMMIT
	status=0
	"$top/run.sh" bisect-step --dir "$tmp/calibrated" --commit "$1" >"$tmp/out" 2>"$tmp/err" || status=$?
	echo $status
}
dir=$tmp/plain
ok 'step: good' is "$(step "$(nth 20)")" 0
ok 'step: bad' is "$(step "$(nth 50)")" 1
ok 'step: the exposure that the confidence asks for' like "$tmp/err" 'of [0-9]{3} seconds'
git -C "$dir" checkout -q -b odd "$(nth 20)"
for bug in no-build no-boot skip trouble foreign=1; do
	echo $bug >"$dir/bug"
	git -C "$dir" commit -q -a -m $bug
done
ok 'step: does not build' is "$(step odd~4)" 125
ok 'step: does not boot' is "$(step odd~3)" 125
ok 'step: cannot be checked' is "$(step odd~2)" 125
ok 'step: trouble of the host' is "$(step odd~1)" 255
ok 'step: nothing but another failure' is "$(step odd)" 125
ok 'step: no calibration' is "$("$top/run.sh" bisect-step --dir "$tmp" 2>/dev/null; echo $?)" 255
(
	cd "$dir" && git checkout -q main && git bisect start main "$(nth 1)" &&
		git bisect run "$top/run.sh" bisect-step --dir "$tmp/calibrated"
) >"$tmp/out" 2>&1
ok 'git bisect run finds it' like "$tmp/out" "^$(nth 40) is the first bad commit"
git -C "$dir" bisect reset -q >/dev/null 2>&1

refuses() { # REGEX ARGUMENT...
	run bisect "${@:2}"
	is "$status" 2 && is "$(wc -l <"$tmp/err")" 1 && like "$tmp/err" "$1"
}
args=(--git "$dir" --good "$(nth 1)" --bad main --scenario pass)
ok 'refuses: no tree' refuses 'expected --git' --good a --bad b
ok 'refuses: no repository' refuses 'no git repository' --git "$tmp/d" --good a --bad b
ok 'refuses: no such commit' refuses "no commit 'nix'" --git "$dir" --good nix --bad main
ok 'refuses: no scenario' refuses 'expected --scenario' --git "$dir" --good "$(nth 1)" --bad main
ok 'refuses: no such scenario' refuses "no scenario 'x'" --git "$dir" --good "$(nth 1)" --bad main --scenario x
ok 'refuses: confidence' refuses '0.5 to' "${args[@]}" --confidence 99
ok 'refuses: unit' refuses 'expected seconds, hits or faults' "${args[@]}" --unit bananas
ok 'refuses: time' refuses 'expected a time' "${args[@]}" --slot 5x
ok 'refuses: unknown option' refuses "bad option '--what'" --what
ok 'refuses: good after bad' refuses 'no commits from' --git "$dir" --good main --bad "$(nth 1)" --scenario pass --dir "$tmp/none"
ok 'refuses: a directory that is taken' refuses 'there is a bisection in' "${args[@]}" --dir "$tmp/calibrated"
ok 'refuses: nothing to continue' refuses 'expected the state' --continue "$tmp"
ok 'nothing is left behind' is "$(ls "$tmp/none" 2>/dev/null)" ''
finish
