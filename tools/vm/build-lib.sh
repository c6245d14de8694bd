#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build-lib.sh KSRC   the KVM selftests library of the kernel tree KSRC, for static programs
#
# Prints a directory with libkvm.a, cflags and ldflags (one line each, absolute paths), and tests/
# (some of upstream's own tests, static; those that do not build are left out). KSRC is not
# written to: what the library needs of it is copied. The directory is named by the kernel
# version and a hash of the tree's selftests and KVM headers, so that an edit there gives another one.
#
# Errors: exit 2 if KSRC is no kernel tree with KVM selftests, 1 if the library does not build.

. "$(dirname "$0")/lib.sh"

[ $# = 1 ] || bad "usage: build-lib.sh KSRC"
ksrc=$1
[ -d "$ksrc/tools/testing/selftests/kvm/lib" ] || bad "$ksrc is not a kernel tree with KVM selftests"
ksrc=$(cd "$ksrc" && pwd -P)
cd "$ksrc"

tests="access_tracking_perf_test demand_paging_test dirty_log_test guest_memfd_test
	kvm_page_table_test max_guest_memory_test memslot_modification_stress_test
	memslot_perf_test mmu_stress_test pre_fault_memory_test set_memory_region_test"

version=$(awk '$2 == "=" && $1 ~ /^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION)$/ { v[$1] = $3 }
	END { print v["VERSION"] "." v["PATCHLEVEL"] "." v["SUBLEVEL"] v["EXTRAVERSION"] }' Makefile)
key=$({ find tools/testing/selftests/kvm tools/testing/selftests/*.h tools/testing/selftests/lib.mk \
		include/uapi/linux/kvm.h arch/x86/include/uapi/asm/kvm.h \
		-type f \( -name '*.[chS]' -o -name 'Makefile*' -o -name '*.mk' \) -print0 |
		sort -z | xargs -0 cat; cat "$here/build-lib.sh"; } | digest)
dir=$PFN_CACHE/lib/$version-$key
! hit "$dir" || exit 0

for f in gcc make rsync; do need $f lib; done
lock "$dir"
! hit "$dir" || exit 0
say "building the KVM selftests library of $version"
begin "$dir"

# The part of the tree that the library is made of
tree=$work/tree
mkdir "$tree"
{
	for f in Makefile Kbuild Kconfig scripts include usr arch/x86 tools/include tools/arch/x86 tools/build \
		tools/scripts; do
		[ ! -e "$f" ] || echo "$f"
	done
	find tools/testing/selftests tools/lib -maxdepth 1 -type f
	find tools/testing/selftests -mindepth 2 -maxdepth 2 -name '*.h'
	for f in kvm rseq cgroup vfio; do
		[ ! -e "tools/testing/selftests/$f" ] || echo "tools/testing/selftests/$f"
	done
} | tar --exclude='*.o' --exclude='*.ko' --exclude='*.cmd' --exclude='arch/x86/boot' -T - -cf - | tar -C "$tree" -xf -
quietly "headers_install of $version" make -s -C "$tree" -j"$jobs" ARCH=x86 headers_install

# What upstream's Makefile compiles, and how
kvm=$tree/tools/testing/selftests/kvm
cat >"$work/print.mk" <<'EOF'
include Makefile
pfn-print:
	@echo 'OBJS $(LIBKVM_OBJS)'
	@echo 'CFLAGS $(CFLAGS) $(CPPFLAGS)'
EOF
make_kvm() { make -s -C "$kvm" EXTRA_CFLAGS="-ffile-prefix-map=$work=$dir" LDFLAGS="-pthread -static -no-pie" "$@"; }
quietly "reading upstream's Makefile" sh -c "make -s --no-print-directory -C '$kvm' -f '$work/print.mk' pfn-print >'$work/print'"
# without libvfio: it pulls in drivers, and no test of ours has a device
objs=$(sed -n 's/^OBJS //p' "$work/print" | tr ' ' '\n' | grep -v '/libvfio/' | xargs)
[ -n "$objs" ] || die "upstream's Makefile has no LIBKVM_OBJS"

# shellcheck disable=SC2086  # lists
quietly "building the library of $version" make_kvm -j"$jobs" LIBKVM_OBJS="$objs" $objs
mkdir "$work/tests"
targets=
for t in $tests; do
	for d in . x86 x86_64; do
		[ ! -e "$kvm/$d/$t.c" ] || targets="$targets $(realpath "$kvm/$d")/$t"
	done
done
# shellcheck disable=SC2086
make_kvm -k -j"$jobs" LIBKVM_OBJS="$objs" $targets >"$work/tests.log" 2>&1 || true
for t in $targets; do
	if [ -x "$t" ]; then
		strip -o "$work/tests/${t##*/}" "$t"
	else
		say "upstream's ${t##*/} of $version does not build"
	fi
done

cd "$kvm"
members=
override=
for o in $objs; do
	case $o in
	*string_override.o) override=$o ;;
	*) members="$members $o" ;;
	esac
done
# shellcheck disable=SC2086
ar rcs "$work/libkvm.a" $members
# The guest's memcpy and friends: named as an object, so that libc's (IFUNCs, which a guest cannot
# call) never win.
[ -z "$override" ] || cp "$override" "$work/string_override.o"

# Include paths made absolute; -I without a directory (the Makefile's -I$(<D)) dropped; -MD goes
# to whoever compiles.
sed -n 's/^CFLAGS //p' "$work/print" | awk -v dir="$kvm" -v work="$work" -v final="$dir" '
	function abs(p) { if (p !~ /^\//) p = dir "/" p; sub("^" work, final, p); return p }
	{
		for (i = 1; i <= NF; i++) {
			f = $i
			if (f == "-I" || f == "-isystem") {
				if ($(i + 1) ~ /^-/ || i == NF) continue
				f = f " " abs($(++i))
			} else if (f ~ /^-I/)
				f = "-I" abs(substr(f, 3))
			else if (f == "-MD" || f == "-MP" || f == "-g")
				continue
			printf "%s%s", sep, f
			sep = " "
		}
		print ""
	}' >"$work/cflags"
cd "$work"
rm -rf tree/scripts tree/drivers tree/include tree/usr/include/.* 2>/dev/null || true
find "$kvm" -name '*.o' -delete
for t in $targets; do rm -f "$t"; done
echo "-pthread -static -no-pie${override:+ $dir/string_override.o} $dir/libkvm.a -ldl" >"$work/ldflags"
commit "$dir"
echo "$dir"
