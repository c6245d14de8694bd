#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What configs/ci/ has for CI systems: every file is parsed, what is a program is run.
. "$(dirname "$0")/lib.sh"
ci=$top/configs/ci

# ---- results as they come ----
mkdir -p "$tmp/bin" "$tmp/suite/pfn/scenarios/outcomes" "$tmp/suite/ci"
printf '#!/bin/sh\necho "$*" >>%s\n' "$tmp/lava" >"$tmp/bin/lava-test-case"
chmod +x "$tmp/bin/lava-test-case"
export FAKE_CELLS=$tmp/names # for tests/fake/qemu/qemu
"$top/tools/outcomes/update.sh" --cells cells/mixedmap >"$FAKE_CELLS"
stress --scenario fail --scenario pass --scenario skip --scenario panic --scenario cells/\* --duration 10s
cp "$tmp/out" "$tmp/ktap"
expected=$({ echo complete pass; json '.scenarios[] | (., .cells[]?) | "\(.name) \(.verdict)"'; } | sort)
PATH=$tmp/bin:$PATH "$ci/ktap-results.sh" "$tmp/result.txt" <"$tmp/ktap" >"$tmp/passed-on"
ok 'KTAP is passed on' diff "$tmp/ktap" "$tmp/passed-on"
ok 'result.txt: the same verdicts' is "$(grep -Ev -e '-(faults|injections|window-hits) ' "$tmp/result.txt" | sort)" "$expected"
ok 'result.txt: measurements' grep -qx 'pass-faults pass 100000 faults' "$tmp/result.txt"
ok 'lava-test-case: the same verdicts' is \
	"$(grep -v measurement "$tmp/lava" | sed 's/ --result / /' | sort)" "$expected"
ok 'lava-test-case: measurements' grep -qx -e 'pass-window-hits --result pass --measurement 7 --units window-hits' "$tmp/lava"
ends() { # LINES: what a program that ends there makes of the whole
	printf '%s\n' "$@" | "$ci/ktap-results.sh" "$tmp/result.txt" >/dev/null
	tail -n 1 "$tmp/result.txt"
}
ok 'a program that dies' is "$(ends 'TAP version 13' 1..2 'ok 1 pass')" 'complete fail'
ok 'one that never says anything' is "$(ends)" 'complete fail'
ok 'one that bails out' is "$(ends 'TAP version 13' 1..1 'ok 1 pass' 'Bail out! no more')" 'complete fail'
ok 'one that cannot run here' is "$(ends 'TAP version 13' '1..0 # SKIP no KVM')" 'complete skip'
at_once() { # the input goes on until a result was seen, or ten seconds
	local status=1 i
	rm -f "$tmp/result.txt" "$tmp/seen"
	{
		head -n 12 "$tmp/ktap"
		for ((i = 0; i < 100; i++)); do [[ -e $tmp/seen ]] || sleep 0.1; done
	} | "$ci/ktap-results.sh" "$tmp/result.txt" >/dev/null &
	for ((i = 0; i < 100 && status; i++)); do
		! grep -Eqs '^[a-z/-]+ (pass|fail)$' "$tmp/result.txt" || status=0
		sleep 0.1
	done
	touch "$tmp/seen"
	wait
	return "$status"
}
ok 'a result is there before the next scenario ends' at_once

