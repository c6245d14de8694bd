// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch/arch.h"
#include "core/helper.h"

int helper_open(void)
{
	return open(PFNH_DEVICE, O_RDWR | O_CLOEXEC);
}

int helper_init(struct region *r)
{
	struct pfnh_create c = {
		.kind = r->ops->kind,
		.flags = r->ops->flags,
		.nr_pages = r->nr,
	};

	r->fd = helper_open();
	if (r->fd < 0 || ioctl(r->fd, PFNH_CREATE, &c)) {
		snprintf(r->run->sh->skip_reason, sizeof(r->run->sh->skip_reason), "%s: %s: %s",
			 r->ops->name, PFNH_DEVICE, strerror(errno));
		return -1;
	}
	if ((r->ops->flags & PFNH_F_TAIL) && !r->run->sh->caps.unrefcounted)
		r->mapped = PS_REFUSED;
	return 0;
}

void helper_fini(struct region *r)
{
	close(r->fd);
}

int helper_zap(struct region *r, unsigned int first, unsigned int nr)
{
	struct pfnh_zap z = { .first = first, .nr = nr, .flags = PFNH_ZAP_ROTATE };

	return ioctl(r->fd, PFNH_ZAP, &z) ? -errno : 0;
}

/*
 * Exact: the module is the only owner. vm_insert_page() takes a reference with each PTE, a pfnmap
 * takes none, and KVM gives back what it took during the fault (6.12: kvm_release_pfn_clean()).
 */
int helper_refs(struct region *r, unsigned int page, char *buf, size_t len, uint64_t *pfn)
{
	struct pfnh_page p = { .index = page };
	int want;

	if (ioctl(r->fd, PFNH_PAGE, &p))
		return 0;
	*pfn = p.pfn;
	want = p.base;
	if (r->ops->kind == PFNH_MIXEDMAP && !(r->ops->flags & PFNH_F_TAIL))
		want += p.mapcount;
	if (p.refcount == want)
		return 0;
	snprintf(buf, len, "refcount %d, not %d (mapcount %d)", p.refcount, want, p.mapcount);
	return p.refcount > want ? 1 : -1;
}

int helper_pfn(int fd, struct pfnh_pfn *p)
{
	return ioctl(fd, PFNH_PFN, p) ? -errno : 0;
}

int helper_file_pfn(int fd, int file, uint64_t index, uint64_t *pfn)
{
	struct pfnh_file_pfn arg = { .fd = file, .index = index };

	if (ioctl(fd, PFNH_FILE_PFN, &arg))
		return -errno;
	*pfn = arg.pfn;
	return 0;
}
