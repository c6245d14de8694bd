# SPDX-License-Identifier: GPL-2.0-only
#
# The program, compiled as KVM's own selftests of this tree are: in-tree.mk calls it in ../kvm.
#   PFN_SRC  our sources     PFN_OUT  our objects and the program
#
#	pfn-why		prints why it cannot be built here, or nothing
#	pfn-program	builds it

all: pfn-program
include Makefile

pfn-arch := $(patsubst x86_64,x86,$(ARCH))
pfn-srcs := $(patsubst $(PFN_SRC)/%,%,$(wildcard $(addprefix $(PFN_SRC)/,*.c arch/$(pfn-arch)/*.c backings/*.c \
	consumers/*.c core/*.c injectors/*.c oracles/*.c outcomes/*.c)))
pfn-objs := $(pfn-srcs:%.c=$(PFN_OUT)/%.o)
# without libvfio: it pulls in drivers
pfn-lib := $(foreach o,$(LIBKVM_OBJS),$(if $(findstring /libvfio/,$(o)),,$(o)))
pfn-cflags := -Wno-strict-prototypes -std=gnu11 -U_GNU_SOURCE -D_GNU_SOURCE= -I$(PFN_SRC)
pfn-hash := \#
# One file for every device, if the static libraries are here
pfn-try = $(shell printf '%s\n' '$(pfn-hash)include <urcu.h>' '$(pfn-hash)include <numa.h>' \
	'int main(void) { rcu_register_thread(); return numa_available(); }' | \
	$(CC) $(1) -x c - -o /dev/null -lurcu -lnuma -lpthread 2>/dev/null && echo y)
pfn-static := $(if $(call pfn-try,-static),-static)

pfn-why:
ifeq ($(wildcard $(PFN_SRC)/arch/$(pfn-arch)),)
	@echo "not for $(ARCH) yet"
else ifeq ($(pfn-static)$(call pfn-try,),)
	@echo "needs liburcu and libnuma with their headers (liburcu-dev, libnuma-dev)"
else
	@:
endif

pfn-program: $(PFN_OUT)/kvm-pfn-stress

$(PFN_OUT)/kvm-pfn-stress: $(pfn-objs) $(pfn-lib)
	@$(CC) $(CFLAGS) $(LDFLAGS) $(pfn-static) -pthread -no-pie -o $@ $^ -lurcu -lnuma -lpthread -ldl

$(PFN_OUT)/%.o: $(PFN_SRC)/%.c
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(CPPFLAGS) $(pfn-cflags) -c -o $@ $<

-include $(pfn-objs:.o=.d)

.PHONY: all pfn-why pfn-program
