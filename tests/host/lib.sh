# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# shellcheck disable=SC2034
# What the tests of run.sh and the runner share: a guest that is no guest (tests/fake), and TAP.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
tmp=${PFN_TEST_TMP:-$(mktemp -d)}
# One runner for all tests; everything else of a test is in its own $tmp.
export PFN_CACHE=${PFN_CACHE:-$top/.cache}/tests/cache
bin=$PFN_CACHE/bin/$(printf %s "$top" | sha256sum | cut -c1-16)
export PFN_VM_DIR=$top/tests/fake/vm
export PFN_CONFIGS=$top/tests/fake/configs
export PFN_BOUND_MS=1500
cases=0 bad=0

# ok NAME COMMAND...: one case
ok() {
	local name=$1
	shift
	cases=$((cases + 1))
	if "$@"; then
		echo "ok $cases $name"
	else
		echo "not ok $cases $name"
		bad=1
	fi
}

wait_for() { # COMMAND...: at most a minute
	local i
	for ((i = 0; i < 600; i++)); do
		! "$@" || return 0
		sleep 0.1
	done
	return 1
}

skip() { # NAME REASON
	cases=$((cases + 1))
	echo "# $2"
	echo "ok $cases $1 # SKIP"
}

finish() {
	echo "1..$cases"
	exit $bad
}

# So that a later ./run.sh has nothing to say about building it.
build_runner() {
	mkdir -p "$bin"
	make -s -C "$top/tools/runner" OUT="$bin" >/dev/null 2>&1
}

# run ARGUMENT...: ./run.sh with its output in $tmp/out and $tmp/err, status in $status
run() {
	status=0
	rm -rf "$tmp/results"
	"$top/run.sh" "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
}

# stress ARGUMENT...: the same with the results in $tmp/results, nothing repeated
stress() { run --results "$tmp/results" --seed 42 --repeat 0 "$@"; }

# json FILTER: of the last run's result.json
json() { jq -r "$1" "$tmp/results/result.json"; }

is() { # GOT EXPECTED
	[[ $1 = "$2" ]] && return
	printf '# expected: %s\n# got: %s\n' "$2" "$1"
	return 1
}

like() { # FILE REGEX
	grep -Eq -e "$2" "$1" && return
	printf '# no line matches %s in:\n' "$2"
	sed 's/^/#   /' "$1"
	return 1
}

# valid SCHEMA FILE: JSON that keeps to its schema
valid() {
	/usr/bin/python3 - "$1" "$2" <<-'END'
	import json, sys, jsonschema
	schema, result = (json.load(open(f)) for f in sys.argv[1:3])
	jsonschema.Draft7Validator.check_schema(schema)
	errors = list(jsonschema.Draft7Validator(schema).iter_errors(result))
	for e in errors[:10]:
	    print("#", "/".join(map(str, e.path)), e.message)
	sys.exit(bool(errors))
	END
}

# lava_gets KTAP [RESULT.TXT]: what LAVA gets of it, "NAME RESULT" a line, in $tmp/lava
lava_gets() {
	rm -f "$tmp/lava"
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nprintf "%%s %%s\\n" "$1" "$3" >>%s\n' "$tmp/lava" >"$tmp/lava-test-case"
	chmod +x "$tmp/lava-test-case"
	PATH=$tmp:$PATH "$top/configs/ci/ktap-results.sh" "${@:2}" <"$1" >/dev/null
}

# nobody PATTERN: no process has it in its command line
nobody() {
	local pids
	for _ in $(seq 20); do
		pids=$(pgrep -f -- "$1") || return 0
		sleep 0.1
	done
	# shellcheck disable=SC2086  # a list of pids
	ps -o pid,pgid,args -p $pids | sed 's/^/# left: /'
	return 1
}
