#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run-tests.sh [unit|host|vm|FILE]...   run tests (all without an argument)
#
#	unit	tests/unit/test-*.c: C unit tests
#	host	tests/host/*.sh: run.sh and the runner, with a guest that is no guest
#	vm	tests/vm/*.sh: real kernels
#
# A test prints TAP, or is one case by its exit status: 0 passed, 1 failed, 4 skipped. Its output is
# shown if it failed. The last line is the sum; exit 1 if anything failed.

set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/.." && pwd)
export PFN_CACHE=${PFN_CACHE:-$top/.cache}
out=$PFN_CACHE/tests
passed=0 failed=0 skipped=0
failures=()
child=

# What we started ends with us.
stop() { # EXIT-STATUS
	trap '' INT TERM HUP
	[[ ! $child ]] || kill -TERM -- "-$child" 2>/dev/null
	wait
	[[ ! ${tmp-} ]] || rm -rf "$tmp"
	exit "$1"
}
trap 'stop 130' INT
trap 'stop 143' TERM HUP

# count LOG STATUS: adds what the test says about itself, prints it in words
count() {
	local ok not_ok skip plan cases
	plan=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$1" | tail -n 1)
	skip=$(grep -Eic '^ok [0-9]+.*# skip' "$1")
	ok=$(($(grep -Ec '^ok [0-9]+' "$1") - skip))
	not_ok=$(grep -Ec '^not ok [0-9]+' "$1")
	cases=$((ok + skip + not_ok))
	if [[ ! $plan || $cases = 0 ]]; then
		ok=0 skip=0 not_ok=0
		case $2 in
		0) ok=1 ;;
		4) skip=1 ;;
		*) not_ok=1 ;;
		esac
	elif ((cases < plan)); then
		not_ok=$((not_ok + plan - cases)) # those that it never got to
	elif (($2 != 0 && $2 != 4 && not_ok == 0)); then
		not_ok=1
	fi
	passed=$((passed + ok)) failed=$((failed + not_ok)) skipped=$((skipped + skip))
	verdict=PASS
	((skip == 0 || ok > 0)) || verdict=SKIP
	((not_ok == 0)) || verdict=FAIL
	words="$ok passed, $not_ok failed, $skip skipped"
}

# Each case that failed with what it said before, or the end of a test that has no cases.
what_failed() { # LOG
	if grep -Eq '^not ok' "$1"; then
		awk '/^ok/ { n = 0 } /^#/ { said[n++] = $0 }
			/^not ok/ { for (i = n > 30 ? n - 30 : 0; i < n; i++) print said[i]; n = 0; print }' "$1"
	else
		tail -n 40 "$1"
	fi
	echo "(all of it: $1)"
}

run_test() { # NAME COMMAND...
	local name=$1 log status=0 start=$EPOCHREALTIME ms verdict words
	shift
	log=$out/log/${name//\//-}.log
	tmp=$(mktemp -d "${TMPDIR:-/tmp}/pfn-test.XXXXXX")
	set -m
	PFN_TEST_TMP=$tmp "$@" >"$log" 2>&1 </dev/null &
	child=$!
	set +m
	wait "$child" || status=$?
	kill -KILL -- "-$child" 2>/dev/null
	child=
	rm -rf "$tmp"
	tmp=
	count "$log" "$status"
	ms=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
	printf '%s  %-32s %3d.%d s  %s\n' "$verdict" "$name" $((ms / 1000)) $((ms % 1000 / 100)) "$words"
	case $verdict in
	FAIL)
		what_failed "$log" | sed 's/^/    | /'
		failures+=("$name: $(grep -Em 3 '^not ok' "$log" | paste -sd ';')")
		;;
	SKIP) grep -Ei -m 3 'skip' "$log" | sed 's/^/    | /' ;;
	esac
}

run_unit() { # [TEST]...
	local test
	if ! make -s -C "$here/unit" OUT="$out/unit" >"$out/log/unit.log" 2>&1; then
		echo "FAIL  unit (does not build)"
		sed 's/^/    | /' "$out/log/unit.log"
		failed=$((failed + 1))
		return
	fi
	for test in "$here"/unit/test-*.c; do
		test=$(basename "$test" .c)
		CMOCKA_MESSAGE_OUTPUT=TAP KNOWN_ISSUES=$top/configs/known-issues run_test "unit/$test" "$out/unit/$test"
	done
}

run_scripts() { # DIRECTORY
	local test
	for test in "$here/$1"/*.sh; do
		[[ ! -x $test ]] || run_test "$1/$(basename "$test" .sh)" "$test"
	done
}

rm -rf "$out/log"
mkdir -p "$out/log"
"$top/tools/vm/packages.sh" host-build check || exit 1
(($#)) || set -- unit host vm
for what in "$@"; do
	case $what in
	unit) run_unit ;;
	host | vm) run_scripts "$what" ;;
	*)
		what=${what#tests/}
		[[ -x $here/$what ]] || { echo "run-tests.sh: no such test: $what" >&2; exit 2; }
		run_test "${what%.sh}" "$here/$what"
		;;
	esac
done
((${#failures[@]} == 0)) || printf 'failed: %s\n' "${failures[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
