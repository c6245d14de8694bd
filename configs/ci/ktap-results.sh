#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# COMMAND | ktap-results.sh [RESULT.TXT]   KTAP to a CI system, line by line as it comes
#
# Each result goes at once to lava-test-case, where there is one, with its counters as measurements, and
# as "NAME pass|fail|skip" and "NAME-faults pass N faults" to RESULT.TXT, in the form of Linaro's
# test-definitions. What the kernel dies of costs no result that was there before. Passes all on. The last
# result is "complete": it fails where the program did not come to the end of its plan.

out=${1-}
lava=$(command -v lava-test-case)
faults='' injections='' hits='' plan='' bail='' seen=0

result() { # NAME pass|fail|skip
	[ -z "$lava" ] || "$lava" "$1" --result "$2"
	[ -z "$out" ] || echo "$1 $2" >>"$out"
}

measured() { # NAME VALUE UNIT
	[ -n "$2" ] || return 0
	[ -z "$lava" ] || "$lava" "$1-$3" --result pass --measurement "$2" --units "$3"
	[ -z "$out" ] || echo "$1-$3 pass $2 $3" >>"$out"
}

# finished NAME RESULT
finished() {
	seen=$((seen + 1))
	result "$1" "$2"
	measured "$1" "$faults" faults
	measured "$1" "$injections" injections
	measured "$1" "$hits" window-hits
	[ -z "$out" ] || sync "$out" 2>/dev/null || sync
	faults='' injections='' hits=''
}

while IFS= read -r line || [ -n "$line" ]; do
	printf '%s\n' "$line"
	# shellcheck disable=SC2086  # words are what is wanted
	case $line in
	"# "*" faults, "*" injections, "*" window hits")
		set -- ${line#\# }
		faults=$2 injections=$4 hits=$6
		;;
	"1.."*)
		plan=${line#1..}
		plan=${plan%% *}
		;;
	"Bail out!"*) bail=1 ;;
	"not ok "*)
		set -- $line
		finished "$4" fail
		;;
	"ok "*"# SKIP"*)
		set -- $line
		finished "$3" skip
		;;
	"ok "*)
		set -- $line
		finished "$3" pass
		;;
	esac
done
if [ -n "$bail" ] || [ "$seen" != "$plan" ]; then
	result complete fail
elif [ "$seen" = 0 ]; then
	result complete skip
else
	result complete pass
fi
