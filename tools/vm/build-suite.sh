#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build-suite.sh LIBDIR   the program kvm-pfn-stress, static, linked to a library of build-lib.sh
#
# Prints the path of the program. Its objects are kept, so that an edit rebuilds what it touches;
# make decides, which takes milliseconds when nothing changed.
#
# Errors: exit 2 if LIBDIR is no such directory, 1 with the compiler's words if it does not build.

. "$(dirname "$0")/lib.sh"

[ $# = 1 ] || bad "usage: build-suite.sh LIBDIR"
lib=$1
[ -e "$lib/ldflags" ] || bad "$lib is not a directory of build-lib.sh"
lib=$(cd "$lib" && pwd -P)
for f in gcc make urcu.h numa.h; do need $f suite; done

out=$PFN_CACHE/suite/$(basename "$lib")-$(printf '%s %s' "$top" "$lib" | digest)
mkdir -p "$out"
lock "$out"
quietly "building kvm-pfn-stress" make -s -C "$top/kvm-pfn-stress" -j"$jobs" LIBKVM="$lib" OUT="$out"
[ -x "$out/kvm-pfn-stress" ] || die "kvm-pfn-stress/Makefile made no $out/kvm-pfn-stress"
echo "$out/kvm-pfn-stress"
