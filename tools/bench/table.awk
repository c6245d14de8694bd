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
$1 == "@count" && value("kind") == "window" { c[value("name")] = value("value") }
$1 == "@result" {
	name = "ours: " value("scenario"); ms = value("ms")
	if (ms > 0) {
		note(name, "hits", (c["hits"] + c["roots"]) * 1000 / ms)
		note(name, "early", c["early-pairs"] * 1000 / ms)
		note(name, "faults", (c["faultin"] - c["early"]) * 1000 / ms)
		note(name, "inv", c["invalidate"] * 1000 / ms)
		how[name] = value("verdict")
	}
	delete c
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
}
END {
	print "# Benchmarks"
	print ""
	print "Written by `make bench` (`tools/bench/bench.sh`): Linux " kernel " in one VM of QEMU's TCG with two"
	print "usable CPUs, on a host with " cpus " CPUs and a load of " load " before. " pairs " turns of " each " s each, in turn;"
	print "medians. A hit is a distinct pair of one fault and one invalidation, or change of memslots, that the"
	print "check under mmu_lock rejected after the pfn was resolved; early: of the check without the lock."
	print "Upstream's tests (of linux-source-6.12) are marked for the same hooks by `tools/bench/mark.c`, and run again"
	print "when they end; `signal-9` is the end of the turn. Setting up is part of every turn, ours included: the"
	print "larger of upstream's tests do little else in it, and what has no faults at all (skipped for want of a"
	print "kernel option, or not yet past its setup) says nothing. Rates fall with the load of the host, ours"
	print "and theirs; compare within the table only."
	print ""
	print "| what | window hits/s | of each turn | early pairs/s | faults resolved/s | invalidations/s | end |"
	print "| --- | ---: | --- | ---: | ---: | ---: | --- |"
	for (i = 1; i <= nr; i++) {
		k = order[i]
		printf "| %s | %.1f | %s | %.1f | %.0f | %.0f | %s |\n", k, median(k, "hits"), all(k, "hits"),
			median(k, "early"), median(k, "faults"), median(k, "inv"), how[k]
	}
}
