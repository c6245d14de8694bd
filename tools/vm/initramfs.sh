#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# initramfs.sh KERNELDIR SUITE MODULE   the base initramfs: all that does not change between runs
#
# KERNELDIR is what fetch-kernel.sh printed; SUITE (the program kvm-pfn-stress) and MODULE
# (pfn_helper.ko) may be "-" for none. Prints the path of an uncompressed cpio archive: busybox,
# /init, the few kernel modules that are needed with their dependencies, /bin/kvm-pfn-stress,
# /lib/pfn_helper.ko, /scenarios/*.conf, /scenarios/*/*.conf and /etc/known-issues from configs/.
# PFN_GUEST_MODULES names further kernel modules to put in (loaded on demand with modprobe).
#
# The archive is named by a hash of all that goes into it.
# Errors: exit 2 if a file is missing, 1 if something fails.

. "$(dirname "$0")/lib.sh"

[ $# = 3 ] || bad "usage: initramfs.sh KERNELDIR SUITE|- MODULE|-"
kernel=$1 suite=$2 module=$3
[ -e "$kernel/release" ] || bad "$kernel is not a directory of fetch-kernel.sh"
[ "$suite" = - ] || [ -f "$suite" ] || bad "no such file: $suite"
[ "$module" = - ] || [ -f "$module" ] || bad "no such file: $module"
release=$(cat "$kernel/release")

for f in cpio modprobe xz zstd; do need $f initramfs; done
busybox=${PFN_BUSYBOX:-$(command -v busybox || true)}
if [ -z "$busybox" ] || ! "$busybox" --list 2>/dev/null | grep -x modprobe >/dev/null || ldd "$busybox" >/dev/null 2>&1; then
	"$here/packages.sh" busybox >&2
	busybox=$(command -v busybox)
fi

wanted="virtio_pci virtio_console kvm kvm-amd kvm-intel hwpoison-inject zram lzo-rle lz4 zstd ext4
	${PFN_GUEST_MODULES:-}"
configs=$(find "$top/configs/scenarios" "$top/configs/known-issues" -type f 2>/dev/null | sort)
key=$({
	echo "$kernel $release $wanted"
	stat -L -c '%n %s %Y' "$kernel/modules/modules.dep" 2>/dev/null || true
	for f in "$suite" "$module"; do if [ "$f" = - ]; then echo -; else sha256sum <"$f"; fi; done
	cat "$here/init" "$here/initramfs.sh" "$busybox"
	echo "$configs"
	[ -z "$configs" ] || xargs -d '\n' cat <<<"$configs"
} | digest)
out=$PFN_CACHE/initramfs/$release-$key/base.cpio
! hit "${out%/*}" "$out" || exit 0

lock "$out"
! hit "${out%/*}" "$out" || exit 0
begin "${out%/*}"
root=$work/root
mkdir -p "$root"/{bin,dev,etc,lib,proc,scenarios,sys,tmp,user-modules,extra}
cp "$busybox" "$root/bin/busybox"
"$busybox" --list | while read -r f; do
	[ "$f" = busybox ] || ln -s busybox "$root/bin/$f"
done
install -m 755 "$here/init" "$root/init"
[ "$suite" = - ] || install -m 755 "$suite" "$root/bin/kvm-pfn-stress"
[ "$module" = - ] || install -m 644 "$module" "$root/lib/pfn_helper.ko"
while read -r f; do
	case $f in
	*.conf)
		to=$root/scenarios/${f#*/configs/scenarios/}
		mkdir -p "${to%/*}"
		cp "$f" "$to"
		;;
	*/known-issues) cp "$f" "$root/etc/" ;;
	esac
done <<<"$configs"

# The modules that are there, with what they depend on; built in or not configured is fine.
mods=$root/lib/modules/$release
mkdir -p "$mods"
if [ -e "$kernel/modules/modules.dep" ]; then
	for m in $wanted; do
		modprobe -C /dev/null -d "$(realpath "$kernel")" -S "$release" --show-depends "$m" 2>/dev/null || true
	done | awk '$1 == "insmod" { print $2 }' | sort -u >"$work/list"
	while read -r f; do
		to=$mods/${f#*"/lib/modules/$release/"}
		mkdir -p "${to%/*}"
		case $f in
		*.ko) cp "$f" "$to" ;;
		*.ko.xz) xz -dc "$f" >"${to%.xz}" ;;
		*.ko.gz) gzip -dc "$f" >"${to%.gz}" ;;
		*.ko.zst) zstd -qdc "$f" >"${to%.zst}" ;;
		esac
	done <"$work/list"
	find "$mods" -name '*.ko' | while read -r f; do
		# a signature survives only if there is nothing to strip
		! readelf -SW "$f" 2>/dev/null | grep ' \.debug_info ' >/dev/null || strip --strip-debug "$f"
	done
fi
for f in modules.builtin modules.builtin.modinfo modules.order; do
	[ ! -e "$kernel/modules/$f" ] || cp "$kernel/modules/$f" "$mods/"
done
quietly depmod depmod -b "$root" "$release"
rm -f "$mods"/*.bin

find "$root" -exec touch -h -d @0 {} +
(cd "$root" && find . -print0 | sort -z | cpio --null --quiet --reproducible -R 0:0 -o -H newc) >"$work/base.cpio" ||
	die "cpio failed"
rm -rf "$root" "$work/list"
commit "${out%/*}"
keep "$PFN_CACHE/initramfs" 16
say "initramfs for $release: $(du -h "$out" | cut -f1)"
echo "$out"
