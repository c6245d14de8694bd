# SPDX-License-Identifier: GPL-2.0-only
# What turns.sh printed -> docs/benchmarks.md. Rates are medians over the pairs.
function value(key,   i) {
	for (i = 2; i <= NF; i++)
		if (index($i, key "=") == 1)
			return substr($i, length(key) + 2)
	return ""
}
function note(name, what, rate) {
	if (!(name in seen)) {
		seen[name] = ++nr
		order[nr] = name
	}
	n[name, what]++
	r[name, what, n[name, what]] = rate
}
function median(name, what,   i, j, t, m) {
	m = n[name, what]
	for (i = 1; i <= m; i++)
		for (j = i + 1; j <= m; j++)
			if (r[name, what, j] + 0 < r[name, what, i] + 0) {
				t = r[name, what, i]; r[name, what, i] = r[name, what, j]; r[name, what, j] = t
			}
	return m % 2 ? r[name, what, (m + 1) / 2] : (r[name, what, m / 2] + r[name, what, m / 2 + 1]) / 2
}
function all(name, what,   i, s) {
	for (i = 1; i <= n[name, what]; i++)
		s = s (i > 1 ? ", " : "") sprintf("%.1f", r[name, what, i])
	return s
}
function per_second(key) { return c[key] * 1000 / ms }
$1 == "part" { part = $2; next }
$1 == "@count" && value("kind") == "window" { c[value("name")] = value("value") }
$1 == "@count" && value("kind") == "access" { c[value("name")] = value("value") }
$1 == "@result" {
	name = "ours: " value("scenario"); ms = value("ms")
	if (part != "mixed") {
		if (c["sweep-ns"] > 0)
			note(part, "sweep", c["sweep-pages"] * 1e9 / c["sweep-ns"] * part)
		else
			note(part, "hits", (c["hits"] + c["roots"]) * 1000 / ms)
	} else if (ms > 0) {
		note(name, "hits", per_second("hits") + per_second("roots"))
		note(name, "early", per_second("early-pairs"))
		note(name, "faults", (c["faultin"] - c["early"]) * 1000 / ms)
		note(name, "inv", per_second("invalidate"))
		how[name] = value("verdict")
		if (!(name in rank))
			row[++rows] = name
		rank[name] = 1
	}
	delete c
}
$1 == "cost" && part == "mixed" {
	note(name, "cpu", $4 / $3)
	rss[name] = $5
}
$1 == "Overall" { note(part, "demand", $(NF - 1)) }
$1 == "bench" && part != "mixed" {
	note(part, "theirs", ($4 + $5) * 1000 / $3)
	next
}
$1 == "bench" && $3 > 0 {
	name = $2
	note(name, "hits", ($4 + $5) * 1000 / $3)
	note(name, "early", $6 * 1000 / $3)
	note(name, "faults", $7 * 1000 / $3)
	note(name, "inv", $8 * 1000 / $3)
	note(name, "cpu", $9 / $3)
	rss[name] = $10
	how[name] = $11
	if (!(name in rank))
		row[++rows] = name
	rank[name] = 1
	if (median(name, "hits") > best)
		best = median(name, "hits")
}
END {
	print "# Benchmarks"
	print ""
	print "Written by `make bench` (`tools/bench/bench.sh`): Linux " kernel " in one VM of QEMU's TCG with two"
	print "usable CPUs, on a host with " cpus " CPUs and a load of " load " before. " pairs " turns of " each " s each, in turn;"
	print "medians. A hit is a distinct pair of one fault and one invalidation, or change of memslots, that the"
	print "check under mmu_lock rejected after the pfn was resolved; early: of the check without the lock."
	print "Upstream's tests (of linux-source-6.12) are marked for the same hooks by `tools/bench/mark.c`, and run again"
	print "when they end; `signal-9` is the end of the turn, `exit-4` a test that skips: access_tracking_perf_test needs"
	print "idle page tracking, which Debian's kernels have not. Setting up is part of every turn, ours included:"
	print "set_memory_region_test adds 32764 memslots first, which takes it longer than a turn."
	print "Rates fall with the load of the host, ours and theirs; compare within a table only."
	print ""
	print "| what | window hits/s | of each turn | times upstream's best | early pairs/s | faults resolved/s | invalidations/s | CPUs | RSS MiB | end |"
	print "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
	for (i = 1; i <= rows; i++) {
		k = row[i]
		times = k ~ /^ours/ && best > 0 ? sprintf("%.0f", median(k, "hits") / best) : ""
		printf "| %s | %.1f | %s | %s | %.1f | %.0f | %.0f | %.1f | %.0f | %s |\n", k, median(k, "hits"), all(k, "hits"),
			times, median(k, "early"), median(k, "faults"), median(k, "inv"), median(k, "cpu"),
			rss[k] / 1024, how[k]
	}
	print ""
	print "## More and fewer vCPUs, and what the oracles cost"
	print ""
	print "`anon-sweep` touches 16384 pages of anonymous memory once and starts over, with all oracles on; demand_paging_test touches as"
	print "many, with none. Both count the time of the touching only, without hooks. There are two CPUs: four vCPUs share them."
	print ""
	print "| vCPUs | anon-sweep, faults/s | demand_paging_test, faults/s | ratio | bytes per guest page | anon-dontneed, window hits/s | memslot_modification_stress_test | ratio |"
	print "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
	split(bytes, size, " ")
	for (i = 1; i <= 3; i++) {
		k = 2 ^ (i - 1)
		d = median(k, "demand")
		h = median(k, "theirs")
		printf "| %d | %.0f | %.0f | %.2f | %d | %.1f | %.1f | %s |\n", k, median(k, "sweep"), d,
			(d > 0 ? median(k, "sweep") / d : 0), size[i], median(k, "hits"), h,
			(h > 0 ? sprintf("%.0f", median(k, "hits") / h) : "")
	}
	print ""
	print "The bytes are what the oracles keep for each guest page: its word and address, the last store of each vCPU,"
	print "its last eight states and a claim. A test without hits may not have come past its setup."
}
