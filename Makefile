# SPDX-License-Identifier: GPL-2.0-only
#
#	make		 build what runs on this machine
#	make check	 every test; make check-host: those without a VM; make check-vm: those in one
#	make check-lava	 the LAVA job, run by lava-run; KERNEL=7.3
#	make bench	 ours beside upstream's tests, docs/benchmarks.md (KERNEL=6.12 PAIRS=3)
#	make bench-bisect simulated bisections, the table of docs/bisect.md (COUNT=10000 SEED=1)
#	make in-tree KSRC=DIR	the suite into tools/testing/selftests of a kernel tree
#	make dist [KERNEL=6.12|KDIR]	a tarball of the built suite, for a device with busybox only
#	make lint	 shellcheck, and checkpatch where a kernel tree is cached
#	make mutants KERNEL=6.12 [MUTANTS_DIR=DIR]	 KVM's modules with each bug put back
#	make mutation-score KERNEL=6.12 DURATION=60s [SEEDS=3] [SCORE_ARGS=--against-selftests]
#	make clean	 remove what was built here (downloads in .cache/ stay)

CACHE := $(abspath $(or $(PFN_CACHE),.cache))
# as in run.sh
BIN := $(CACHE)/bin/$(shell printf %s '$(CURDIR)' | sha256sum | cut -c1-16)

mutants_of := $(or $(KERNEL),6.12)
mutants_dir := $(or $(MUTANTS_DIR),tools/mutants/$(mutants_of))

all:
	@tools/vm/packages.sh host-build
	@$(MAKE) -s -C tools/runner OUT=$(BIN)

check:
	@tests/run-tests.sh

check-host:
	@tests/run-tests.sh unit host

check-vm:
	@tests/run-tests.sh vm

check-lava:
	@tests/run-tests.sh lava/check.sh

lint:
	@tests/run-tests.sh host/lint.sh

COUNT ?= 10000
SEED ?= 1

bench:
	@tools/vm/packages.sh host-build
	@tools/bench/bench.sh $(or $(KERNEL),6.12)

bench-bisect:
	@tools/vm/packages.sh host-build
	@$(MAKE) -s -C tools/bisect OUT=$(BIN) $(BIN)/simulate
	@$(BIN)/simulate --count $(COUNT) --seed $(SEED)

in-tree:
	@tools/in-tree.sh "$(KSRC)"

dist:
	@tools/dist.sh $(if $(KERNEL),"$(KERNEL)")

mutants:
	@tools/mutants/run.sh --build --dir $(mutants_dir) $(mutants_of)

mutation-score:
	@tools/mutants/run.sh --default --duration $(or $(DURATION),60s) --seeds $(or $(SEEDS),1) \
		--dir $(mutants_dir) --results results/mutation-score-$(mutants_of) $(SCORE_ARGS) $(mutants_of)

clean:
	@rm -rf $(CACHE)/bin $(CACHE)/tests $(CACHE)/suite $(CACHE)/module $(CACHE)/initramfs

.PHONY: all bench bench-bisect check check-host check-lava check-vm lint in-tree dist clean mutants mutation-score
