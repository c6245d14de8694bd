#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build-kvm.sh VERSION-PREFIX [PATCH...]   kvm.ko and kvm-amd.ko with PATCHes, for Debian's kernel
#
# Prints a directory with the modules, for overlay.sh's MODDIR. A PATCH is a *.patch or *.diff
# (patch -p1 from the top of the kernel tree) or a *.cocci (spatch, on the files that a line
# "// Files: virt/kvm/kvm_main.c ..." in it names, where they exist). It may touch arch/x86/kvm, virt/kvm and KVM's
# headers. kvm-intel.ko is built as well where the CPU is Intel's, or with PFN_KVM_INTEL=1.
#
# A pristine tree is built once per kernel (half a minute) and copied to the same place for each
# set of patches, so that make compiles what a patch touches and no more.
#
# Errors: exit 2 for a bad argument, 1 for a patch that does not apply or build.

. "$(dirname "$0")/lib.sh"

[ $# -ge 1 ] || bad "usage: build-kvm.sh VERSION-PREFIX [PATCH...]"
prefix=$1
shift
check_prefix "$prefix"
for p in "$@"; do
	[ -f "$p" ] || bad "no such patch: $p"
	case $p in
	*.patch | *.diff) need patch kvm ;;
	*.cocci)
		need spatch cocci
		grep -q '^// Files: ' "$p" || bad "$p has no line '// Files: ...'"
		;;
	*) bad "$p is neither *.patch, *.diff nor *.cocci" ;;
	esac
done
for f in make gcc; do need $f kvm; done

kernel=$("$here/fetch-kernel.sh" "$prefix")
version=$(cat "$kernel/version")
intel=${PFN_KVM_INTEL:-$(grep -swm1 -o vmx /proc/cpuinfo || true)}
recipe=$({ cat "$here/build-kvm.sh"; echo "$intel"; } | digest)
base=$PFN_CACHE/kvm/$version-$recipe
key=$(for p in "$@"; do echo "${p##*.}"; cat "$p"; done | digest)
out=$base/out-$key
! hit "$out" || exit 0

kdir=$("$here/fetch-headers.sh" "$prefix")
args=()
[ ! -e "$kdir/make.args" ] || mapfile -t args <"$kdir/make.args"
[ -n "$intel" ] || args+=(CONFIG_KVM_INTEL=)

lock "$base"
! hit "$out" || exit 0
# All builds happen here, one at a time: kbuild compares command lines, and they name this path.
tree=$base/tree

make_kvm() { make -s -C "$kdir" M="$tree/arch/x86/kvm" -j"$jobs" "${args[@]}" modules; }

if [ ! -e "$base/pristine" ]; then
	src=$("$here/fetch-source.sh" "$prefix")
	[ "$(cat "$src/.debian-version")" = "$version" ] ||
		die "the source at hand is $(cat "$src/.debian-version"), the kernel is $version; PFN_REFRESH=1 fetches both anew"
	say "building KVM of $version once"
	rm -rf "$tree"
	mkdir -p "$tree/trace/include"
	(cd "$src" && find arch/x86/kvm virt/kvm include/linux/kvm*.h include/trace/events/kvm.h \
		include/uapi/linux/kvm*.h arch/x86/include/asm/kvm*.h arch/x86/include/asm/svm.h \
		arch/x86/include/asm/vmx.h arch/x86/include/uapi/asm/kvm*.h -type f -print0 |
		tar --null -T - -cf -) | tar -C "$tree" -xf -
	# Its own headers first; trace.h is looked for two levels below the top; no debug information
	sed -i "s,\$(srctree)/,$tree/,g" "$tree/arch/x86/kvm/Makefile"
	[ ! -e "$tree/virt/kvm/Makefile.kvm" ] || sed -i "s,\$(srctree)/,$tree/,g" "$tree/virt/kvm/Makefile.kvm"
	{
		echo "LINUXINCLUDE := -I$tree/arch/x86/include -I$tree/arch/x86/include/uapi -I$tree/include" \
			"-I$tree/include/uapi -I$tree/trace/include \$(LINUXINCLUDE)"
		echo "ccflags-y += -g0"
		cat "$tree/arch/x86/kvm/Makefile"
	} >"$tree/Makefile.new"
	mv "$tree/Makefile.new" "$tree/arch/x86/kvm/Makefile"
	quietly "building KVM of $version" make_kvm
	begin "$base/pristine"
	cp -a "$tree/." "$work/"
	commit "$base/pristine"
	keep "$PFN_CACHE/kvm" 8
fi
touch -c "$base"

# apply PATCH: to the tree
apply() {
	local f changed=
	case $1 in
	*.cocci)
		# shellcheck disable=SC2013  # words, not lines
		for f in $(sed -n 's,^// Files: ,,p' "$1"); do
			[ -f "$tree/$f" ] || continue # a file that this version does not have
			cp -p "$tree/$f" "$tree/before"
			(cd "$tree" && spatch --very-quiet --sp-file "$1" --in-place "$f") >"$base/log" 2>&1 ||
				{ tail -n 5 "$base/log" >&2; die "$1 does not apply to $version"; }
			cmp -s "$tree/before" "$tree/$f" || changed=1
			rm -f "$tree/before"
		done
		[ -n "$changed" ] || die "$1 changes nothing in KVM of $version"
		;;
	*)
		patch -d "$tree" -p1 --batch --forward --no-backup-if-mismatch <"$1" >"$base/log" 2>&1 ||
			{ tail -n 5 "$base/log" >&2; die "$1 does not apply to $version"; }
		;;
	esac
}

rm -rf "$tree"
cp -a "$base/pristine" "$tree"
if [ $# -gt 0 ]; then
	say "building KVM of $version with $(basename -a "$@" | xargs)"
	for p in "$@"; do
		apply "$(realpath "$p")"
	done
	quietly "building KVM with $(basename -a "$@" | xargs)" make_kvm
fi
begin "$out"
cp "$tree"/arch/x86/kvm/*.ko "$work/"
strip --strip-debug "$work"/*.ko
commit "$out"
rm -rf "$tree"
echo "$out"
