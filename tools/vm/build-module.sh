#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build-module.sh KDIR   the helper module for the kernel whose headers (or build tree) KDIR is
#
# Prints the path of pfn_helper.ko. Sources are copied to the cache, so neither KDIR nor
# this tree is written to; the directory is named by KDIR and a hash of the sources.
#
# Errors: exit 2 if KDIR is no kernel directory, 1 with the compiler's words if it does not build.

. "$(dirname "$0")/lib.sh"

[ $# = 1 ] || bad "usage: build-module.sh KDIR"
kdir=$1
src=$top/kvm-pfn-stress/module
[ -e "$kdir/Makefile" ] || bad "$kdir is not a kernel build directory"
kdir=$(cd "$kdir" && pwd -P)
[ -e "$src/Kbuild" ] || die "kvm-pfn-stress/module has no Kbuild"

key=$({ echo "$kdir"; stat -c '%s %Y' "$kdir/Module.symvers" "$kdir/.config" 2>/dev/null || true
	cat "$src"/*.[ch] "$src/Kbuild" "$here/build-module.sh"; } | digest)
dir=$PFN_CACHE/module/$key
! hit "$dir" "$dir/pfn_helper.ko" || exit 0

for f in make gcc; do need $f module; done
lock "$dir"
! hit "$dir" "$dir/pfn_helper.ko" || exit 0
say "building pfn_helper.ko for $(cat "$kdir/include/config/kernel.release" 2>/dev/null || echo "$kdir")"
begin "$dir"
cp "$src"/*.[ch] "$src/Kbuild" "$work/"
args=()
[ ! -e "$kdir/make.args" ] || mapfile -t args <"$kdir/make.args"
quietly "building pfn_helper.ko" make -s -C "$kdir" M="$work" -j"$jobs" "${args[@]}" modules
strip --strip-debug "$work/pfn_helper.ko"
commit "$dir"
keep "$PFN_CACHE/module" 16
echo "$dir/pfn_helper.ko"
