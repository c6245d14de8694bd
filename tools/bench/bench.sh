#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bench.sh [KERNEL]: our scenarios beside upstream's tests, in one VM, in turn, counted by the same hooks.
# Writes docs/benchmarks.md. PAIRS (default 3), SECONDS_EACH (8), SCENARIOS and TESTS may be set.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
vm=$top/tools/vm
export PFN_CACHE=${PFN_CACHE:-$top/.cache}
kernel=${1:-6.12}
SCENARIOS=${SCENARIOS:-anon-dontneed anon-remap mixedmap memslot}
TESTS=${TESTS:-memslot_modification_stress_test max_guest_memory_test memslot_perf_test
	access_tracking_perf_test set_memory_region_test demand_paging_test}
out=${OUT:-$top/docs/benchmarks.md}
tmp=$(mktemp -d) || exit
trap 'rm -rf "$tmp"' EXIT

dir=$("$vm/fetch-kernel.sh" "$kernel") && qemu=$("$vm/fetch-qemu.sh")/qemu &&
	lib=$("$vm/build-lib.sh" "$("$vm/fetch-source.sh" 6.1)") && suite=$("$vm/build-suite.sh" "$lib") &&
	theirs=$("$vm/build-lib.sh" "$("$vm/fetch-source.sh" 6.12)") &&
	module=$("$vm/build-module.sh" "$("$vm/fetch-headers.sh" "$kernel")") &&
	base=$("$vm/initramfs.sh" "$dir" "$suite" "$module") || exit
gcc -O2 -static -o "$tmp/mark" "$top/tools/bench/mark.c" || exit
gcc -I"$top/kvm-pfn-stress" -o "$tmp/size" "$top/tools/bench/size.c" || exit

# They run for ever, or as long as they need; two vCPUs, as ours. The larger ones are made small enough to get past
# their setup under emulation; each slot of max_guest_memory_test is one GiB at least, so of huge pages.
echo "-v 2 -i 1000000" >"$tmp/memslot_modification_stress_test.args"
echo "-v 2 -b 256M" >"$tmp/access_tracking_perf_test.args"
echo "-v 2 -b 32M" >"$tmp/demand_paging_test.args"
echo "-c 2 -m 1 -s 1 -H" >"$tmp/max_guest_memory_test.args"
echo "-s 100 -l 5 -f 2 -e 2" >"$tmp/memslot_perf_test.args"
printf 'SCENARIOS="%s"\nTESTS="%s"\nPAIRS=%s\nSECONDS_EACH=%s\n' "$SCENARIOS" "$TESTS" "${PAIRS:-3}" \
	"${SECONDS_EACH:-8}" >"$tmp/plan"
echo PROGRAM=/extra/turns.sh >"$tmp/env"
: >"$tmp/args"
files=$(printf '%s\n' "$tmp/mark" "$tmp/plan" "$top/tools/bench/turns.sh" "$tmp"/*.args
	for t in $TESTS; do echo "$theirs/tests/$t"; done)
PFN_GUEST_ENV=$tmp/env PFN_EXTRA_FILES=$files "$vm/overlay.sh" "$tmp/ov" "$tmp/args" - "$top/configs/scenarios" >/dev/null || exit
cat "$base" "$tmp/ov" >"$tmp/initrd"
cpus=$(nproc)
load=$(cut -d' ' -f1 /proc/loadavg)
timeout "${TIMEOUT:-900}" "$qemu" -nodefaults -no-user-config -no-reboot -display none -M q35 \
	-accel tcg,thread=multi -cpu max -smp 3 -m 4G -kernel "$dir/vmlinuz" -initrd "$tmp/initrd" \
	-append 'console=ttyS0 panic=-1 slab_nomerge no_timer_check' -chardev "file,id=con,path=$tmp/console" -serial chardev:con \
	-device virtio-serial-pci -chardev "file,id=res,path=$tmp/out" \
	-device virtserialport,chardev=res,name=org.kvm-pfn-stress.results </dev/null
[[ ! ${KEEP:-} ]] || cp "$tmp/out" "$tmp/console" "$KEEP/"
grep -q '^@exit status=0' "$tmp/out" || { echo "bench.sh: the VM did not come to its end" >&2; exit 1; }
awk -v kernel="$(cat "$dir/release")" -v cpus="$cpus" -v load="$load" -v pairs="${PAIRS:-3}" \
	-v each="${SECONDS_EACH:-8}" -v bytes="$("$tmp/size")" -f "$top/tools/bench/table.awk" \
	"$tmp/out" >"$tmp/md" && cp "$tmp/md" "$out" && echo "$out"
