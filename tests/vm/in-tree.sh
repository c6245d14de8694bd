#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The suite as a kselftest: into a kernel tree, built there in the ways that CI systems build, packed,
# and run by run_kselftest.sh in a VM of that kernel. What cannot be built never fails a build.
. "$(dirname "$0")/../host/lib.sh"

# Real tools and scenarios.
export PFN_CACHE=${PFN_CACHE%/tests/cache}
unset PFN_VM_DIR PFN_CONFIGS PFN_BOUND_MS
vm=$top/tools/vm

# tree VERSION DIR: as much of a kernel tree as its selftests need, with its headers installed
tree() {
	local src lib f
	src=$("$vm/fetch-source.sh" "$1") && lib=$("$vm/build-lib.sh" "$src") || return
	mkdir -p "$2/usr"
	{
		for f in Makefile Kbuild scripts tools/{include,arch/x86,build,scripts} \
			tools/testing/selftests/{kselftest,kvm,rseq,cgroup,vfio}; do
			[[ ! -e $src/$f ]] || echo "$f"
		done
		(cd "$src" && find tools/testing/selftests tools/lib -maxdepth 1 -type f
			find tools/testing/selftests -mindepth 2 -maxdepth 2 -name '*.h')
	} | tar -C "$src" --exclude='*.o' -T - -cf - | tar -C "$2" -xf -
	cp -r "$lib/tree/usr/include" "$2/usr/"
	make -s -C "$top" in-tree KSRC="$2" >/dev/null
}

# build TREE ARGUMENT...: its selftests with ours as the only target; what make says in $tmp/log
build() {
	nice make -s -j2 -C "$1/tools/testing/selftests" TARGETS=kvm-pfn-stress "${@:2}" >"$tmp/log" 2>&1 && return
	tail -n 20 "$tmp/log" | sed 's/^/# /'
	return 1
}

# What runs in the VM: events for the runner around the lines of run_kselftest.sh.
cat >"$tmp/kselftest" <<'END'
#!/bin/busybox sh
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
[ -e /dev/stdout ] || ln -s /proc/self/fd/1 /dev/stdout
echo "@begin version=1 kernel=$(uname -r) seed=1 taint=0 scenarios=1 vcpus=2 cpus=2"
echo "@scenario name=anon-sweep index=1 budget_ms=60000"
mkdir /tmp/k && cd /tmp/k && gunzip -c /extra/kselftest.tar.gz | tar xf -
rmmod pfn_helper
echo 1 >/sys/kernel/mm/ksm/run
export KSELFTEST_KVM_PFN_STRESS_SH_ARGS="--duration-ms 6000 --scenario pfnmap-fault --scenario anon-remap"
./run_kselftest.sh -c kvm-pfn-stress 2>&1 | cat
echo "left: ksm=$(cat /sys/kernel/mm/ksm/run) helper=$(grep -c ^pfn_helper /proc/modules)"
echo "@result scenario=anon-sweep verdict=pass ms=1 faults=1 injections=0 hits=0"
echo "@end verdict=pass"
END
chmod +x "$tmp/kselftest"
echo "PROGRAM=/extra/kselftest" >"$tmp/env"

runs() { # VERSION TARBALL RESULT-OF-PFNMAP-FAULT
	cp "$2" "$tmp/kselftest.tar.gz"
	PFN_GUEST_ENV=$tmp/env PFN_EXTRA_FILES=$tmp/kselftest$'\n'$tmp/kselftest.tar.gz \
		stress --kernel "$1" --duration 10s --scenario anon-sweep
	grep -v '^@' "$tmp/results/events.log" | sed 's/^/# | /'
	like "$tmp/results/events.log" '^ok 1 selftests: kvm-pfn-stress: kvm-pfn-stress.sh' &&
		like "$tmp/results/events.log" '^# ok [0-9] anon-remap # time=' &&
		like "$tmp/results/events.log" "^# ok [0-9] pfnmap-fault # $3" &&
		like "$tmp/results/events.log" '^left: ksm=1 helper=0$'
}

a=$tmp/6.12 b=$tmp/7.3
ok '6.12: into the tree' tree 6.12 "$a"
ok '6.12: one line in the list of targets' is "$(grep -c '^TARGETS += kvm-pfn-stress$' "$a/tools/testing/selftests/Makefile")" 1
ok 'without its libraries: no error' build "$a" CC='gcc -nostdinc' KDIR=/nonexistent
ok 'without its libraries: one clear line' like "$tmp/log" '^kvm-pfn-stress is not built: needs liburcu and libnuma'
skips() {
	local status=0
	"$a/tools/testing/selftests/kvm-pfn-stress/kvm-pfn-stress.sh" >"$tmp/out" || status=$?
	is "$status" 4 && like "$tmp/out" '^ok 1 kvm-pfn-stress # SKIP$' && like "$tmp/out" '^# needs liburcu'
}
ok 'without its libraries: a SKIP with the reason' skips
ok 'another architecture: no error' build "$a" ARCH=arm64 KDIR=/nonexistent
ok 'another architecture: one clear line' like "$tmp/log" '^kvm-pfn-stress is not built: not for arm64 yet'
ok '6.12: O=, a cross compiler, install' build "$a" O="$tmp/o" CROSS_COMPILE=x86_64-linux-gnu- install \
	KDIR="$("$vm/fetch-headers.sh" 6.12)" INSTALL_PATH="$tmp/installed"
ok '6.12: config, settings and script are installed' eval \
	"ls '$tmp/installed/kvm-pfn-stress/'{config,settings,kvm-pfn-stress.sh,pfn/kvm-pfn-stress,pfn/pfn_helper.ko} >/dev/null"
ok '6.12: the sources stay clean with O=' eval "! ls '$a/tools/testing/selftests/kvm-pfn-stress/build' 2>/dev/null"
tar -C "$tmp/installed" -czf "$tmp/a.tar.gz" .
ok '6.12: run_kselftest.sh' runs 6.12 "$tmp/a.tar.gz" time=
ok '7.3: into the tree' tree 7.3 "$b"
if command -v clang >/dev/null; then
	llvm=LLVM=1
fi
ok "7.3: gen_tar ${llvm-}" build "$b" KDIR=/nonexistent ${llvm+"$llvm"} gen_tar
ok '7.3: without the helper module' like "$tmp/log" 'no helper module: no kernel build directory in /nonexistent'
ok '7.3: run_kselftest.sh, what needs the module is a SKIP' runs 7.3 \
	"$b/tools/testing/selftests/kselftest_install/kselftest-packages/kselftest.tar.gz" SKIP
dist() {
	local tarball
	tarball=$(make -s -C "$top" dist) && tar tzf "$tarball" | grep '^kvm-pfn-stress/pfn/kvm-pfn-stress$' >/dev/null &&
		tar xzf "$tarball" -C "$tmp" && ! ldd "$tmp/kvm-pfn-stress/pfn/kvm-pfn-stress" >/dev/null 2>&1 && rm "$tarball"
}
ok 'dist: a static program and its scenarios' dist
finish
