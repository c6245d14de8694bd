#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In the VM: PAIRS times in turn each scenario of ours and each test of upstream's, SECONDS each, with the
# same hooks of the helper module. /extra/plan says what.
# shellcheck source=/dev/null
. /extra/plan
pair=1
while [ "$pair" -le "$PAIRS" ]; do
	for sc in $SCENARIOS; do
		echo "pair $pair"
		/bin/kvm-pfn-stress --events --scenario-dir /scenarios --duration-ms "$((SECONDS_EACH * 1000))" \
			--seed "$pair" --known-issues /etc/known-issues --scenario "$sc" | grep -e '^@count' -e '^@result'
	done
	for test in $TESTS; do
		echo "pair $pair"
		# shellcheck disable=SC2046  # several arguments
		/extra/mark "$SECONDS_EACH" "/extra/$test" $(cat "/extra/$test.args" 2>/dev/null)
	done
	pair=$((pair + 1))
done
echo "@exit status=0"
