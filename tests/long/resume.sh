#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A lab device that dies: ./run.sh --host, on a machine that panics in the middle of its second scenario, and
# resume after it has booted again. The device is a virtual machine with the tarball of make dist, busybox and a
# disk for the results; the runner is the real one, linked statically.
#
#	tests/long/resume.sh [KERNEL]
. "$(dirname "$0")/../host/lib.sh"
export PFN_CACHE=${PFN_CACHE%/tests/cache}
unset PFN_VM_DIR PFN_CONFIGS PFN_BOUND_MS
vm=$top/tools/vm
kernel=${1:-6.12}

make -s -C "$top/tools/runner" OUT="$tmp" LDFLAGS=-static 2>"$tmp/make" || { cat "$tmp/make"; exit 1; }
tarball=$("$top/tools/dist.sh" "$kernel") && mv "$tarball" "$tmp/dist.tar.gz" || exit 1
(cd "$top" && tar -czf "$tmp/tree.tar.gz" kvm-pfn-stress configs) || exit 1
# What the runner asks for there: all of it is in the tarball.
cat >"$tmp/device.sh" <<'END'
#!/bin/busybox sh
exec >/dev/console 2>&1
mkdir -p /mnt && mount -t ext4 /dev/vda /mnt || exit
mkdir -p /top /vm "/lib/modules/$(uname -r)/build"
tar -xzf /extra/dist.tar.gz -C / && tar -xzf /extra/tree.tar.gz -C /top || exit
say() { printf '#!/bin/sh\necho %s\n' "$2" >/vm/$1.sh; chmod +x /vm/$1.sh; }
say fetch-source -
say build-lib -
say build-suite /kvm-pfn-stress/pfn/kvm-pfn-stress
say build-module /kvm-pfn-stress/pfn/pfn_helper.ko
export PFN_VM_DIR=/vm PFN_CACHE=/tmp/cache
if [ ! -e /mnt/results ]; then
	(
		until grep -qs '"running": "anon-remap"' /mnt/results/result.json; do sleep 0.2; done
		sleep 3
		echo c >/proc/sysrq-trigger
	) &
	set -- --results /mnt/results --duration-ms 24000 --seed 42 --scenario anon-dontneed --scenario anon-remap \
		--scenario pfnmap-fault
else
	set -- --resume /mnt/results
fi
/extra/runner --top /top --host --repeat 0 "$@"
echo "$?" >/mnt/status
umount /mnt
END
chmod +x "$tmp/device.sh" "$tmp/runner"
printf 'PROGRAM=/extra/device.sh\nMODPROBE="virtio_blk ext4"\n' >"$tmp/env"
: >"$tmp/args"
truncate -s 64M "$tmp/disk" && mkfs.ext4 -q "$tmp/disk" || exit 1

qemu=$("$vm/fetch-qemu.sh" 2>/dev/null)/qemu
dir=$("$vm/fetch-kernel.sh" "$kernel") && base=$(PFN_GUEST_MODULES=virtio_blk "$vm/initramfs.sh" "$dir" - -) &&
	PFN_GUEST_ENV=$tmp/env PFN_EXTRA_FILES=$(printf '%s\n' "$tmp"/{device.sh,runner,dist.tar.gz,tree.tar.gz}) \
		"$vm/overlay.sh" "$tmp/ov" "$tmp/args" >/dev/null || exit 1
cat "$base" "$tmp/ov" >"$tmp/initrd"

boot() { # NAME: the console in $tmp/NAME, what is on the disk in $tmp/NAME.d
	timeout 300 "$qemu" -nodefaults -no-user-config -no-reboot -display none \
		-M q35 -accel tcg,thread=multi -cpu max -smp 3 -m 4G -kernel "$dir/vmlinuz" -initrd "$tmp/initrd" \
		-append 'console=ttyS0 panic=-1 slab_nomerge no_timer_check' -chardev "file,id=con,path=$tmp/$1" -serial chardev:con \
		-device virtio-serial-pci -chardev "file,id=res,path=$tmp/port" \
		-device virtserialport,chardev=res,name=org.kvm-pfn-stress.results \
		-drive "file=$tmp/disk,format=raw,if=none,id=disk" -device virtio-blk-pci,drive=disk </dev/null
	mkdir "$tmp/$1.d"
	e2fsck -fy "$tmp/disk" >/dev/null 2>&1 # what mounting it would do
	debugfs -R "rdump / $tmp/$1.d" "$tmp/disk" 2>/dev/null
	sed 's/^/# /' "$tmp/$1" | tail -n 40
}
verdicts() {
	jq -r '[.scenarios[] | "\(.name):\(.verdict)", (.failures[] | select(.known == null).fingerprint)] | join(" ")' \
		"$tmp/$1.d/results/result.json"
}

boot first
ok 'it died' like "$tmp/first" 'Kernel panic - not syncing: sysrq triggered crash'
ok 'what was through is kept, what ran has its name' is \
	"$(verdicts first) $(jq -r .running "$tmp/first.d/results/result.json")" \
	'anon-dontneed:pass anon-remap:none pfnmap-fault:none anon-remap'
ok 'so does KTAP' like "$tmp/first.d/results/ktap.log" '^ok 1 anon-dontneed # time='
ok 'so do the events' like "$tmp/first.d/results/events.log" '^@scenario name=anon-remap '
boot second
ok 'the rest ran, and the one that it died in is charged' is "$(verdicts second)" \
	'anon-dontneed:pass anon-remap:fail suite/exit/-/- pfnmap-fault:pass'
ok 'exit 1' is "$(cat "$tmp/second.d/status")" 1
ok 'KTAP is whole' is "$(grep -Eo '^(not )?ok [0-9] [a-z-]+' "$tmp/second.d/results/ktap.log" | tr '\n' ' ')" \
	'ok 1 anon-dontneed not ok 2 anon-remap ok 3 pfnmap-fault '
judged() {
	"$top/run.sh" report judge "$tmp/second.d/results" >"$tmp/out" 2>/dev/null
	is "$?" 1 && is "$(jq -c '[.scenarios[].verdict]' "$tmp/second.d/results/judged/result.json")" '["pass","fail","pass"]'
}
ok 'judged again elsewhere: the same' judged
finish
