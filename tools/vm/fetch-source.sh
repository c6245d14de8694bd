#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# fetch-source.sh VERSION-PREFIX   source tree of Debian's kernel of that series
#
# Prints the directory of the unpacked tree. It is the source of the kernel that fetch-kernel.sh
# gave for the same prefix, or the newest of the series where there is no such kernel. The tree is
# shared and never written to: build outside of it.
#
# Errors: exit 2 for a version that is not there, 1 if the mirror fails.

. "$(dirname "$0")/lib.sh"

[ $# = 1 ] || bad "usage: fetch-source.sh VERSION-PREFIX"
check_prefix "$1"
! recall source "$1" || exit 0
need xz fetch

# sources: "linux-source-SERIES VERSION", oldest first
sources() { awk '$1 ~ /^linux-source-[0-9]/ { print $1, $2 }' "$apt_dir/index" | sort -u -k2,2V; }

kernel=$(PFN_REFRESH='' recall kernel "$1") && want=$(cat "$kernel/version") || want=$1
apt_fresh "$([ -n "${PFN_REFRESH:-}" ] && echo 2 || echo 1440)"
found=$(sources | match "$want" | tail -n 1)
[ -n "$found" ] || { apt_fresh 2; found=$(sources | match "$want" | tail -n 1); }
[ -n "$found" ] || bad "no source of kernel '$want'; there are $(sources | awk '{ sub(/-.*/, "", $2); print $2 }' | uniq | tr '\n' ' ')"

read -r package version <<<"$found"
dir=$PFN_CACHE/source/$version
lock "$dir"
if [ ! -e "$dir/Makefile" ]; then
	say "fetching $package $version"
	begin "$dir"
	apt_fetch "$work/.deb" "$package=$version"
	tarball=$(echo "$work"/.deb/usr/src/linux-source-*.tar.*)
	[ -e "$tarball" ] || die "no source in $package"
	tar -C "$work" --strip-components=1 -xf "$tarball"
	rm -rf "$work/.deb"
	echo "$version" >"$work/.debian-version"
	commit "$dir"
fi
remember source "$1" "$dir"
echo "$dir"
