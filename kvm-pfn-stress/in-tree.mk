# SPDX-License-Identifier: GPL-2.0-only
#
# The suite in tools/testing/selftests/kvm-pfn-stress: lib.mk's targets. run_kselftest.sh runs
# kvm-pfn-stress.sh; pfn/ holds what that needs: the program, the scenarios, the helper module where
# KDIR has a kernel to build it for. What cannot be built is one line and pfn/not-built, and the test
# is a SKIP then: a whole kselftest build never fails because of us.

TEST_PROGS := kvm-pfn-stress.sh
TEST_GEN_FILES := pfn
KDIR ?= /lib/modules/$(shell uname -r)/build

include ../lib.mk

pfn := $(OUTPUT)/pfn
src := $(CURDIR)
EXTRA_CLEAN += $(OUTPUT)/kvm $(OUTPUT)/build $(OUTPUT)/helper
say = printf '  %-8s%s\n'
# The library is built by its own Makefile, below our OUTPUT; with MAKEFLAGS go LLVM, CROSS_COMPILE, ARCH.
program = $(MAKE) -s -C ../kvm -f $(src)/program.mk OUTPUT=$(OUTPUT)/kvm PFN_SRC=$(src) PFN_OUT=$(OUTPUT)/build

$(pfn): FORCE
	@rm -rf $@ && mkdir -p $@
	@cp -r scenarios known-issues $@/
	+@why=$$($(program) pfn-why); \
	if [ -z "$$why" ] && ! $(program) pfn-program; then why="it does not build"; fi; \
	if [ -z "$$why" ]; then \
		cp $(OUTPUT)/build/kvm-pfn-stress $@/ && $(say) LD kvm-pfn-stress; \
	else \
		echo "$$why" >$@/not-built; echo "kvm-pfn-stress is not built: $$why"; \
	fi
	+@$(if $(wildcard $(KDIR)/Makefile),$(helper),$(no-kdir))

no-kdir := echo "kvm-pfn-stress: no helper module: no kernel build directory in $(KDIR)"

# Built from a copy: sources stay clean.
define helper
rm -rf $(OUTPUT)/helper && cp -r module $(OUTPUT)/helper && \
if env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL $(MAKE) -s -C $(KDIR) M=$(abspath $(OUTPUT))/helper \
	$(if $(LLVM),LLVM=$(LLVM)) $(if $(CROSS_COMPILE),CROSS_COMPILE=$(CROSS_COMPILE)) \
	$(shell cat $(KDIR)/make.args 2>/dev/null) modules >$(OUTPUT)/helper/log 2>&1; then \
	cp $(OUTPUT)/helper/pfn_helper.ko $(pfn)/ && strip --strip-debug $(pfn)/pfn_helper.ko; $(say) LD pfn_helper.ko; \
else \
	echo "kvm-pfn-stress: no helper module: it does not build for $(KDIR), see $(OUTPUT)/helper/log"; \
fi
endef

FORCE:

.PHONY: FORCE
