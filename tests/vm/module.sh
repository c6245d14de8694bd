#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The helper module keeps the promises of pfn_helper.h, in a VM of its own on each kernel: its selftest
# (kvm-pfn-stress/module/selftest.c), and nothing in the kernel log. All cases on one kernel; on the
# others those that depend on the kernel.
. "$(dirname "$0")/../host/lib.sh"
export PFN_CACHE=${PFN_CACHE%/tests/cache}
unset PFN_VM_DIR PFN_CONFIGS PFN_BOUND_MS
vm=$top/tools/vm

gcc -O2 -static -pthread -o "$tmp/selftest" "$top/kvm-pfn-stress/module/selftest.c" 2>"$tmp/gcc" ||
	{ cat "$tmp/gcc"; exit 1; }
printf 'PROGRAM=/extra/selftest\n' >"$tmp/env"
qemu=$("$vm/fetch-qemu.sh" 2>/dev/null)/qemu

selftest() { # KERNEL ARGUMENT...: output in $tmp/out, kernel log in $tmp/console
	local kernel dir module base
	kernel=$1
	shift
	printf '%s\n' "$@" >"$tmp/args"
	dir=$("$vm/fetch-kernel.sh" "$kernel") && module=$("$vm/build-module.sh" "$("$vm/fetch-headers.sh" "$kernel")") &&
		base=$("$vm/initramfs.sh" "$dir" - "$module") &&
		PFN_GUEST_ENV=$tmp/env PFN_EXTRA_FILES=$tmp/selftest "$vm/overlay.sh" "$tmp/ov" "$tmp/args" >/dev/null || return
	cat "$base" "$tmp/ov" >"$tmp/initrd"
	rm -f "$tmp/out" "$tmp/console"
	timeout 300 "$qemu" -nodefaults -no-user-config -no-reboot -display none \
		-M q35 -accel tcg,thread=multi -cpu max -smp 3 -m 2G -kernel "$dir/vmlinuz" -initrd "$tmp/initrd" \
		-append 'console=ttyS0 panic=-1 slab_nomerge no_timer_check' -chardev "file,id=con,path=$tmp/console" -serial chardev:con \
		-device virtio-serial-pci -chardev "file,id=res,path=$tmp/out" \
		-device virtserialport,chardev=res,name=org.kvm-pfn-stress.results </dev/null
}

quiet() { # nothing but the module's own words in the log
	! grep -E 'WARNING:|BUG:|Oops|Call Trace|stall|blocked for more' "$tmp/console" | sed 's/^/# /' | grep .
}

some=(only bad_inject inject delay script die)
for kernel in 6.12 7.3 6.1; do
	case $kernel in
	6.12) selftest $kernel only ;;
	*) selftest $kernel "${some[@]}" ;;
	esac 2>"$tmp/err"
	sed 's/^/# /' "$tmp/err" "$tmp/out"
	ok "$kernel: no case fails" is "$(grep -c '^not ok' "$tmp/out")" 0
	ok "$kernel: all cases ran" like "$tmp/out" '^@exit status=0$'
	ok "$kernel: every hook that is needed is there" is \
		"$(grep '^# hook' "$tmp/out" | grep -v ' armed$' | grep -cv kvm_arch_vcpu_pre_fault_memory)" 0
	ok "$kernel: kernel log" quiet
done
finish
