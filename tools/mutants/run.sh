#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh [OPTION]... KERNEL [PATCH...]   does the suite find the bugs that PATCHes put back into KVM?
#
# Builds and becomes mutants.c; --help has the options. Without --results they go to
# results/mutants-KERNEL, and a second call goes on where the first was stopped.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PFN_TOP=$(cd "$here/../.." && pwd)
export PFN_TOP PFN_CACHE=${PFN_CACHE:-$PFN_TOP/.cache}
"$PFN_TOP/tools/vm/packages.sh" host-build
# as in ../../run.sh
bin=$PFN_CACHE/bin/$(printf %s "$PFN_TOP" | sha256sum | cut -c1-16)
mkdir -p "$bin"
flock "$bin" make -s -C "$here" OUT="$bin"

results=
for ((i = 1; i <= $#; i++)); do
	case ${!i} in
	--results=*) results=${!i#*=} ;;
	--results) results=${*:i+1:1} ;;
	6.* | 7.*) kernel=${!i} ;;
	esac
done
[[ $results ]] || { results=$PFN_TOP/results/mutants-${kernel:-none} && set -- --results "$results" "$@"; }
mkdir -p "$results"
exec "$bin/mutants" "$@"
