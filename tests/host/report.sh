#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Every outcome that there is, in every format: the same verdict in each of them, valid by the
# format's schema. And many directories, one verdict.
. "$(dirname "$0")/lib.sh"

report() { "$top/run.sh" report "$@"; }
stress --duration 20s
cp -r "$tmp/results" "$tmp/all"
verdicts() { jq -r '.scenarios[] | (., .cells[]?) | "\(.name) \(.verdict)"' "$tmp/all/result.json" | sort; }
verdicts >"$tmp/expected"

# ---- KTAP: the kernel's own parser, Perl's, Python's ----
kunit=
for f in "${PFN_CACHE%/tests/cache}"/source/[0-9]*/tools/testing/kunit/kunit.py; do
	[[ ! -f $f ]] || kunit=$f
done
kunit_reads() {
	python3 -B "$kunit" parse --json="$tmp/kunit.json" "$tmp/all/ktap.log" >"$tmp/kunit" 2>&1
	jq -r '.test_cases[] | "\(.name) \(.status | ascii_downcase)"' "$tmp/kunit.json" | sort >"$tmp/got" &&
		diff "$tmp/expected" "$tmp/got" && return
	tail -n 5 "$tmp/kunit" | sed 's/^/# /'
	return 1
}
if [[ $kunit ]]; then
	ok 'kunit.py finds the same verdicts' kunit_reads
else
	skip 'kunit.py finds the same verdicts' 'no kernel tree in the cache'
fi
cat >"$tmp/parse.pl" <<-'END'
	use TAP::Parser;
	local $/;
	my $p = TAP::Parser->new({ tap => <STDIN> });
	while (my $r = $p->next) {
		next unless $r->is_test;
		# time=: for NIPA; the others take it for a directive, Perl for a part of the name
		my $name = $r->description; $name =~ s/^- | # time=\d+ms$//g;
		print "$name ", $r->has_skip ? "skip" : $r->is_ok ? "pass" : "fail", "\n";
	}
	die join(" ", $p->parse_errors) if $p->parse_errors;
END
cat >"$tmp/parse.py" <<-'END'
	import sys
	from tap import parser
	for line in parser.Parser().parse_file(sys.argv[1]):
	    if line.category == "test":
	        print(line.description.lstrip("- "), "skip" if line.skip else "pass" if line.ok else "fail")
END
python_reads() {
	/usr/bin/python3 -W ignore "$tmp/parse.py" "$tmp/all/ktap.log" |
		grep -E '^[a-z0-9/-]+ (pass|fail|skip)$' | sort >"$tmp/got" && diff "$tmp/expected" "$tmp/got"
}
ok "Python's tap.parser, which Linaro's uses, finds the same verdicts" python_reads
perl_reads() {
	perl "$tmp/parse.pl" <"$tmp/all/ktap.log" | sort >"$tmp/got" && diff "$tmp/expected" "$tmp/got"
}
ok "Perl's TAP::Parser finds the same verdicts" perl_reads

# ---- text: who met whom, and who could not ----
mkdir "$tmp/met"
jq '.scenarios |= (.[0:3] |
	.[0] += { verdict: "pass", regions: ["anon"], consumers: ["vcpu"], injectors: ["zap"],
		pairs: [{ consumer: "vcpu", backing: "anon", faults: 3 }, { backing: "anon", injector: "zap", invalidations: 1 }] } |
	.[1] += { verdict: "pass", regions: ["memfd"], consumers: ["prefault"], injectors: [] } |
	.[2] += { verdict: "skip", regions: ["memfd"], consumers: ["vcpu"], injectors: [] })' "$tmp/all/result.json" >"$tmp/met/result.json"
report text "$tmp/met" >"$tmp/met.txt" 2>&1
ok 'text: only in a scenario that was skipped' like "$tmp/met.txt" '^vcpu, in no scenario with backings: memfd .skipped.$'
ok 'text: in no scenario with a backing' like "$tmp/met.txt" '^prefault, in no scenario with backings: anon$'
ok 'text: in no scenario with an injector' like "$tmp/met.txt" '^prefault, in no scenario with injectors: zap$'

