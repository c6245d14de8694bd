#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Every shell script through shellcheck, every C file through checkpatch where a kernel tree is cached;
# SPDX lines, line length, and no path of somebody's machine.
. "$(dirname "$0")/lib.sh"
cd "$top" || exit 1

mapfile -t files < <(git ls-files 2>/dev/null || find . -type f -not -path './.*')
scripts=() sources=()
for f in "${files[@]}"; do
	[[ -f $f && ! -L $f ]] || continue
	case $f in
	*.c | *.h) sources+=("$f") ;;
	*) head -n 1 "$f" | grep -Eaq '^#! ?/bin/(ba|busybox )?sh' && scripts+=("$f") ;;
	esac
done

for f in "${scripts[@]}"; do
	case $(head -n 1 "$f") in
	*busybox*) ok "$f" shellcheck -s dash -e SC1091,SC2015,SC3045 "$f" ;;
	*) ok "$f" shellcheck "$f" ;;
	esac
done

spdx() {
	local missing
	missing=$(grep -L SPDX-License-Identifier "${scripts[@]}" "${sources[@]}")
	is "$missing" ''
}
ok 'SPDX lines' spdx
long_lines() {
	local f max
	for f in "${sources[@]}" "${scripts[@]}"; do
		case $f in
		*.[ch]) max=105 ;;
		*) max=140 ;;
		esac
		expand -t 8 "$f" | awk -v f="$f" -v max="$max" 'length($0) > max { print "# " f ":" NR ": " length($0) }'
	done | tee "$tmp/long"
	[[ ! -s $tmp/long ]]
}
ok 'line length' long_lines
# Under pipefail the pipe fails when grep -q has seen enough and what writes into it dies of SIGPIPE: now and then.
ok 'nothing is piped into grep -q' eval "! grep -nE '\\|[ ]*grep +-[a-zA-Z]*q' tools/*.sh tools/*/*.sh run.sh kvm-pfn-stress/*.sh"
ok 'no paths of one machine' eval "! grep -nE '/work/|/home/[a-z]' \"\${files[@]}\" 2>/dev/null | grep -v 'tests/host/lint.sh'"

checkpatch=
for f in "${PFN_CACHE%/tests/cache}"/source/*/scripts/checkpatch.pl; do
	[[ ! -f $f ]] || checkpatch=$f
done
if [[ $checkpatch ]]; then
	# one call for all: perl takes longer to read checkpatch than checkpatch to read a file
	(cd "$tmp" && perl "$checkpatch" --no-tree --terse --no-summary --max-line-length=100 -f \
		--ignore FILE_PATH_CHANGES,SPDX_LICENSE_TAG,CAMELCASE,PREFER_KERNEL_TYPES \
		--ignore COMPLEX_MACRO,STRCPY,NEW_TYPEDEFS,AVOID_EXTERNS,LONG_LINE_COMMENT \
		--ignore SSCANF_TO_KSTRTO,PREFER_FALLTHROUGH,CONSTANT_COMPARISON,USE_NEGATIVE_ERRNO \
		--ignore PREFER_DEFINED_ATTRIBUTE_MACRO,TRAILING_STATEMENTS,AVOID_BUG \
		--ignore MULTISTATEMENT_MACRO_USE_DO_WHILE \
		--ignore MACRO_ARG_REUSE,BLOCK_COMMENT_STYLE,LINE_SPACING "${sources[@]/#/$top/}") 2>/dev/null |
		grep -F ERROR | sed 's/^/# /' >"$tmp/style"
	style() {
		! grep -F "$top/$1:" "$tmp/style"
	}
	for f in "${sources[@]}"; do
		ok "checkpatch $f" style "$f"
	done
else
	skip checkpatch 'no kernel tree in the cache'
fi
finish
