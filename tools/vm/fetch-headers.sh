#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# fetch-headers.sh VERSION-PREFIX   headers of the kernel that fetch-kernel.sh gives
# fetch-headers.sh PATH             a kernel build tree is its own; that of a bzImage is the tree
#                                   around it, or `build` in PFN_KERNEL_MODULES
#
# Prints a directory KDIR for `make -C KDIR M=...`. A file make.args in it holds further arguments
# for make, one per line (the compiler; what Debian's compiler knows and this one does not). Where
# Debian built its tools (modpost, objtool, ...) for a newer C library than this machine has, they
# are rebuilt once from the source.
#
# Errors: exit 2 for a version that is not there, 1 if the mirror or the build fails.

. "$(dirname "$0")/lib.sh"

[ $# = 1 ] || bad "usage: fetch-headers.sh VERSION-PREFIX|PATH"
case $1 in
*/*)
	tree=$1
	[ -e "$tree" ] || bad "no such file or directory: $1"
	if [ ! -d "$tree" ]; then
		tree=$(dirname "$(realpath "$tree")")
		case $tree in
		*/arch/*/boot) tree=$tree/../../.. ;;
		*) tree=${PFN_KERNEL_MODULES:-/nonexistent}/build ;;
		esac
	fi
	[ -e "$tree/Module.symvers" ] || [ -e "$tree/include/config/auto.conf" ] ||
		bad "no kernel tree that was built stands behind $1"
	cd "$tree" && pwd -P
	exit
	;;
esac
check_prefix "$1"
kernel=$("$here/fetch-kernel.sh" "$1")
release=$(cat "$kernel/release")
version=$(cat "$kernel/version")
dir=$PFN_CACHE/headers/$version
kdir=$dir/usr/src/linux-headers-$release
if [ -e "$kdir/make.args" ]; then
	# The Makefile has absolute paths: a cache that was copied would build in the one it comes from,
	# and overwrite what make finds here.
	grep -qF "$dir/usr/src/" "$kdir/Makefile" ||
		sed -i "s,[^ =]*/headers/[^/]*/usr/src/,$dir/usr/src/,g" "$kdir/Makefile"
	echo "$kdir"
	exit
fi

for f in make gcc; do need $f module; done

# runs FILE: all the libraries that FILE asks for are here
runs() { ! ldd "$1" 2>&1 | grep 'not found' >/dev/null; }

# strangers DIR: programs below DIR that this machine cannot run
strangers() {
	find "$1" -type f -perm -100 | while read -r f; do
		[ "$(head -c 4 "$f" | tail -c 3)" != ELF ] || runs "$f" || echo "$f"
	done
}

# rebuild_tools KBUILD LIST: build the programs of LIST from source and put them in place
rebuild_tools() {
	local kbuild=$1 src out f name rel
	for f in flex bison bc libelf.h openssl/ssl.h; do need $f module; done
	src=$("$here/fetch-source.sh" "$prefix")
	say "rebuilding the build tools of $version for this machine"
	out=$work/tools-build
	mkdir "$out"
	sed 's/^\(CONFIG_[A-Z_]*KEYS\?\)=".*"/\1=""/; s/^CONFIG_DEBUG_INFO_BTF\(_MODULES\)\?=.*/CONFIG_DEBUG_INFO_BTF\1=n/' \
		"$work/usr/src/linux-headers-$release/.config" >"$out/.config"
	quietly "configuring $version" make -s -C "$src" O="$out" olddefconfig
	quietly "building the tools of $version" make -s -C "$src" O="$out" -j"$jobs" modules_prepare
	for f in $2; do
		# Debian has scripts that choose among modpost.real-lsb-64, objtool.real-x86 and so on
		name=${f%.real-lsb-64}
		name=${name%.real-x86}
		rel=${name#"$kbuild"/}
		case $rel in
		*.real-*) continue ;;
		tools/bpf/resolve_btfids/*)
			mkdir -p "$out/${rel%/*}"
			quietly "building resolve_btfids" make -s -C "$src/tools/bpf/resolve_btfids" \
				O="$out/${rel%/*}" OUTPUT="$out/${rel%/*}/"
			;;
		esac
		[ -e "$out/$rel" ] || die "rebuilding $rel for this machine gave nothing"
		rm -f "$name"
		cp "$out/$rel" "$name"
	done
	rm -rf "$out"
}

prefix=$1
lock "$dir"
[ ! -e "$kdir/make.args" ] || { echo "$kdir"; exit; }
[ -e "$apt_dir/index" ] || apt_fresh 1440
abi=${release%-amd64}
packages() {
	awk -v v="$version" -v r="$release" -v abi="$abi" '
		$2 == v && ($1 == "linux-headers-" r || $1 == "linux-headers-" abi "-common" ||
			    $1 == "linux-kbuild-" abi || ($1 ~ /^linux-kbuild-[0-9]+\.[0-9]+$/ && index(v, substr($1, 14) ".") == 1)) {
			print $1 "=" $2 }' "$apt_dir/index" | sort -u
}
list=$(packages)
[ "$(wc -w <<<"$list")" = 3 ] || { apt_fresh 2; list=$(packages); }
[ "$(wc -w <<<"$list")" = 3 ] ||
	bad "Debian no longer has the headers of $release ($version); PFN_REFRESH=1 takes the newest kernel of the series"
say "fetching the headers of $release"
begin "$dir"
# shellcheck disable=SC2086  # a list of packages
apt_fetch "$work" $list
k=$work/usr/src/linux-headers-$release
sed -i "s,/usr/src/,$dir/usr/src/,g" "$k/Makefile"
kbuild=$(realpath "$k/scripts/..")
kbuild=${kbuild%/scripts}
[ -d "$kbuild/scripts" ] || kbuild=$(dirname "$(realpath "$k/scripts")")
bad_tools=$(strangers "$kbuild")

# The compiler: Debian's own version of it if it is here
cc=$(sed -n 's/^CC = .*\(gcc-[0-9]*\)$/\1/p' "$k/.kernelvariables")
args=
if ! command -v "x86_64-linux-gnu-$cc" >/dev/null 2>&1; then
	cc=gcc
	args="CC=gcc"
	config() { grep -q "^$1=y" "$k/.config"; }
	# what newer compilers than this one can do
	! config CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT || gcc -fmin-function-alignment=16 -x c -c -o /dev/null /dev/null 2>/dev/null ||
		args="$args
CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT="
fi
# BTF of modules needs pahole and a vmlinux that fits; nobody reads it
args="${args:+$args
}CONFIG_DEBUG_INFO_BTF_MODULES="
[ -z "$bad_tools" ] || rebuild_tools "$kbuild" "$bad_tools"
echo "$args" >"$k/make.args"
commit "$dir"
echo "$kdir"
