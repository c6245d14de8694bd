#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Errors made on purpose by the helper module (tests/vm/scenarios): each turns its oracle red, with the same
# fingerprint in two runs, and what comes after it is judged as if nothing had been. What only a bug of
# KVM can show (outcome, poison, content, resources) is in mutants.sh.
. "$(dirname "$0")/../host/lib.sh"
export PFN_CACHE=${PFN_CACHE%/tests/cache}
unset PFN_VM_DIR PFN_BOUND_MS
mkdir -p "$tmp/configs"
ln -s "$top/tests/vm/scenarios" "$tmp/configs/scenarios"
cp "$top/configs/known-issues" "$tmp/configs/"
export PFN_CONFIGS=$tmp/configs

# became SCENARIO FINGERPRINT ORACLE...: it failed with this one, and no other oracle spoke; but a
# fingerprint in parentheses may be there as well
became() {
	local s='.scenarios[] | select(.name == "'$1'")' fingerprint=$2 failures may=
	shift 2
	[[ $1 != \(* ]] || { may=${1:1:-1}; shift; }
	failures=$(json "$s.failures[] | select((.known // \"\") == \"\").fingerprint" | grep -vxF -- "${may:--}")
	is "$(json "$s.verdict")" fail &&
		is "$(grep -cxF -- "$fingerprint" <<<"$failures")" 1 &&
		is "$(cut -d/ -f1 <<<"$failures" | sort -u | xargs)" "$*"
}

for seed in 1 2; do
	with=()
	for conf in "$top"/tests/vm/scenarios/*.conf; do
		name=$(basename "$conf" .conf)
		# half a minute of it is enough once
		[[ $seed$name = 2break-hung ]] || with+=(--scenario "$name")
	done
	status=0
	rm -rf "$tmp/results"
	"$top/run.sh" --repeat 0 --duration 18s --results "$tmp/results" --seed $seed "${with[@]}" >"$tmp/out" 2>"$tmp/err" || status=$?
	sed 's/^/# /' "$tmp/out" "$tmp/err"
	ok "seed $seed: exits 1" is $status 1
	ok "seed $seed: canary" became break-canary canary/retired-page-written/mixedmap/- canary
	ok "seed $seed: canary of a stale mapping" became break-stale canary/retired-page-written/pfnmap-fault/- canary
	ok "seed $seed: leak, mixedmap" became break-leak-mixedmap refcount/reference-leak/mixedmap/- refcount
	ok "seed $seed: leak, pfnmap" became break-leak-pfnmap refcount/reference-leak/pfnmap-remap/- refcount
	ok "seed $seed: leak, anonymous" became break-leak-anon refcount/reference-leak/anon/- refcount
	ok "seed $seed: underflow, pfnmap" became break-underflow refcount/reference-underflow/pfnmap-remap/- refcount
	ok "seed $seed: warning" became break-warn kernel-log/warn/-/-/pfnh_break kernel-log
	# the watchdog may see the dead thread before the kernel log ends the scenario
	ok "seed $seed: oops" became break-oops kernel-log/oops/-/-/pfnh_break '(liveness/break-dies/-/-)' kernel-log resources
	ok "seed $seed: panic" became break-panic kernel-log/panic/-/- kernel-log
	if ((seed == 1)); then
		ok "seed $seed: sleeps" became break-hung liveness/break-sleeps/-/- liveness
		ok "seed $seed: cannot be killed" became break-hung liveness/unkillable/-/- liveness
		ok "seed $seed: boots" is "$(json '[.boots[].end] | join(" ")')" 'reboot exited ended'
	fi
	ok "seed $seed: nothing was broken" is "$(json '.scenarios[] | select(.name == "nothing-broken").verdict')" pass
done
finish
