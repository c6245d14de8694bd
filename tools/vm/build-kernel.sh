#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build-kernel.sh REPOSITORY COMMIT [FRAGMENT...]   a kernel of a commit, with a small configuration
# build-kernel.sh VERSION-PREFIX - [FRAGMENT...]    the same of Debian's source of that series
#
# Prints a build tree for run.sh --kernel: a bzImage with all that the virtual machine needs, KVM as
# modules. The configuration is x86's default with configs/kernel/small.config and the FRAGMENTs merged
# into it, later ones over earlier ones. With a FRAGMENT, an option that this kernel knows and that is not
# in force in the end is an error, one that it does not know is said. Built out of tree, from a clone of its
# own that shares the repository's objects: the user's work tree is neither read nor written. The tree is one for each
# repository and set of FRAGMENTs, and is built anew, by what changed, for each commit; with ccache where
# it is installed. PFN_KERNEL_BUSY=DIR: that build tree is in use and stays as it is; there is a second one.
#
# Errors: exit 2 for a bad argument, 1 where it does not build.

. "$(dirname "$0")/lib.sh"

[ $# -ge 2 ] || bad "usage: build-kernel.sh REPOSITORY COMMIT | VERSION-PREFIX - [FRAGMENT...]"
for f in make gcc; do need $f kvm; done
need flex kvm
if [ "$2" = - ]; then
	repo=$("$here/fetch-source.sh" "$1")
	id=$(cat "$repo/.debian-version")
else
	need git bisect
	repo=$(git -C "$1" rev-parse --absolute-git-dir) || bad "no git repository: $1"
	id=$(git -C "$1" rev-parse --verify --quiet "$2^{commit}") || bad "no commit '$2' in $1"
fi
shift 2
fragments=("$top/configs/kernel/small.config")
for f in "$@"; do
	[ -f "$f" ] || bad "no such configuration: $f"
	fragments+=("$(realpath "$f")")
done

# A clone that shares the objects of another builds where that one does: only what differs.
store=$repo
alternates=$repo/objects/info/alternates
[ ! -s "$alternates" ] || store=$(sed -n '1s,/objects$,,p' "$alternates")
base=$PFN_CACHE/kernel-git/$(printf '%s\n' "$store" "${fragments[@]:1}" | digest)
recipe=$(cat "$here/build-kernel.sh" "${fragments[@]}" | digest)
# The first of two trees that is not in use, or the one that is what is asked for.
for tree in "$base-2" "$base"; do
	if [ "$(cat "$tree/built" 2>/dev/null)" = "$id $recipe" ]; then
		use=$tree
		break
	fi
	[ "$tree/out" = "${PFN_KERNEL_BUSY-}" ] || use=$tree
done
base=$use src=$use/src out=$use/out
lock "$base"
if [ -e "$base/built" ] && [ "$(cat "$base/built")" = "$id $recipe" ]; then
	echo "$out"
	exit
fi
rm -f "$base/built"
mkdir -p "$base" "$out"
say "building the kernel of ${id:0:20}"
if [ -e "$repo/Kconfig" ]; then
	src=$repo	# never written to
else
	[ -e "$src/.git" ] || { rm -rf "$src"; quietly "cloning $repo" git clone -q --shared --no-checkout "$repo" "$src"; }
	echo "$repo/objects" >"$src/.git/objects/info/alternates"
	quietly "git checkout" git -C "$src" checkout -q -f --detach "$id"
	quietly "git clean" git -C "$src" clean -q -f -d -x
fi

cc=gcc
[ ! -x "$(command -v ccache)" ] || cc="ccache gcc"
export KBUILD_BUILD_TIMESTAMP=0 KBUILD_BUILD_USER=bisect KBUILD_BUILD_HOST=bisect
make_kernel() { make -s -C "$src" O="$out" CC="$cc" LOCALVERSION= -j"$jobs" "$@"; }

# in_force FRAGMENT...: what they say, the last of them about each option, is so in .config
in_force() {
	local line option missing='' unknown=''
	while read -r option line; do
		case $line in
		*=[!n]*) ! grep -qxF -- "$line" "$out/.config" || continue ;;
		*) grep -q "^$option=" "$out/.config" || continue ;;
		esac
		if grep -rqxE --include='Kconfig*' "[[:space:]]*(menu)?config ${option#CONFIG_}[[:space:]]*" "$src"; then
			missing="$missing $option"
		else
			unknown="$unknown $option"
		fi
	done < <(cat "$@" | sed -nE 's/^(CONFIG_[A-Za-z0-9_]+)=.*/\1 &/p; s/^# (CONFIG_[A-Za-z0-9_]+) is not set$/\1 &/p' |
		 tac | awk '!seen[$1]++')
	[ -z "$unknown" ] || say "options that this kernel does not have:$unknown"
	[ -z "$missing" ] || die "not in force in $out/.config:$missing"
}

if [ ! -e "$out/.config" ] || [ "$(cat "$base/recipe" 2>/dev/null)" != "$recipe" ]; then
	quietly "make x86_64_defconfig" make_kernel x86_64_defconfig
	(cd "$out" && quietly merge_config.sh "$src/scripts/kconfig/merge_config.sh" -m -O "$out" .config "${fragments[@]}")
	echo "$recipe" >"$base/recipe"
fi
quietly "make olddefconfig" make_kernel olddefconfig
# a kernel of any age takes what it can of the small one; what was asked for has to be there
[ ${#fragments[@]} = 1 ] || in_force "${fragments[@]}"
quietly "building the kernel of ${id:0:20}" make_kernel bzImage modules
echo "$id $recipe" >"$base/built"
echo "$out"
