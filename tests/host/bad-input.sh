#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Bad input: one clear line on standard error, exit 2, and no trace of it.
. "$(dirname "$0")/lib.sh"

# Nothing may be built or fetched: the cache must not even come into being.
export PFN_CACHE=$tmp/cache
mkdir -p "$tmp/full/x" "$tmp/empty" "$tmp/tree" "$tmp/no-scenarios/scenarios"
echo '{}' >"$tmp/full/result.json"
echo text >"$tmp/file"

refused() { # REGEX ARGUMENT...
	local regex=$1 before after
	shift
	rm -rf "$tmp/results"
	before=$(find "$top" "$tmp" -maxdepth 1 ! -name out ! -name err | sort)
	run "$@"
	after=$(find "$top" "$tmp" -maxdepth 1 ! -name out ! -name err | sort)
	is "$status" 2 && is "$(wc -l <"$tmp/err")" 1 && is "$(wc -c <"$tmp/out")" 0 &&
		like "$tmp/err" "$regex" && is "$after" "$before"
}

check() { # REGEX ARGUMENT...
	local regex=$1
	shift
	ok "$(printf '%s' "$*" | tr '#\n' '  ' | sed "s|$tmp|TMP|g")" refused "$regex" "$@"
}

check "unknown option '--foo'" --foo
check "unknown option '-x'" -x
check "unknown command 'stress'" stress
check "unknown command 'extra'" run extra
check "unknown command ''" ''
check "unknown option '--'" --
for d in 0 0s 60x -1 -5m 1.5h '' ' 5' 5s5 99999999999s 31d 1000000h s 1e3 0x10; do
	check '--duration: expected' --duration "$d"
done
check '--duration: expected' --duration=0
check '--duration: expected a value' --duration
check '--seed: expected a value' --duration 10s --seed
for o in scenario kernel kernel-modules modules ksrc accel vcpus memory seed shard results; do
	check "^run.sh: --$o: expected a value" "--$o="
done
check "no scenario matches 'nope'.*--list" --scenario nope
check "no scenario matches 'nope\*'.*--list" --scenario pass --scenario 'nope*'
check "no scenario matches '../pass'" --scenario ../pass
check "no scenario matches 'pass.conf'" --scenario pass.conf
check "got 'nonsense'" --kernel nonsense
check 'got' --kernel "$tmp/missing"
check 'no arch/x86/boot/bzImage' --kernel "$tmp/tree"
check 'no such directory' --kernel "$tmp/file" --kernel-modules "$tmp/missing"
check 'expected a bzImage' --kernel-modules "$tmp/empty"
check 'no such directory' --modules "$tmp/missing"
check 'no such directory' --modules "$tmp/file"
check 'no kernel modules' --modules "$tmp/empty"
check 'no such directory' --ksrc "$tmp/missing"
check 'no kernel source tree' --ksrc "$tmp/tree"
check 'expected kvm or tcg' --accel hvf
for n in 0 9 -1 two 1.5 99999999999999999999; do
	check '--vcpus: expected a number from 1 to 8' --vcpus "$n"
done
for m in 0 4T 1 1023M -4G 2000G 99999999999999999999G G; do
	check '--memory: expected' --memory "$m"
done
for s in 0 -1 abc 0x10 1000000000000000000 99999999999999999999999; do
	check '--seed: expected a number' --seed "$s"
done
for s in 0/4 5/4 4 1/ /4 a/b 1/0 -1/4 1/4/2 ''; do
	check '--shard: expected' --shard "$s"
done
check 'is not empty' --results "$tmp/full"
check 'is no directory' --results "$tmp/file"
check 'expected a results directory' replay
check 'no such directory' replay "$tmp/missing"
check 'holds no result.json' replay "$tmp/empty"
check 'expected a results directory' resume
check 'no such directory' resume "$tmp/missing"
check 'holds no result.json' resume "$tmp/empty"
check 'expected a number from 0 to 999' --repeat many
check "unknown option '--foo'" replay "$tmp/full" --foo
check '--host runs the kernel that is running' --host --kernel 6.12
PFN_CONFIGS=$tmp/no-scenarios check 'there are no scenarios' --duration 10s

# What only the runner can tell: still exit 2, one line, and no results.
export PFN_CACHE=$top/.cache/tests/cache
build_runner
mkdir -p "$tmp/configs/scenarios"
cp "$PFN_CONFIGS/known-issues" "$tmp/configs/"
cp "$PFN_CONFIGS/scenarios/pass.conf" "$tmp/configs/scenarios/"
broken() { # FILE TEXT
	printf '%b' "$2" >"$tmp/configs/$1"
}
check_broken() { # NAME REGEX
	ok "$1" eval "PFN_CONFIGS=$tmp/configs refused '$2' --duration 10s --results '$tmp/results' && [[ ! -e $tmp/results ]]"
}
broken scenarios/bad.conf 'describe = x\nregions = anonymous\n'
check_broken 'broken scenario' 'scenarios/bad.conf:2: expected the name of a known backing'
ok 'broken scenario that is not asked for' eval \
	"PFN_CONFIGS=$tmp/configs stress --scenario pass; is \$status 0"
rm "$tmp/configs/scenarios/bad.conf"
broken known-issues '[X]\nfingerprint = *\n'
check_broken 'broken known issues' 'known-issues:2: expected oracle/rule/backing'
cp "$PFN_CONFIGS/known-issues" "$tmp/configs/"
ok 'no such kernel' refused "no kernel '9.9'" --kernel 9.9 --results "$tmp/results"
ok 'no such kernel leaves no results' [ ! -e "$tmp/results" ]
ok 'replay of what is no result' refused 'expected a result.json of version' replay "$tmp/full"
finish
