#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# In the VM, in the place of the suite: upstream's KVM selftests, each for its share of the time, over and
# over. Says what the suite would say (docs/architecture.md), so that the runner judges both alike: a test
# fails by its exit status, and the kernel by its log.

duration=60000 names=''
while [ $# -gt 0 ]; do
	case $1 in
	--duration-ms) duration=$2 && shift ;;
	--scenario) names="$names $2" && shift ;;
	esac
	shift
done
# shellcheck disable=SC2086  # a list
set -- $names
slot=$((duration / 1000 / $#))
[ $slot -gt 0 ] || slot=1

now_ms() { awk '{ print int($1 * 1000) }' /proc/uptime; }
splats() { dmesg | grep -Ec 'WARNING: |BUG: |kernel BUG|Oops|general protection|rcu_.*stall|Bad page'; }
failure() { # NAME ORACLE RULE GOT
	echo "@failure scenario=$1 oracle=$2 rule=$3 expected=pass got=$4 t_ms=$(($(now_ms) - begun)) count=1 fingerprint=$2/$3/-/-/$1"
}
arguments() {
	case $1 in
	demand_paging_test) echo "-v 2 -b 64M" ;;
	memslot_modification_stress_test) echo "-v 2 -i 2000" ;;
	access_tracking_perf_test | dirty_log_perf_test) echo "-v 2 -b 64M" ;;
	memslot_perf_test) echo "-l 1" ;;
	esac
}

echo "@begin version=1 kernel=$(uname -r) seed=0 taint=0 scenarios=$# vcpus=2 cpus=$(nproc) budget_ms=$duration"
i=0
for name in "$@"; do
	begun=$(now_ms)
	before=$(splats)
	verdict=pass runs=0 reason=''
	echo "@scenario name=$name index=$i budget_ms=$((slot * 1000))"
	i=$((i + 1))
	while left=$((slot - ($(now_ms) - begun) / 1000)) && [ $left -gt 0 ] && [ $verdict = pass ]; do
		status=0
		# shellcheck disable=SC2046  # a list of arguments
		timeout -s KILL $left "/extra/$name" $(arguments "$name") >/tmp/log 2>&1 || status=$?
		runs=$((runs + 1))
		case $status in
		0) ;;
		4) verdict=skip reason=skipped_itself ;;
		137) [ $runs -gt 1 ] || reason=not_done_in_its_time ;;
		*)
			verdict=fail
			tail -n 5 /tmp/log >/dev/console
			failure "$name" selftest exit "$status"
			;;
		esac
	done
	if [ "$(splats)" != "$before" ]; then
		verdict=fail
		failure "$name" kernel-log splat "$(($(splats) - before))"
	fi
	echo "@result scenario=$name verdict=$verdict ms=$(($(now_ms) - begun)) faults=0 injections=$runs hits=0 known=0 reason=$reason"
	[ $verdict != fail ] || break
done
echo "@end verdict=pass"
