#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The LAVA job for a QEMU device, run for real by lava-run, without a server: as root, and only where
# lava-run is installed (Debian: lava-dispatcher). KERNEL=7.3 for another kernel.
. "$(dirname "$0")/../host/lib.sh"
export PFN_CACHE=${PFN_CACHE%/tests/cache}
unset PFN_VM_DIR PFN_CONFIGS PFN_BOUND_MS
vm=$top/tools/vm
ci=$top/configs/ci/lava
kernel=${KERNEL:-6.12}

why=
command -v lava-run >/dev/null || why='lava-run is not installed (apt-get install lava-dispatcher)'
((EUID == 0)) || why='lava-run needs root'
if [[ $why ]]; then
	skip 'LAVA job' "$why"
	finish
fi

k=$("$vm/fetch-kernel.sh" "$kernel") && qemu=$("$vm/fetch-qemu.sh") && base=$("$vm/initramfs.sh" "$k" - -) || exit 1

# The device: busybox, the kernel's modules, the suite as make dist packs it, a shell on the console.
root=$tmp/root
mkdir -p "$root" && (cd "$root" && cpio --quiet -id <"$base")
mkdir -p "$root"/{opt,usr/bin,var,root}
rm -rf "$root"/{bin/kvm-pfn-stress,lib/pfn_helper.ko,scenarios}
tarball=$("$top/tools/dist.sh" "$kernel") && tar -xzf "$tarball" -C "$root/opt" && rm "$tarball" || exit 1
cat >"$root/init" <<'END'
#!/bin/busybox sh
export PATH=/bin HOME=/root PS1='pfn-stress:/# '
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmpfs /tmp
mount -t debugfs debugfs /sys/kernel/debug
ln -s /proc/self/fd /dev/fd
# the console is LAVA's: the kernel says on it only what is wrong
echo 4 4 1 4 >/proc/sys/kernel/printk
cd /
exec setsid cttyhack sh
END
(cd "$root" && find . | cpio --quiet -H newc -o | gzip -1 >"$tmp/ramdisk.cpio.gz")

fill() {
	sed -e "s|@QEMU@|$qemu/qemu|; s|@KERNEL@|file://$k/vmlinuz|; s|@RAMDISK@|file://$tmp/ramdisk.cpio.gz|" "$1"
}
fill "$ci/device-qemu.yaml" >"$tmp/device.yaml"
fill "$ci/job-qemu.yaml" >"$tmp/job.in"
/usr/bin/python3 - "$tmp/job.in" "$ci/kvm-pfn-stress.yaml" >"$tmp/job.yaml" <<-'END'
	import sys, yaml
	job, definition = (yaml.safe_load(open(f)) for f in sys.argv[1:3])
	for action in job["actions"]:
	    for d in action.get("test", {}).get("definitions", []):
	        d["repository"] = definition
	print(yaml.safe_dump(job))
END
status=0
lava-run --job-id 1 --output-dir "$tmp/out" --device "$tmp/device.yaml" "$tmp/job.yaml" >"$tmp/log" 2>&1 || status=$?
cp "$tmp/log" "${PFN_LAVA_LOG:-/dev/null}"
grep -E 'case: |error|result: ' "$tmp/log" | cut -c1-200 | sed 's/^/# /' | tail -n 100

case_is() { # NAME RESULT: as a result in LAVA's log
	grep -Eq "case: $1,.*(\"result\"|result): \"?$2|\"?case\"?: \"?$1\"?,.*\"?result\"?: \"?$2" "$tmp/log"
}
ok 'lava-run ends well' is "$status" 0
all_there() {
	local file name missing=
	for file in "$top"/configs/scenarios/*.conf; do
		name=$(basename "$file" .conf)
		case_is "$name" '(pass|skip)' || missing="$missing $name"
	done
	is "$missing" ''
}
ok 'every scenario is a result of its own, and passed or skipped' all_there
ok 'measurements' grep -Eq 'anon-dontneed-faults.*measurement' "$tmp/log"
ok 'the job is complete' case_is job pass
finish
