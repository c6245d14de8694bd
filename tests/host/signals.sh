#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Ctrl-C and SIGTERM in every phase: the exit status says so, result.json is there, and no process
# and no temporary file is left.
. "$(dirname "$0")/lib.sh"

unset PFN_BOUND_MS
build_runner

# start ARGUMENT...: in a process group of its own, as a shell would
start() {
	rm -rf "$tmp/results" "$PFN_CACHE/fake/slow"
	set -m
	"$top/run.sh" --results "$tmp/results" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	set +m
}

until_true() {
	for _ in $(seq 100); do
		! "$@" 2>/dev/null || return 0
		sleep 0.1
	done
	echo "# never: $*"
	return 1
}

clean() {
	nobody 'sleep 61.7' && nobody tests/fake/qemu/qemu && nobody "$bin/runner" &&
		! ls -d "$PFN_CACHE"/run.* 2>/dev/null
}

ended() { # EXIT VERDICTS
	local status=0 begin=$SECONDS
	wait "$pid" || status=$?
	is "$status" "$1" && clean && ((SECONDS - begin < 6)) &&
		is "$(json .interrupted)" true && is "$(json .exit)" "$1" &&
		is "$(json '[.scenarios[].verdict] | join(" ")')" "$2"
}

in_build() { # SIGNAL EXIT SCRIPT GROUP
	export FAKE_SLOW=$3
	start --scenario pass
	until_true [ -e "$PFN_CACHE/fake/slow" ]
	kill "-$1" -- "$4$pid"
	unset FAKE_SLOW
	ended "$2" none
}
for script in fetch-kernel.sh build-lib.sh build-module.sh initramfs.sh fetch-qemu.sh; do
	ok "SIGTERM in $script" in_build TERM 143 $script ''
	ok "Ctrl-C in $script" in_build INT 130 $script -
done
ok 'SIGHUP in build-suite.sh' in_build HUP 129 build-suite.sh ''

in_overlay() {
	export FAKE_SLOW=overlay.sh
	start --scenario pass
	until_true [ -e "$PFN_CACHE/fake/slow" ]
	kill "-$1" "$pid"
	unset FAKE_SLOW
	ended "$2" skip
}
ok 'SIGTERM before the boot' in_overlay TERM 143

in_boot() { # SIGNAL EXIT
	start --scenario no-begin
	until_true grep -q 'Linux version' "$tmp/results/console.log"
	kill "-$1" "$pid"
	ended "$2" skip
}
ok 'SIGINT while it boots' in_boot INT 130
ok 'SIGTERM while it boots' in_boot TERM 143

in_run() { # SIGNAL EXIT
	start --scenario hang --scenario fail --scenario pass-own
	until_true grep -q '^@scenario name=hang' "$tmp/results/events.log"
	kill "-$1" "$pid"
	ended "$2" 'fail skip skip' && like "$tmp/out" '^not ok 1 fail' &&
		is "$(grep -Ec '^(not )?ok' "$tmp/out")" 3
}
ok 'SIGINT while it runs: earlier results are kept' in_run INT 130
ok 'SIGTERM while it runs: earlier results are kept' in_run TERM 143

in_poweroff() {
	start --scenario no-poweroff
	until_true grep -q '^@end' "$tmp/results/events.log"
	sleep 0.5
	kill -TERM "$pid"
	ended 143 pass
}
ok 'SIGTERM while it powers off' in_poweroff

killed() {
	start --scenario hang
	until_true grep -q '^@scenario name=hang' "$tmp/results/events.log"
	kill -KILL "$pid"
	wait "$pid"
	nobody tests/fake/qemu/qemu && [[ -d $(ls -d "$PFN_CACHE"/run.*) ]] || return
	start --scenario pass
	wait "$pid"
	clean
}
ok 'SIGKILL of the runner takes QEMU along, the next run cleans up' killed

# Packages and the build of the runner come before it; they are children of run.sh.
in_first_build() { # SIGNAL EXIT GROUP
	local status=0 tree=$tmp/slow-tree
	mkdir -p "$tree/tools/vm" "$tree/tools/runner"
	cp "$top/run.sh" "$tree/"
	printf '#!/bin/sh\ntouch %s; sleep 61.7 & wait\n' "$tmp/in-packages" >"$tree/tools/vm/packages.sh"
	chmod +x "$tree/tools/vm/packages.sh"
	rm -f "$tmp/in-packages"
	set -m
	# in the background of a script SIGINT is ignored, and a shell can't trap what was when it began
	PFN_CACHE=$tmp/slow-cache env --default-signal "$tree/run.sh" >"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	set +m
	until_true [ -e "$tmp/in-packages" ]
	kill "-$1" -- "$3$pid"
	wait "$pid" || status=$?
	is "$status" "$2" && nobody 'sleep 61.7'
}
ok 'SIGTERM while packages are installed' in_first_build TERM 143 ''
ok 'Ctrl-C while packages are installed' in_first_build INT 130 -

broken() {
	FAKE_BROKEN=$1 stress --scenario pass
	is "$status" 1 && like "$tmp/err" "$1: broken on purpose" && is "$(json .verdict)" fail &&
		like "$tmp/results/result.json" "\"error\": \"$1.* failed\""
}
for script in fetch-kernel.sh build-suite.sh overlay.sh; do
	ok "$script that fails" broken $script
done
finish
