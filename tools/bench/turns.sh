#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In the VM: PAIRS times in turn each scenario of ours and each test of upstream's, SECONDS_EACH each, with the
# same hooks of the helper module; then faults and window hits with 1, 2 and 4 vCPUs. /extra/plan says what.
# shellcheck source=/dev/null
. /extra/plan

ours() { # SCENARIO SECONDS VCPUS
	/extra/mark 0 /bin/kvm-pfn-stress --events --scenario-dir /scenarios --duration-ms "$(($2 * 1000))" --vcpus "$3" \
		--seed "$pair" --known-issues /etc/known-issues --scenario "$1" | grep -e '^@count' -e '^@result' -e '^cost'
}

pair=1
while [ "$pair" -le "$PAIRS" ]; do
	echo "part mixed"
	for sc in $SCENARIOS; do
		ours "$sc" "$SECONDS_EACH" 2
	done
	for test in $TESTS; do
		[ "$test" != max_guest_memory_test ] || echo 520 >/proc/sys/vm/nr_hugepages
		# shellcheck disable=SC2046  # several arguments
		/extra/mark "$SECONDS_EACH" "/extra/$test" $(cat "/extra/$test.args" 2>/dev/null)
		echo 0 >/proc/sys/vm/nr_hugepages
	done
	for vcpus in 1 2 4; do
		echo "part $vcpus"
		ours anon-sweep 8 "$vcpus"
		ours anon-dontneed 6 "$vcpus"
		/extra/mark 6 /extra/memslot_modification_stress_test -v "$vcpus" -b "$((2048 / vcpus))M" -i 1000000
		/extra/demand_paging_test -v "$vcpus" -b "$((64 / vcpus))M" | grep '^Overall'
	done
	pair=$((pair + 1))
done
echo "@exit status=0"
