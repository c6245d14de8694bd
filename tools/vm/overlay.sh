#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# overlay.sh OUT ARGSFILE [MODDIR] [SCENARIODIR]   what differs from run to run, as a small cpio
#
# OUT is appended to the base initramfs (cat base.cpio OUT >initrd) and holds
#   /etc/pfn-args       ARGSFILE: the program's arguments, one per line
#   /etc/pfn-env        PFN_GUEST_ENV (a file): shell assignments for init, see its header
#   /etc/known-issues   PFN_KNOWN_ISSUES (a file), instead of the base's
#   /user-modules/      the modules found in MODDIR (*.ko, also compressed, also below it)
#   /scenarios/         the *.conf and */*.conf files of SCENARIODIR
#   /extra/             PFN_EXTRA_FILES (paths, one per line)
# MODDIR and SCENARIODIR may be "-" or missing. Prints OUT.
#
# Errors: exit 2 if a file is missing, 1 if something fails.

. "$(dirname "$0")/lib.sh"

case $# in 2 | 3 | 4) ;; *) bad "usage: overlay.sh OUT ARGSFILE [MODDIR|-] [SCENARIODIR|-]" ;; esac
out=$1 args=$2 moddir=${3:--} scenarios=${4:--}
[ -f "$args" ] || bad "no such file: $args"
[ "$moddir" = - ] || [ -d "$moddir" ] || bad "no such directory: $moddir"
[ "$scenarios" = - ] || [ -d "$scenarios" ] || bad "no such directory: $scenarios"
need cpio initramfs

begin "$out"
root=$work/root
mkdir -p "$root/etc"
cp "$args" "$root/etc/pfn-args"
for pair in "PFN_GUEST_ENV pfn-env" "PFN_KNOWN_ISSUES known-issues"; do
	read -r var name <<<"$pair"
	[ -n "${!var:-}" ] || continue
	[ -f "${!var}" ] || bad "$var: no such file: ${!var}"
	cp "${!var}" "$root/etc/$name"
done

if [ "$moddir" != - ]; then
	mkdir "$root/user-modules"
	found=
	while read -r f; do
		to=${f##*/}
		to=$root/user-modules/${to%%.ko*}.ko
		[ ! -e "$to" ] || bad "$moddir holds two modules of the name ${to##*/}"
		case $f in
		*.ko) cp "$f" "$to" ;;
		*.xz) xz -dc "$f" >"$to" ;;
		*.gz) gzip -dc "$f" >"$to" ;;
		*.zst) zstd -qdc "$f" >"$to" ;;
		esac
		! readelf -SW "$to" 2>/dev/null | grep ' \.debug_info ' >/dev/null || strip --strip-debug "$to"
		found=1
	done < <(find -L "$moddir" -type f \( -name '*.ko' -o -name '*.ko.xz' -o -name '*.ko.gz' -o -name '*.ko.zst' \))
	[ -n "$found" ] || bad "$moddir holds no kernel modules"
fi
if [ "$scenarios" != - ]; then
	mkdir "$root/scenarios"
	(cd "$scenarios" && find -L . -maxdepth 2 -name '*.conf' -exec cp --parents {} "$root/scenarios/" \;)
fi
if [ -n "${PFN_EXTRA_FILES:-}" ]; then
	mkdir "$root/extra"
	while IFS= read -r f; do
		[ -z "$f" ] || { [ -f "$f" ] || bad "no such file: $f"; cp "$f" "$root/extra/"; }
	done <<<"$PFN_EXTRA_FILES"
fi

(cd "$root" && find . -mindepth 1 -print0 | sort -z | cpio --null --quiet --reproducible -R 0:0 -o -H newc) \
	>"$work/overlay" || die "cpio failed"
mv -T "$work/overlay" "$out"
echo "$out"
