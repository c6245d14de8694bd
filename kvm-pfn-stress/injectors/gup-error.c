// SPDX-License-Identifier: GPL-2.0-only
/*
 * What KVM calls on its way from a gfn to a pfn fails: GUP, fixup_user_fault(), the second look at
 * the PTE, the memory for page tables. By the helper module, in marked tasks, for the addresses of
 * one region.
 *
 *	vCPU					this thread
 *	----					-----------
 *						PFNH_INJECT: GUP gives -EHWPOISON every 3rd time
 *	fault: GUP gives -EHWPOISON
 *	SIGBUS, although the page is well	outcome_injected(): right
 *						PFNH_INJECT_END
 *	fault: works				no reference and no SPTE stayed behind
 *
 * Would have caught -EAGAIN of GUP taken for a bad page, as 6.12 does (7.3:
 * KVM_PFN_ERR_SIGPENDING).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "injectors/inject.h"

/* Each has its counter. */
static const struct error {
	const char *name;
	uint32_t hook, flags, burst;
	int32_t error;
	bool remapped;		/* regions whose PTEs KVM reads itself */
} errors[] = {
	{ "gup-ehwpoison", PFNH_GUP, 0, 0, -EHWPOISON, false },
	{ "gup-eagain", PFNH_GUP, 0, 0, -EAGAIN, false },
	{ "gup-eintr", PFNH_GUP, 0, 0, -EINTR, false },
	{ "gup-efault-nowait", PFNH_GUP, PFNH_INJECT_NOWAIT, 0, -EFAULT, false },
	{ "gup-efault", PFNH_GUP, 0, 2, -EFAULT, false },
	{ "gup-enomem", PFNH_GUP, 0, 2, -ENOMEM, false },
	{ "gup-no-page", PFNH_GUP, PFNH_INJECT_NOWAIT, 0, 0, false },
	{ "gup-fast", PFNH_GUP_FAST, 0, 0, 0, false },
	{ "fixup-efault", PFNH_FIXUP, 0, 0, -EFAULT, true },
	{ "fixup-enomem", PFNH_FIXUP, 0, 0, -ENOMEM, true },
	{ "fixup-eintr", PFNH_FIXUP, 0, 0, -EINTR, true },
	{ "fixup-unlock", PFNH_FIXUP, 0, 0, 0, true },
	{ "follow-once", PFNH_FOLLOW, 0, 1, -EINVAL, true },
	{ "follow-twice", PFNH_FOLLOW, 0, 2, -EINVAL, true },
	{ "topup-enomem", PFNH_TOPUP, 0, 0, -ENOMEM, false },
};

static const char *gup_error_unsupported(struct run *run)
{
	return inject_hooks_unsupported(run, PFNH_HOOK(PFNH_HVA_TO_PFN) | PFNH_HOOK(PFNH_GUP_FAST) |
					PFNH_HOOK(PFNH_GUP) | PFNH_HOOK(PFNH_FIXUP) |
					PFNH_HOOK(PFNH_FOLLOW) | PFNH_HOOK(PFNH_TOPUP));
}

static void gup_error_start(struct worker *w)
{
	w->run->errors_injected = true;
}

/* Mostly few: a guest that gets nothing but errors makes no progress worth looking at. */
static struct pfnh_policy draw_policy(struct worker *w)
{
	switch (rng_below(&w->rng, 4)) {
	case 0:
		return (struct pfnh_policy){ .when = PFNH_TIMES, .n = 1 + rng_below(&w->rng, 4) };
	case 1:
		return (struct pfnh_policy){ .when = PFNH_EVERY, .n = 2 + rng_below(&w->rng, 6) };
	case 2:
		return (struct pfnh_policy){ .when = PFNH_RANDOM, .n = 200000,
			.seed = rng_next(&w->rng) };
	default:
		return (struct pfnh_policy){ .when = PFNH_TIMES, .n = 1 };
	}
}

static unsigned int gup_error_step(struct worker *w)
{
	struct region *r = w->run->region[rng_below(&w->rng, w->run->nr_regions)];
	const struct error *e = &errors[rng_below(&w->rng, sizeof(errors) / sizeof(*errors))];
	struct pfnh_inject_info info = { 0 };
	struct pfnh_inject rule = {
		.hook = e->hook, .error = e->error, .flags = e->flags, .burst = e->burst,
		.policy = draw_policy(w),
	};
	char what[32];
	int id;

	/* GUP fails for those anyway, and no other way would ever be asked */
	if (e->hook != PFNH_TOPUP && e->remapped != r->ops->remapped)
		return 0;
	if (e->hook != PFNH_TOPUP) {
		rule.start = region_hva(r);
		rule.end = rule.start + r->nr * GUEST_PAGE_SIZE;
	}
	snprintf(what, sizeof(what), "%s", e->name);
	record_op(w, what, r->gpa, r->nr);
	id = ioctl(w->run->helper_fd, PFNH_INJECT, &rule);
	if (id < 0) {
		inject_broken(w, r, "PFNH_INJECT");
		return 0;
	}
	usleep(200 + rng_log(&w->rng, 4000));
	info.id = id;
	if (ioctl(w->run->helper_fd, PFNH_INJECT_END) ||
	    ioctl(w->run->helper_fd, PFNH_INJECT_INFO, &info))
		inject_broken(w, r, "PFNH_INJECT_END");
	count(w->run->sh, "inject", e->name, info.fired);
	return info.fired;
}

/* What KVM made of it, seen where user space cannot look. */
static void gup_error_stop(struct worker *w)
{
	static const char *const names[PFNH_NR_ANSWERS] = {
		[PFNH_A_OK] = "ok", [PFNH_A_ZERO] = "none", [PFNH_A_EFAULT] = "efault",
		[PFNH_A_EHWPOISON] = "ehwpoison", [PFNH_A_EINTR] = "eintr",
		[PFNH_A_EAGAIN] = "eagain", [PFNH_A_ENOMEM] = "enomem",
		[PFNH_A_RO_FAULT] = "read-only", [PFNH_A_NEEDS_IO] = "needs-io",
		[PFNH_A_EINVAL] = "einval", [PFNH_A_OTHER] = "other",
	};
	struct pfnh_answers a;
	unsigned int i;

	if (ioctl(w->run->helper_fd, PFNH_ANSWERS, &a))
		return;
	for (i = 0; i < PFNH_NR_ANSWERS; i++) {
		if (a.pfn[i])
			count(w->run->sh, "hva-to-pfn", names[i], a.pfn[i]);
		if (a.gup[i])
			count(w->run->sh, "gup", names[i], a.gup[i]);
	}
}

const struct injector_ops injector_gup_error = {
	.name = "gup-error",
	.describe = "GUP, fixup_user_fault() and what else KVM asks for a pfn fail now and then",
	.gap_us = 2000,
	.unsupported = gup_error_unsupported,
	.start = gup_error_start,
	.stop = gup_error_stop,
	.step = gup_error_step,
};
