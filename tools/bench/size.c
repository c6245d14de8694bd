// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the oracles keep for each guest page, in bytes, with 1, 2 and 4 vCPUs.
 */
#include <stdio.h>

#include "core/region.h"

int main(void)
{
	static const unsigned int vcpus[] = { 1, 2, 4 };
	const struct region *r = NULL;

	for (unsigned int i = 0; i < 3; i++) {
		size_t control = ctl_size(2, vcpus[i]) - ctl_size(1, vcpus[i]);

		printf("%zu ", control + sizeof(*r->claimed) + sizeof(*r->history));
	}
	return 0;
}
