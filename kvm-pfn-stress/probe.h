/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PROBE_H
#define PROBE_H

#include "core/run.h"

/**
 * probe_caps - find out what this kernel does
 *
 * By looking for what the kernel has, never by its version, and never by the behaviour under test: a
 * kernel that has the rework but refuses what it must map is a failure, not another kernel.
 * Context: supervisor, before the first child.
 */
void probe_caps(struct caps *c);

/**
 * probe_params - were KVM's modules loaded with these parameters?
 * @params: "MODULE.NAME=VALUE ..." (struct scenario)
 * @why: if not, which one and what it is here
 * @len: size of @why
 *
 * Of kvm_amd and kvm_intel only one is ever there: the parameters of the other do not count if the set
 * has one of the module that is loaded. Return: true if all are in force.
 */
bool probe_params(const char *params, char *why, size_t len);

#endif /* PROBE_H */
