#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-pfn-stress.sh -t TARBALL|DIR [-d MS] [-s SKIPFILE] [-b BOARD] [-g BRANCH]
#
# A test in the form of Linaro's test-definitions: output/result.txt has "NAME pass|fail|skip" and
# "NAME-faults pass N faults", each line written when its scenario has finished.
tarball='' ms=60000 skipfile='' board=all branch=all
OUTPUT=$(pwd)/output
usage() { sed -n 's/^# \(kvm-pfn-stress.sh .*\)/usage: \1/p' "$0" >&2; exit 1; }

while getopts t:d:s:b:g: opt; do
	case $opt in
	t) tarball=$OPTARG ;;
	d) ms=$OPTARG ;;
	s) skipfile=$OPTARG ;;
	b) board=$OPTARG ;;
	g) branch=$OPTARG ;;
	*) usage ;;
	esac
done
[ -n "$tarball" ] || usage
mkdir -p "$OUTPUT" || exit 1
rm -f "$OUTPUT/result.txt"

suite=$tarball
if [ ! -d "$suite" ]; then
	case $tarball in
	*://*) wget -q -O "$OUTPUT/suite.tar.gz" "$tarball" ;;
	*) cp "$tarball" "$OUTPUT/suite.tar.gz" ;;
	esac && gunzip -c "$OUTPUT/suite.tar.gz" | (cd "$OUTPUT" && tar xf -) || exit 1
	suite=$OUTPUT/kvm-pfn-stress
fi

# Those that the skipfile names for this board and branch
skipped() {
	[ -n "$skipfile" ] || return 0
	awk -v board="$board" -v branch="$branch" '
		function done_entry() {
			if (boards && branches)
				for (i = 0; i < n; i++)
					print tests[i]
			boards = branches = n = 0
		}
		/^ *#/ { next }
		/^  - reason:/ { done_entry(); list = ""; next }
		/^    boards:/ { list = "boards"; if ($2 == "all") boards = 1; next }
		/^    branches:/ { list = "branches"; if ($2 == "all") branches = 1; next }
		/^    tests:/ { list = "tests"; next }
		/^    [a-z]+:/ { list = ""; next }
		/^      - / {
			if (list == "boards" && ($2 == "all" || $2 == board)) boards = 1
			if (list == "branches" && ($2 == "all" || $2 == branch)) branches = 1
			if (list == "tests") tests[n++] = $2
		}
		END { done_entry() }' "$skipfile"
}

set --
skips=$(skipped)
for file in "$suite/pfn/scenarios"/*.conf "$suite/pfn/scenarios"/*/*.conf; do
	[ -e "$file" ] || continue
	name=${file#"$suite/pfn/scenarios/"}
	name=${name%.conf}
	case "
$skips
" in
	*"
$name
"*) echo "$name skip" >>"$OUTPUT/result.txt" ;;
	*) set -- "$@" --scenario "$name" ;;
	esac
done
"$suite/kvm-pfn-stress.sh" --duration-ms "$ms" "$@" 2>"$OUTPUT/messages.txt" |
	"$suite/ci/ktap-results.sh" "$OUTPUT/result.txt"
exit 0