# ---- JUnit ----
junit() {
	report junit "$tmp/all" -o "$tmp/junit.xml" &&
		xmllint --noout --schema "$here/schema/junit.xsd" "$tmp/junit.xml" 2>"$tmp/err" && return
	sed 's/^/# /' "$tmp/err"
	return 1
}
ok 'JUnit keeps to its schema' junit
count() { xmllint --xpath "string($1)" "$tmp/junit.xml"; }
junit_same() {
	local all fail skip
	all=$(wc -l <"$tmp/expected") fail=$(grep -c 'fail$' "$tmp/expected") skip=$(grep -c 'skip$' "$tmp/expected")
	is "$(count /testsuites/@tests) $(count /testsuites/@failures) $(count 'count(//failure)') $(count 'count(//skipped)')" \
		"$all $fail $fail $skip"
}
ok 'JUnit counts as result.json does' junit_same
ok 'JUnit: the card is in the failure' is "$(xmllint --xpath '//testcase[@name="panic"]/failure/@type' "$tmp/junit.xml")" \
	' type="kernel-log/oops/-/-/kvm_tdp_page_fault"'

# ---- KCIDB ----
kcidb() { report kcidb "$tmp/all" --origin test -o "$tmp/kcidb.json" && valid "$here/schema/kcidb-5.3.json" "$tmp/kcidb.json"; }
ok 'KCIDB keeps to its schema' kcidb
kcidb_same() {
	jq -r '.tests[] | "\(.path | ltrimstr("kvm-pfn-stress.")) \(.status | ascii_downcase)"' "$tmp/kcidb.json" |
		sed 's/ miss$/ skip/; s/ error$/ skip/' | sort >"$tmp/got" && tr / . <"$tmp/expected" | sort | diff - "$tmp/got"
}
ok 'KCIDB: the same verdicts' kcidb_same
ok 'KCIDB: what the emulator took is ERROR' is \
	"$(jq -r '.tests[] | select(.path == "kvm-pfn-stress.much-trouble").status' "$tmp/kcidb.json")" ERROR
ok 'KCIDB: ids are unique' is "$(jq -r '.tests[].id' "$tmp/kcidb.json" | sort | uniq -d)" ''
ok 'KCIDB: a build that is there already' is "$(report kcidb "$tmp/all" --build maestro:1234 |
	jq -r '[.checkouts, .builds, ([.tests[].build_id] | unique)] | tostring')" '[[],[],["maestro:1234"]]'

# ---- SQUAD ----
squad_same() {
	report squad "$tmp/all" -o "$tmp/squad" || return
	jq -r 'to_entries[] | select(.key != "kvm-pfn-stress/complete") |
		"\(.key | ltrimstr("kvm-pfn-stress/")) \(.value | if type == "object" then .result else . end)"' \
		"$tmp/squad/tests.json" | sort >"$tmp/got" && diff "$tmp/expected" "$tmp/got" &&
		jq -e 'all(.[]; type == "number")' "$tmp/squad/metrics.json" >/dev/null &&
		jq -e '.kernels | length == 1' "$tmp/squad/metadata.json" >/dev/null
}
ok 'SQUAD: the same verdicts, and metrics' squad_same

# ---- HTML ----
html() {
	report html "$tmp/all" -o "$tmp/all.html" && xmllint --html --noout "$tmp/all.html" 2>"$tmp/err"
	grep -Ev 'Tag (header|main|section|article|details|summary|svg|rect|path|title|text) invalid|^ *\^|^<|^[[:blank:]]' "$tmp/err" |
		grep 'error' | sed 's/^/# /' >"$tmp/got"
	cat "$tmp/got"
	[[ -s $tmp/all.html && ! -s $tmp/got ]]
}
ok 'HTML is well formed' html
ok 'HTML needs no network' eval "! grep -Eiq '(src|href)=|@import|url\\(|<script' '$tmp/all.html'"
ok 'HTML: what a guest wrote is text' eval "! grep -q 'fake-tag>' '$tmp/all.html'"
ok 'HTML has the timeline' like "$tmp/all.html" '<path class="c-faults" d="M0'
ok 'HTML has the replay line' like "$tmp/all.html" '<pre class="replay">./run.sh --kernel 6.12.117'

