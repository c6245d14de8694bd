#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# decode-stack.sh KERNELDIR FILE [BUILD-TREE]   the stack in FILE with more to read in it
#
# With a BUILD-TREE that has a vmlinux with debug info: file and line for each entry, by the kernel's own
# decode_stacktrace.sh. Otherwise bare addresses get their names from KERNELDIR's System.map, if the kernel
# was not moved (nokaslr, or a line "Kernel Offset" in FILE). Prints the path of what it made.
#
# Errors: none: what cannot be decoded stays as it is.

. "$(dirname "$0")/lib.sh"

kernel=$1 file=$2 tree=${3:--}
out=$file.decoded
cp "$file" "$out"
script=$tree/scripts/decode_stacktrace.sh
[ -x "$script" ] || script=$(readlink -f "$tree/source" 2>/dev/null || true)/scripts/decode_stacktrace.sh
if [ -f "$tree/vmlinux" ] && [ -x "$script" ] && readelf -SW "$tree/vmlinux" 2>/dev/null | grep ' \.debug_info ' >/dev/null; then
	timeout 60 "$script" "$tree/vmlinux" "$tree" <"$file" >"$out" 2>/dev/null || true
	[ -s "$out" ] || cp "$file" "$out"
elif [ -s "$kernel/System.map" ] && grep -q '0x\?ffffffff[89a-f][0-9a-f]\{7\}' "$file"; then
	offset=$(sed -n 's/.*Kernel Offset: \(0x[0-9a-f]*\).*/\1/p' "$file" | head -n 1)
	# awk has no 64-bit integers: the low 32 bits tell kernel text apart
	awk -v offset="${offset:-0x0}" '
		function hex(s,  i, n) {
			n = 0
			for (i = 1; i <= length(s); i++)
				n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
			return n
		}
		FNR == NR {
			if ($2 ~ /^[tTwW]$/ && $1 ~ /^ffffffff/) { at[n] = hex(substr($1, 9)); name[n++] = $3 }
			next
		}
		match($0, /ffffffff[0-9a-f]+/) {
			a = hex(substr($0, RSTART + 8, 8)) - hex(substr(offset, 3))
			low = 0; high = n - 1
			while (low < high) {
				mid = int((low + high + 1) / 2)
				if (at[mid] <= a) low = mid; else high = mid - 1
			}
			if (n && a >= at[low] && a - at[low] < 65536)
				$0 = $0 sprintf(" (%s+0x%x)", name[low], a - at[low])
		}
		{ print }' <(LC_ALL=C sort "$kernel/System.map") "$file" >"$out" || cp "$file" "$out"
fi
echo "$out"
