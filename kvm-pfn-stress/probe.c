// SPDX-License-Identifier: GPL-2.0-only
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/helper.h"
#include "core/poison.h"
#include "core/proc.h"
#include "probe.h"

void probe_caps(struct caps *c)
{
	struct pfnh_stats st = { 0 };
	int fd = helper_open();

	/*
	 * "KVM: Add a helper to lookup a pfn without grabbing a reference" and its series (6.13)
	 * brought __kvm_faultin_pfn() and took kvm_release_pfn_clean() away.
	 */
	c->unrefcounted = proc_has_symbol("__kvm_faultin_pfn") &&
			  !proc_has_symbol("kvm_release_pfn_clean");
	c->poison = !poison_unsupported();
	c->helper = fd >= 0;
	if (fd >= 0) {
		/* marking sets the hooks, before any vCPU runs */
		ioctl(fd, PFNH_MARK);
		if (!ioctl(fd, PFNH_STATS, &st))
			c->hooks = st.hooks;
		close(fd);
	}
}
