// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/helper.h"
#include "core/poison.h"
#include "core/proc.h"
#include "probe.h"

void probe_caps(struct caps *c)
{
	struct pfnh_stats st = { 0 };
	unsigned int major = 0, minor = 0;
	struct utsname uts;
	int fd = helper_open();

	/*
	 * "KVM: Add a helper to lookup a pfn without grabbing a reference" and its series (6.13)
	 * brought __kvm_faultin_pfn() and took kvm_release_pfn_clean() away.
	 */
	c->unrefcounted = proc_has_symbol("__kvm_faultin_pfn") &&
			  !proc_has_symbol("kvm_release_pfn_clean");
	/* "kvm: Add interruptible flag to __gfn_to_pfn_memslot()" (6.2) left no symbol */
	uname(&uts);
	sscanf(uts.release, "%u.%u", &major, &minor);
	c->sigpending = major > 6 || (major == 6 && minor >= 2);
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

static bool param_read(const char *module, const char *name, char *buf, size_t len)
{
	char path[192];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, buf, len - 1);
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return true;
}

/* Booleans are written 1 and read Y. */
static bool param_is(const char *is, const char *want)
{
	return !strcmp(is, want) || (!strcmp(is, "Y") && !strcmp(want, "1")) ||
	       (!strcmp(is, "N") && !strcmp(want, "0"));
}

bool probe_params(const char *params, char *why, size_t len)
{
	char text[160], path[192], is[64], *save, *word, *name, *value;
	bool vendor = false;

	*why = 0;
	snprintf(text, sizeof(text), "%s", params);
	for (word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		name = strchr(word, '.');
		value = strchr(word, '=');
		if (!name || !value)
			continue;
		*name++ = 0;
		*value++ = 0;
		snprintf(path, sizeof(path), "/sys/module/%s", word);
		if (access(path, F_OK)) {
			snprintf(why, len, "%s.%s=%s: %s is not loaded", word, name, value, word);
			continue;
		}
		if (!param_read(word, name, is, sizeof(is))) {
			snprintf(why, len, "%s of this kernel has no parameter '%s'", word, name);
			return false;
		}
		if (!param_is(is, value)) {
			snprintf(why, len, "needs a boot with %s.%s=%s; here it is %s", word, name,
				 value, is);
			return false;
		}
		vendor |= strcmp(word, "kvm");
	}
	if (vendor)
		*why = 0;
	return !*why;
}