# ---- many directories ----
merge() { status=0; report merge "$@" >"$tmp/out" 2>"$tmp/err" || status=$?; }
shard() { stress --scenario pass --scenario pass-2 --scenario "$2" --shard "$1/2" && cp -r "$tmp/results" "$tmp/shard-$1-$2"; }
shard 1 skip; shard 2 skip; stress --scenario fail; cp -r "$tmp/results" "$tmp/failed"
stress --scenario fail-2 --scenario pass; cp -r "$tmp/results" "$tmp/other"
merge "$tmp/shard-1-skip" "$tmp/shard-2-skip"
ok 'two shards of two pass' is "$status $(grep -c '^ok' "$tmp/out") $(grep -c '^not ok' "$tmp/out")" '0 4 0'
# ---- 8 machines ----
eight() {
	local i
	mkdir -p "$tmp/8/scenarios"
	cp "$PFN_CONFIGS/known-issues" "$tmp/8/"
	cp "$PFN_CONFIGS"/scenarios/{a-pass,z-pass,pass,pass-2,pass-own,pass-params-a,pass-params-b,skip,skip-2,known,reboot,garbage}.conf \
		"$tmp/8/scenarios/"
	for i in 1 2 3 4 5 6 7 8; do
		PFN_CONFIGS=$tmp/8 stress --shard "$i/8" && cp -r "$tmp/results" "$tmp/8/$i" || return
	done
	merge "$tmp/8/"[1-8]
	is "$status $(grep -Ec '^ok' "$tmp/out") $(grep -c '^not ok' "$tmp/out")" '0 13 0' || return
	is "$(jq -r '.scenarios[].name' "$tmp/8/"?/result.json | sort | uniq -d)" '' &&
		is "$(jq .seed "$tmp/8/"?/result.json | tr '\n' ' ')" '42 43 44 45 46 47 48 49 '
}
ok '8 shards of 8: each scenario once, seeds of their own, one pass' eight
merge "$tmp/8/"[1-68]
ok 'without one of them it is none' is "$status $(grep -c 'missing: shard 7/8' "$tmp/out")" '1 1'

merge "$tmp/shard-1-skip"
ok 'one of two is no pass' is "$status $(grep '^not ok' "$tmp/out")" '1 not ok 3 complete'
ok 'the missing one has a name' like "$tmp/out" 'missing: shard 2/2 on 6.12.117'
merge "$tmp/shard-1-skip" "$tmp/shard-2-skip" "$tmp/failed"
ok 'one failure in many fails' is "$status" 1
jq '.scenarios[0].verdict = "pass" | .verdict = "pass" | .exit = 0 | .scenarios[0].failures = []' "$tmp/failed/result.json" >"$tmp/edited"
cp -r "$tmp/failed" "$tmp/mended"; mv "$tmp/edited" "$tmp/mended/result.json"
merge "$tmp/failed" "$tmp/mended"
ok 'how often it failed, with an interval' like "$tmp/out" '# fail: failed in 1 of 2 runs: 9 % to 91 %'
ok 'two directories are compared' eval "report html '$tmp/failed' '$tmp/mended' | grep -q 'id=\"changes\"'"
cp -r "$tmp/shard-1-skip" "$tmp/cut"; jq 'del(.exit, .options.shards, .options.shard) | .verdict = "none"' \
	"$tmp/shard-1-skip/result.json" >"$tmp/cut/result.json"
merge "$tmp/cut"
ok 'a run that never ended is no pass' is "$status $(grep -c 'never came to its end' "$tmp/out")" '1 1'
jq '.kernel.release = "7.3.4" | .kernel.requested = "7.3"' "$tmp/other/result.json" >"$tmp/edited"
mv "$tmp/edited" "$tmp/other/result.json"
merge "$tmp/other" "$tmp/failed"
ok 'two kernels: names say which' like "$tmp/out" '^not ok [0-9] 7.3.fail-2$'

# ---- bad input ----
refused() { # REGEX ARGUMENT...
	local regex=$1
	shift
	status=0
	report "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
	is "$status" 2 && like "$tmp/err" "$regex"
}
ok 'no format' refused usage
ok 'unknown format' refused "unknown format 'pdf'" pdf "$tmp/all"
ok 'no directory' refused 'expected a results directory' html
ok 'not a results directory' refused 'result.json' html "$tmp"
ok 'bad origin' refused 'origin' kcidb "$tmp/all" --origin 'A b'
ok 'cannot write' eval "! report html '$tmp/all' -o '$tmp/no/such/file' 2>/dev/null"
finish
