// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors on purpose, to see oracles red: the helper module breaks a rule once (enum pfnh_break, given
 * as the weight: "break:4"). Only the project's own tests use it (tests/vm/scenarios).
 */
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/poison.h"
#include "injectors/inject.h"

static unsigned int break_step(struct worker *w)
{
	struct pfnh_break_arg b = { .what = w->weight };
	struct region *r = w->run->region[0];
	int fd = r->ops->helper ? r->fd : w->run->helper_fd;

	if (w->priv) {
		usleep(1000);
		return 0;
	}
	usleep(200000);		/* let the scenario get going */
	switch (b.what) {
	case PFNH_BREAK_PFN_REF_LEAK:
		b.arg = poison_pfn_of(region_hva(r));
		break;
	case PFNH_BREAK_LOCKUP:
		b.arg = 30000;
		break;
	case PFNH_BREAK_HUNG:
		b.arg = 60000;
		break;
	}
	record_op(w, "break", r->gpa, 1);
	/* a page that no guest has mapped at that time makes no stale mapping: again, then */
	if (!ioctl(fd, PFNH_BREAK, &b) && b.what != PFNH_BREAK_NO_ZAP)
		w->priv = w;
	return 1;
}

const struct injector_ops injector_break = {
	.name = "break",
	.describe = "break a rule on purpose, once: enum pfnh_break as the weight",
	.step = break_step,
};