# ---- Linaro's form ----
: >"$tmp/suite/pfn/scenarios/kill.conf"
: >"$tmp/suite/pfn/scenarios/pass.conf"
: >"$tmp/suite/pfn/scenarios/outcomes/anon.conf"
cp "$ci/ktap-results.sh" "$tmp/suite/ci/"
cat >"$tmp/suite/kvm-pfn-stress.sh" <<'END'
#!/bin/sh
echo "TAP version 13"
echo "1..$(($# > 2 ? ($# - 2) / 2 : 0))"
while [ $# -gt 0 ]; do
	[ "$1" != --scenario ] || echo "ok 1 $2 # time=12ms"
	shift
done
END
chmod +x "$tmp/suite/kvm-pfn-stress.sh"
lkft() { (cd "$tmp" && "$ci/lkft/kvm-pfn-stress.sh" -s "$ci/lkft/skipfile-lkft.yaml" -t "$@" >/dev/null && sort output/result.txt); }
ok 'LKFT: every scenario' is "$(lkft "$tmp/suite" | tr '\n' ' ')" 'complete pass kill pass outcomes/anon pass pass pass '
ok 'LKFT: the skip file' is "$(lkft "$tmp/suite" -b board-without-watchdog | tr '\n' ' ')" \
	'complete pass kill skip outcomes/anon pass pass pass '
mkdir "$tmp/pack" && cp -r "$tmp/suite" "$tmp/pack/kvm-pfn-stress" && tar -C "$tmp/pack" -czf "$tmp/suite.tar.gz" .
ok 'LKFT: from a tarball' is "$(lkft "$tmp/suite.tar.gz" | wc -l)" 4

# ---- shards of a device ----
shards() {
	local i all
	mkdir -p "$tmp/dev/pfn"
	cp "$top/kvm-pfn-stress/kvm-pfn-stress.sh" "$tmp/dev/"
	all=$(for i in 1 2 3; do
		sh -c "$(sed -n '/^pick()/,/^}/p' "$tmp/dev/kvm-pfn-stress.sh"); dir=$tmp/suite/pfn; pick $i 3"
	done | sort | tr '\n' ' ')
	is "$all" '--scenario kill --scenario outcomes/anon --scenario pass '
}
ok 'shards: each scenario once' shards

# ---- YAML ----
parses() {
	/usr/bin/python3 - "$ci" <<-'END'
	import glob, sys, yaml
	ci = sys.argv[1]
	docs = {f[len(ci) + 1:]: yaml.safe_load(open(f)) for f in glob.glob(ci + "/*/*.yaml")}
	def need(ok, what):
	    if not ok:
	        print("#", what)
	        sys.exit(1)
	for name in "lava/kvm-pfn-stress.yaml", "lkft/kvm-pfn-stress.yaml":
	    d = docs[name]
	    need(d["metadata"]["format"].startswith("Lava-Test"), name + ": format")
	    need(d["metadata"]["name"] == "kvm-pfn-stress" and d["metadata"]["description"], name + ": metadata")
	    need(all(isinstance(s, str) for s in d["run"]["steps"]), name + ": steps are strings")
	    text = "\n".join(d["run"]["steps"])
	    need(all("${%s}" % p in text for p in d["params"]), name + ": a parameter that no step uses")
	for name in "lava/job-qemu.yaml", "lava/job-8-machines.yaml":
	    d = docs[name]
	    need([list(a)[0] for a in d["actions"]] == ["deploy", "boot", "test"], name + ": actions")
	    need({"job", "action", "connection"} <= set(d["timeouts"]), name + ": timeouts")
	    for t in d["actions"][2]["test"]["definitions"]:
	        need(set(t["parameters"]) <= set(docs["lava/kvm-pfn-stress.yaml"]["params"]), name + ": parameters")
	role = docs["lava/job-8-machines.yaml"]["protocols"]["lava-multinode"]["roles"]["stress"]
	need(role["count"] == 8, "8 machines")
	jobs, plan = docs["kernelci/jobs.yaml"]["jobs"], docs["kernelci/scheduler.yaml"]["scheduler"]
	for name, j in jobs.items():
	    need({"template", "kind", "params", "kcidb_test_suite"} <= set(j), name + ": keys")
	    need(j["params"]["collections"] == "kvm-pfn-stress", name + ": collection")
	need({p["job"] for p in plan} == set(jobs), "each job has its place in the plan")
	need(all({"job", "event", "runtime", "platforms"} <= set(p) for p in plan), "scheduler: keys")
	need(len({j["params"]["env"]["KSELFTEST_KVM_PFN_STRESS_SH_ARGS"] for j in jobs.values()}) == len(jobs),
	     "each shard is another one")
	skip = docs["lkft/skipfile-lkft.yaml"]["skiplist"]
	need(all({"reason", "url", "environments", "boards", "branches", "tests"} <= set(s) for s in skip), "skip file")
	END
}
ok 'YAML says what each system expects' parses
finish
