#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The runner with a real QEMU and a real kernel, which a program that only pretends to stress it
# brings down in several ways.
. "$(dirname "$0")/../host/lib.sh"

# Real tools, but for the parts that the program is made of.
export PFN_CACHE=${PFN_CACHE%/tests/cache}
mkdir -p "$tmp/vm"
for script in fetch-kernel fetch-qemu initramfs overlay; do
	printf '#!/bin/sh\nexec %s/tools/vm/%s.sh "$@"\n' "$top" $script >"$tmp/vm/$script.sh"
done
for script in fetch-source build-lib fetch-headers; do
	printf '#!/bin/sh\necho none\n' >"$tmp/vm/$script.sh"
done
printf '#!/bin/sh\necho %s\n' "$top/tests/fake/suite/kvm-pfn-stress" >"$tmp/vm/build-suite.sh"
printf '#!/bin/sh\necho -\n' >"$tmp/vm/build-module.sh"
chmod +x "$tmp"/vm/*.sh
export PFN_VM_DIR=$tmp/vm
export PFN_BOUND_MS=40000

stress --scenario a-pass --scenario panic --scenario exits --scenario dies --scenario program-exits \
	--scenario garbage --scenario warn --scenario flood --scenario z-pass
sed 's/^/# /' "$tmp/out" "$tmp/err"

became() { # SCENARIO VERDICT [FINGERPRINT]
	local s='.scenarios[] | select(.name == "'$1'")'
	is "$(json "$s.verdict")" "$2" && is "$(json "$s.failures | last.fingerprint // \"\"")" "${3-}"
}
ok 'exits 1' is "$status" 1
ok 'pass' became a-pass pass
ok 'dies' became dies fail suite/exit/-/-
ok 'exits' became exits fail suite/exit/-/-
ok 'nothing of a flood is lost' is "$(json '.scenarios[] | select(.name == "flood").counts.injection.flood')" 19999
ok 'flood' became flood pass
ok 'garbage' became garbage pass
ok 'panic' became panic fail kernel-log/panic/-/-
ok 'program-exits' became program-exits fail suite/exit/-/-
ok 'warn' became warn fail kernel-log/warn/-/-
ok 'pass at the end' became z-pass pass
# a boot that the emulator ruined is run again, and counted
ok 'boots' is "$(json '[.boots[].end | select(. != "no-begin")] | join(" ")')" 'exited exited exited exited ended'
ok 'boots that began nothing were trouble of the host' is \
	"$(json '[.boots[] | select(.end == "no-begin")] | length')" "$(json .host_trouble)"
ok 'the console is in the card' grep -q 'sysrq: Trigger a crash' "$tmp"/results/failures/*-panic.txt
ok 'a boot to the program takes less than 15 s' eval "(( $(json '[.boots[].begin_ms] | min') < 15000 ))"

export PFN_BOUND_MS=20000
stress --scenario hang
ok 'hang' became hang fail liveness/hang/-/-
finish
