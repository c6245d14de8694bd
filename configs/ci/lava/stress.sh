#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# stress.sh DURATION_MS [SHARD]   on the device, in ci/ of what make dist made: reports to LAVA
#
# SHARD is I/N, or "group": then the machines of this multi-node job share the scenarios, each by its
# place in lava-group.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
ms=$1 shard=${2-}

if [ "$shard" = group ]; then
	i=$(lava-group | cut -f1 | sort | grep -nx "$(lava-self)" | cut -d: -f1)
	shard=$i/$(lava-group | wc -l)
fi
# The verdict is in the results; a status of our own would be a second one.
"$here/../kvm-pfn-stress.sh" --duration-ms "$ms" ${shard:+--shard "$shard"} 2>&1 | "$here/ktap-results.sh"
exit 0
