#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The suite's own parts: it compiles against the KVM selftests libraries of 6.1, 6.12 and 7.3, with gcc
# and clang, and its unit tests (tests/suite/) pass.
cache=${PFN_CACHE-}
. "$(dirname "$0")/lib.sh"
export PFN_CACHE=${cache:-$top/.cache}	# real sources and libraries, not the fakes of the others

"$top/tools/vm/packages.sh" check lib || exit 1
# as in run.sh: trees that share a cache do not share objects
out=$PFN_CACHE/tests/suite-$(printf %s "$top" | sha256sum | cut -c1-16)

lib_of() { # VERSION: builds the library once
	"$top/tools/vm/build-lib.sh" "$("$top/tools/vm/fetch-source.sh" "$1" | tail -n 1)" | tail -n 1
}

compiles() { # VERSION CC
	local lib
	lib=$(lib_of "$1") && [[ $lib ]] &&
		make -s -j2 -C "$top/kvm-pfn-stress" CC="$2" LIBKVM="$lib" OUT="$out/$1-$2" &&
		"$out/$1-$2/kvm-pfn-stress" --check --scenario-dir "$top/configs/scenarios"
}

for version in 6.1 6.12 7.3; do
	ok "compiles against the library of $version, gcc" compiles $version gcc
done
if command -v clang >/dev/null; then
	ok 'compiles against the library of 6.12, clang' compiles 6.12 clang
else
	skip 'compiles against the library of 6.12, clang' 'clang is not installed'
fi

unit() { # PROGRAM
	timeout 60 "$out/unit/$1"
}

lib=$(lib_of 6.1)
ok 'unit tests build' make -s -j2 -C "$top/tests/suite" LIBKVM="$lib" OUT="$out/unit"
for t in "$top"/tests/suite/test-*.c; do
	t=$(basename "$t" .c)
	ok "unit: $t" unit "$t"
done
finish
