#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build-kernel.sh REPOSITORY COMMIT [FRAGMENT...]   a kernel of a commit, with a small configuration
#
# Prints a build tree for run.sh --kernel: a bzImage with all that the virtual machine needs, KVM as
# modules. The configuration is x86's default with configs/kernel/small.config and the FRAGMENTs merged
# into it, later ones over earlier ones. Built out of tree, from a clone of its own that shares the repository's objects: the user's work
# tree is neither read nor written. The tree is one for each repository and is built anew, by what
# changed, for each commit; with ccache where it is installed.
#
# Errors: exit 2 for a bad argument, 1 where it does not build.

. "$(dirname "$0")/lib.sh"

[ $# -ge 2 ] || bad "usage: build-kernel.sh REPOSITORY COMMIT [FRAGMENT...]"
need git bisect
for f in make gcc; do need $f kvm; done
need flex kvm
repo=$(git -C "$1" rev-parse --absolute-git-dir) || bad "no git repository: $1"
id=$(git -C "$1" rev-parse --verify --quiet "$2^{commit}") || bad "no commit '$2' in $1"
shift 2
fragments=("$top/configs/kernel/small.config")
for f in "$@"; do
	[ -f "$f" ] || bad "no such configuration: $f"
	fragments+=("$(realpath "$f")")
done

base=$PFN_CACHE/kernel-git/$(echo "$repo" | digest)
src=$base/src out=$base/out
lock "$base"
recipe=$(cat "$here/build-kernel.sh" "${fragments[@]}" | digest)
if [ -e "$base/built" ] && [ "$(cat "$base/built")" = "$id $recipe" ]; then
	echo "$out"
	exit
fi
rm -f "$base/built"
mkdir -p "$base" "$out"
[ -e "$src/.git" ] || { rm -rf "$src"; quietly "cloning $repo" git clone -q --shared --no-checkout "$repo" "$src"; }
echo "$repo/objects" >"$src/.git/objects/info/alternates"
say "building the kernel of ${id:0:12}"
quietly "git checkout" git -C "$src" checkout -q -f --detach "$id"
quietly "git clean" git -C "$src" clean -q -f -d -x

cc=gcc
[ ! -x "$(command -v ccache)" ] || cc="ccache gcc"
export KBUILD_BUILD_TIMESTAMP=0 KBUILD_BUILD_USER=bisect KBUILD_BUILD_HOST=bisect
make_kernel() { make -s -C "$src" O="$out" CC="$cc" LOCALVERSION= -j"$jobs" "$@"; }
if [ ! -e "$out/.config" ] || [ "$(cat "$base/recipe" 2>/dev/null)" != "$recipe" ]; then
	quietly "make x86_64_defconfig" make_kernel x86_64_defconfig
	(cd "$out" && quietly merge_config.sh "$src/scripts/kconfig/merge_config.sh" -m -O "$out" .config "${fragments[@]}")
	echo "$recipe" >"$base/recipe"
fi
quietly "make olddefconfig" make_kernel olddefconfig
quietly "building the kernel of ${id:0:12}" make_kernel bzImage modules
echo "$id $recipe" >"$base/built"
echo "$out"
