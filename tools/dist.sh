#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# dist.sh [VERSION|KDIR]   a tarball of the built suite for a device that has busybox only
#
# The program is static. The helper module is for the kernel of VERSION (Debian's) or of the kernel
# build directory KDIR; without one, what needs it is skipped on the device. Prints the tarball:
# unpack it there and run kvm-pfn-stress/kvm-pfn-stress.sh as root.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
vm=$top/tools/vm
PFN_CACHE=${PFN_CACHE:-$top/.cache}
export PFN_CACHE
name=kvm-pfn-stress
work=$(mktemp -d "${TMPDIR:-/tmp}/pfn-dist.XXXXXX")
trap 'rm -rf "$work"' EXIT

lib=$("$vm/build-lib.sh" "$("$vm/fetch-source.sh" 6.1)")
suite=$("$vm/build-suite.sh" "$lib")
mkdir -p "$work/$name"/{pfn,ci} "$top/dist"
cp "$top/kvm-pfn-stress/kvm-pfn-stress.sh" "$top/LICENSE" "$work/$name/"
cp "$top/configs/ci/ktap-results.sh" "$top/configs/ci/lava/stress.sh" "$work/$name/ci/"
cp "$suite" "$top/configs/known-issues" "$work/$name/pfn/"
strip "$work/$name/pfn/kvm-pfn-stress"
cp -r "$top/configs/scenarios" "$work/$name/pfn/"
for_kernel=
if [[ ${1-} ]]; then
	kdir=$1
	[[ -d $1 ]] || kdir=$("$vm/fetch-headers.sh" "$1")
	cp "$("$vm/build-module.sh" "$kdir")" "$work/$name/pfn/"
	for_kernel=-$(cat "$kdir/include/config/kernel.release" 2>/dev/null || echo kernel)
fi
tarball=$top/dist/$name-$(git -C "$top" describe --always --dirty 2>/dev/null || echo tree)$for_kernel.tar.gz
tar -C "$work" --owner=0 --group=0 --sort=name -czf "$tarball.tmp" "$name"
mv "$tarball.tmp" "$tarball"
echo "$tarball"
