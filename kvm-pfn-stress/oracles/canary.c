// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module fills pages that it took away with a pattern, after the zap returned. Whoever writes one
 * later has kept a mapping that had to go.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/region.h"
#include "oracles/quiet.h"
#include "plugins.h"

void canary_check(struct run *run)
{
	unsigned int i, sets = 0;

	for (i = 0; i < run->nr_regions; i++) {
		struct region *r = run->region[i];
		struct pfnh_check c = { 0 };
		struct failure f = { 0 };

		if (!r->ops->helper || ioctl(r->fd, PFNH_CHECK, &c))
			continue;
		sets++;
		oracle_checked(run, ORACLE_CANARY, c.checked);
		if (!c.bad)
			continue;
		snprintf(f.rule, sizeof(f.rule), "retired-page-written");
		snprintf(f.backing, sizeof(f.backing), "%s", r->ops->name);
		snprintf(f.expected, sizeof(f.expected), "0x%llx in every word", PFNH_CANARY);
		snprintf(f.got, sizeof(f.got), "0x%llx at offset 0x%x; %llu pages of %llu",
			 c.value, c.offset, c.bad, c.checked);
		f.gpa = r->gpa + c.index * GUEST_PAGE_SIZE;
		fail(run->sh, ORACLE_CANARY, &f, NULL);
	}
	/* injectors look at pages that they took away themselves (inject_still()) */
	if (!sets && !atomic_load(&run->sh->oracle[ORACLE_CANARY].checks))
		snprintf(run->sh->oracle[ORACLE_CANARY].skip,
			 sizeof(run->sh->oracle[ORACLE_CANARY].skip),
			 "no region whose retired pages are still ours");
}
