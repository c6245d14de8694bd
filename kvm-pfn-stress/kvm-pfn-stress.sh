#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-pfn-stress.sh [OPTION]...   all scenarios on the kernel that runs, for run_kselftest.sh and for
# devices with busybox only. Options go to the program (--duration-ms N, --scenario NAME, --seed N);
# with run_kselftest.sh they come from KSELFTEST_KVM_PFN_STRESS_SH_ARGS. --shard I/N: machine I of N runs
# every Nth scenario, and nobody talks to anybody.
#
# Makes the kernel quiet, loads KVM and the helper module, and puts everything back. What cannot
# run at all is a SKIP, exit 4; without the helper module the program skips what needs it.

here=$(cd "$(dirname "$0")" && pwd) || exit 1
dir=$here/pfn
state='' loaded=''

skip() {
	echo "TAP version 13"
	echo "1..1"
	echo "# $*"
	echo "ok 1 kvm-pfn-stress # SKIP"
	exit 4
}

# "always [never]": what stands in brackets is the value
value() { sed 's/.*\[\(.*\)\].*/\1/' "$1" 2>/dev/null; }

# quiet FILE VALUE: remembered for restore
quiet() {
	[ -w "$1" ] || return 0
	state="$state $1=$(value "$1")"
	echo "$2" >"$1" 2>/dev/null
}

restore() {
	trap '' INT TERM HUP
	for pair in $state; do
		echo "${pair#*=}" >"${pair%%=*}" 2>/dev/null
	done
	for module in $loaded; do
		rmmod "$module" 2>/dev/null || { sleep 1; rmmod "$module"; } ||
			echo "# the module $module could not be unloaded" >&2
	done
	state='' loaded=''
}

[ ! -e "$dir/not-built" ] || skip "$(cat "$dir/not-built")"
[ -x "$dir/kvm-pfn-stress" ] || skip "the program is not here: $dir/kvm-pfn-stress"
[ "$(id -u)" = 0 ] || skip "needs root"
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

[ -e /dev/kvm ] || modprobe kvm_amd 2>/dev/null || modprobe kvm_intel 2>/dev/null
[ -e /dev/kvm ] || skip "there is no /dev/kvm"
for module in kvm_amd kvm_intel; do
	[ "$(cat /sys/module/$module/refcnt 2>/dev/null || echo 0)" = 0 ] ||
		skip "a virtual machine is using KVM"
done
mount | grep ' /sys/kernel/debug ' >/dev/null || mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
if [ ! -e /sys/module/hwpoison_inject ] && modprobe hwpoison-inject 2>/dev/null; then
	loaded=hwpoison_inject
fi
if [ -e /sys/module/pfn_helper ]; then
	:
elif [ ! -e "$dir/pfn_helper.ko" ]; then
	echo "# no helper module was built: what needs it is skipped" >&2
elif insmod "$dir/pfn_helper.ko"; then
	loaded="pfn_helper $loaded"
else
	echo "# pfn_helper.ko is not for this kernel: what needs it is skipped" >&2
fi

mm=/sys/kernel/mm
quiet $mm/transparent_hugepage/enabled never
quiet $mm/transparent_hugepage/defrag never
quiet $mm/transparent_hugepage/shmem_enabled never
quiet $mm/ksm/run 0
quiet /proc/sys/kernel/numa_balancing 0
quiet /proc/sys/vm/compaction_proactiveness 0
quiet /proc/sys/debug/kprobes-optimization 0

# every Nth name; with more machines than scenarios, some take the same
pick() { # I N
	find "$dir/scenarios" -name '*.conf' | sed "s|^$dir/scenarios/||; s|\.conf\$||" | sort |
		awk -v i="$1" -v n="$2" '{ name[NR - 1] = $0 }
			END { if (i > NR) i = (i - 1) % NR + 1
			for (k = i - 1; k < NR; k += n) print "--scenario " name[k] }'
}
shard=$(echo " $*" | sed -n 's|.* --shard \([0-9]*/[0-9]*\).*|\1|p')
if [ -n "$shard" ]; then
	# shellcheck disable=SC2046  # words are what is wanted; no option of ours has blanks
	set -- $(echo " $* " | sed "s| --shard $shard | |") $(pick "${shard%/*}" "${shard#*/}")
fi

# Another seed each time, unless the options name one; the program says which.
seed=$(od -An -N3 -tu4 /dev/urandom 2>/dev/null | tr -d ' ')
"$dir/kvm-pfn-stress" --seed "${seed:-1}" --scenario-dir "$dir/scenarios" --known-issues "$dir/known-issues" "$@" &
child=$!
trap 'kill -INT $child 2>/dev/null; wait $child; exit 130' INT
trap 'kill -TERM $child 2>/dev/null; wait $child; exit 143' TERM HUP
wait $child
