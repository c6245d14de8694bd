#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# fetch-kernel.sh VERSION-PREFIX   Debian's newest kernel of that series (6.12, 6.12.117, 6.1, 7.3)
# fetch-kernel.sh PATH             a kernel of one's own: a bzImage, or a kernel build tree
#
# Prints a directory with vmlinuz, System.map, config, release (uname -r), version, modules/ (the
# tree below /lib/modules/RELEASE). For a PATH, PFN_KERNEL_MODULES names the directory of its
# modules (the one that holds modules.dep, or its INSTALL_MOD_PATH); a build tree has its own.
#
# What was fetched once stays: PFN_REFRESH=1 looks for a newer one.
# Errors: exit 2 for a version or file that is not there, 1 if the mirror fails.

. "$(dirname "$0")/lib.sh"

[ $# = 1 ] || bad "usage: fetch-kernel.sh VERSION-PREFIX|BZIMAGE|BUILD-TREE"

# The version string stands in the image: the boot protocol's kernel_version points to it.
image_release() {
	local off
	[ "$(dd if="$1" bs=1 skip=514 count=4 2>/dev/null)" = HdrS ] || bad "$1 is not an x86 bzImage"
	off=$(($(od -An -tu2 -j 526 -N 2 "$1") + 512))
	dd if="$1" bs=1 skip="$off" count=200 2>/dev/null | tr '\0' '\n' | sed 's/ .*//;q'
}

# modules_of_tree TREE OUT: what modules_install would do, without touching TREE
modules_of_tree() {
	local m
	mkdir -p "$2"
	[ -e "$1/modules.order" ] && while read -r m; do
		m=${m#kernel/}
		m=${m%.*}.ko
		[ ! -e "$1/$m" ] || { mkdir -p "$2/kernel/${m%/*}" && cp "$1/$m" "$2/kernel/$m"; }
	done <"$1/modules.order"
	for m in modules.order modules.builtin modules.builtin.modinfo; do
		[ ! -e "$1/$m" ] || cp "$1/$m" "$2/"
	done
}

own_kernel() {
	local path=$1 image tree='' config='' map='' release mods=${PFN_KERNEL_MODULES:-} key dir f
	[ -e "$path" ] || bad "no such kernel: $path"
	path=$(realpath "$path")
	if [ -d "$path" ]; then
		tree=$path image=$path/arch/x86/boot/bzImage
		config=$path/.config map=$path/System.map
		[ -e "$image" ] || bad "$path has no arch/x86/boot/bzImage: is it a kernel tree that was built?"
	else
		image=$path
	fi
	release=$(image_release "$image")
	[ -n "$release" ] || bad "$image does not say its version"
	if [ -z "$tree" ]; then
		f=$(dirname "$image")
		case $f in
		*/arch/*/boot) tree=$(realpath "$f/../../..") config=$tree/.config map=$tree/System.map ;;
		*) config=$f/config-$release map=$f/System.map-$release ;;
		esac
	fi
	if [ -n "$mods" ]; then
		[ -d "$mods" ] || bad "no such directory: $mods"
		mods=$(realpath "$mods")
		[ ! -d "$mods/lib/modules/$release" ] || mods=$mods/lib/modules/$release
	fi
	key=$({ echo "$image $mods $release"; stat -c '%n %s %Y' "$image" "$config" 2>/dev/null
		if [ -n "$mods" ]; then find "$mods" -name '*.ko*' -printf '%p %s %T@\n'
		elif [ -e "$tree/modules.order" ]; then
			stat -c '%n %s %Y' "$tree/modules.order"
			sed "s,^kernel/,,;s,\.[a-z]*\$,.ko,;s,^,$tree/," "$tree/modules.order" |
				xargs -r -d '\n' stat -c '%n %s %Y' 2>/dev/null
		fi; true; } | sort | digest)
	dir=$PFN_CACHE/kernel/own-$release-$key
	! hit "$dir" || return 0
	lock "$dir"
	begin "$dir"
	cp "$image" "$work/vmlinuz"
	[ ! -e "$config" ] || cp "$config" "$work/config"
	[ ! -e "$map" ] || cp "$map" "$work/System.map"
	echo "$release" | tee "$work/release" >"$work/version"
	mkdir -p "$work/lib/modules"
	if [ -n "$mods" ]; then
		cp -rL "$mods" "$work/lib/modules/$release" 2>/dev/null ||
		cp -r "$mods" "$work/lib/modules/$release"
	else
		modules_of_tree "$tree" "$work/lib/modules/$release"
	fi
	ln -s "lib/modules/$release" "$work/modules"
	quietly depmod depmod -b "$work" "$release"
	commit "$dir"
	say "kernel $release from $1"
	echo "$dir"
}

case $1 in
*/*) own_kernel "$1"; exit ;;
esac

check_prefix "$1"
! recall kernel "$1" || exit 0
need depmod fetch

apt_fresh "$([ -n "${PFN_REFRESH:-}" ] && echo 2 || echo 1440)"
found=$(kernels | match "$1")
if [ -z "$found" ]; then
	apt_fresh 2
	found=$(kernels | match "$1")
fi
[ -n "$found" ] || bad "no kernel '$1'; there are $(kernels | awk '$3 { sub(/-.*/, "", $2); print $2 }' | uniq | tr '\n' ' ')"

# one with headers, if there is one: the helper module needs them
line=$(awk '$3 { l = $0 } { any = $0 } END { print l ? l : any }' <<<"$found")
read -r release version _ packages <<<"$line"
dir=$PFN_CACHE/kernel/$version
lock "$dir"
if [ ! -e "$dir/release" ]; then
	say "fetching kernel $release ($version)"
	begin "$dir"
	# shellcheck disable=SC2086  # a list of packages
	apt_fetch "$work/root" $packages
	mods=$work/root/lib/modules/$release
	[ -d "$mods" ] || mods=$work/root/usr/lib/modules/$release
	[ -d "$mods" ] || die "no modules in $packages"
	for f in vmlinuz System.map config; do
		for from in "$work/root/boot/$f-$release" "$mods/$f" "$mods/$f.unsigned"; do
			[ ! -f "$from" ] || { mv "$from" "$work/$f"; break; }
		done
		[ -f "$work/$f" ] || die "no $f in $packages"
	done
	mkdir -p "$work/lib/modules"
	mv "$mods" "$work/lib/modules/"
	rm -rf "$work/root"
	rm -f "$work/modules/build" "$work/modules/source"
	ln -s "lib/modules/$release" "$work/modules"
	quietly depmod depmod -b "$work" "$release"
	echo "$release" >"$work/release"
	echo "$version" >"$work/version"
	commit "$dir"
fi
remember kernel "$1" "$dir"
echo "$dir"
