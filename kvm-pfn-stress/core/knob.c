// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/knob.h"
#include "core/poison.h"
#include "core/proc.h"

#define TRIES	20		/* what is still in use: a tenth of a second each */

/* The file's value: what stands in brackets, or all of it without the newline. */
static int read_value(const char *path, char *buf, size_t len)
{
	char text[256], *from = text, *to;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return n;
	text[n] = 0;
	to = strchr(text, '\n');
	if (!to)
		to = text + n;
	if (strchr(text, '[') && strchr(text, ']')) {
		from = strchr(text, '[') + 1;
		to = strchr(from, ']');
	}
	if (!to || (size_t)(to - from) >= len)
		return -EOVERFLOW;
	memcpy(buf, from, to - from);
	buf[to - from] = 0;
	return 0;
}

/* Both are numbers, and not the same one. Other words may read back differently ("1", "Y"). */
static bool other_number(const char *a, const char *b)
{
	char *enda, *endb;
	long long va = strtoll(a, &enda, 0), vb = strtoll(b, &endb, 0);

	return enda != a && endb != b && !*enda && !*endb && va != vb;
}

static bool refused(char *why, size_t len, const char *what, const char *path, int err)
{
	if (why)
		snprintf(why, len, "%s %.80s: %s", what, path, strerror(err));
	return false;
}

/* Remember before doing. Context: the lock is held. */
static struct undo *remember(struct shared *sh, enum undo_kind kind, enum undo_when when,
			     const char *path, const char *value)
{
	struct undo *u = &sh->undo[sh->nr_undo];

	if (sh->nr_undo == MAX_UNDO || strlen(path) >= sizeof(u->path) ||
	    strlen(value) >= sizeof(u->value))
		return NULL;
	u->kind = kind;
	u->when = when;
	strcpy(u->path, path);
	strcpy(u->value, value);
	/* a child that is killed from here on leaves a whole entry */
	__atomic_store_n(&sh->nr_undo, sh->nr_undo + 1, __ATOMIC_RELEASE);
	return u;
}

static bool remember_locked(struct shared *sh, enum undo_kind kind, enum undo_when when,
			    const char *path, const char *value, char *why, size_t len)
{
	bool ok = false;
	unsigned int i;

	shared_lock(sh);
	for (i = 0; i < sh->nr_undo && !ok; i++)
		ok = sh->undo[i].kind == kind && !strcmp(sh->undo[i].path, path) &&
		     !strcmp(sh->undo[i].value, value);
	ok = ok || remember(sh, kind, when, path, value);
	shared_unlock(sh);
	return ok || refused(why, len, "remember", path, ENOSPC);
}

bool knob_set_until(struct shared *sh, enum undo_when when, const char *path, const char *value,
		    char *why, size_t len)
{
	char old[sizeof(sh->undo[0].value)], now[sizeof(old)];
	bool ok = true;
	unsigned int i;
	int err;

	shared_lock(sh);
	err = read_value(path, old, sizeof(old));
	if (err) {
		ok = refused(why, len, "read", path, -err);
		goto out;
	}
	for (i = 0; i < sh->nr_undo; i++)
		if (sh->undo[i].kind == UNDO_WRITE && !strcmp(sh->undo[i].path, path))
			break;
	if (i == sh->nr_undo && !remember(sh, UNDO_WRITE, when, path, old)) {
		ok = refused(why, len, "remember", path, ENOSPC);
		goto out;
	}
	err = proc_write(path, value);
	if (err) {
		ok = refused(why, len, "write", path, -err);
	} else if (!read_value(path, now, sizeof(now)) && other_number(now, value)) {
		proc_write(path, old);
		if (why)
			snprintf(why, len, "%.80s becomes %.20s, not %.20s", path, now, value);
		ok = false;
	}
out:
	shared_unlock(sh);
	return ok;
}

bool knob_set(struct shared *sh, const char *path, const char *value, char *why, size_t len)
{
	return knob_set_until(sh, UNDO_LIFE, path, value, why, len);
}

bool knob_set_or_skip(struct shared *sh, const char *path, const char *value)
{
	return knob_set_until(sh, UNDO_SCENARIO, path, value, sh->skip_reason,
			      sizeof(sh->skip_reason));
}

bool knob_at_end(struct shared *sh, const char *path, const char *value)
{
	return remember_locked(sh, UNDO_WRITE, UNDO_SCENARIO, path, value, NULL, 0);
}

int knob_exec(char *const argv[])
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* SWAPSPACE2: the last ten bytes of the first page; version, last page and bad pages at 1024. */
static int make_swap(const char *dev, unsigned long pages)
{
	static union {
		char byte[4096];
		uint32_t word[1024];
	} page;
	int fd = open(dev, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	memset(&page, 0, sizeof(page));
	page.word[256] = 1;
	page.word[257] = pages - 1;
	memcpy(page.byte + sizeof(page) - 10, "SWAPSPACE2", 10);
	if (write(fd, &page, sizeof(page)) != sizeof(page) || fsync(fd))
		err = -errno;
	close(fd);
	return err;
}

bool knob_swapon(struct shared *sh, const char *dev, unsigned long pages, char *why, size_t len)
{
	int err = make_swap(dev, pages);

	if (err)
		return refused(why, len, "mkswap", dev, -err);
	if (!remember_locked(sh, UNDO_SWAP, UNDO_SCENARIO, dev, "", why, len))
		return false;
	if (swapon(dev, SWAP_FLAG_PREFER | 100))
		return refused(why, len, "swapon", dev, errno);
	return true;
}

bool knob_module(struct shared *sh, const char *name, const char *probe, const char *param,
		 char *why, size_t len)
{
	char *argv[] = { "modprobe", (char *)name, (char *)param, NULL };

	if (!access(probe, F_OK))
		return true;
	if (!remember_locked(sh, UNDO_MODULE, UNDO_RUN, name, "", why, len))
		return false;
	knob_exec(argv);
	if (!access(probe, F_OK))
		return true;
	if (why)
		snprintf(why, len, "no %s: modprobe %s", probe, name);
	return false;
}

bool knob_mount(struct shared *sh, const char *dev, const char *type, const char *path, char *why,
		size_t len)
{
	if (!remember_locked(sh, UNDO_MOUNT, UNDO_SCENARIO, path, "", why, len))
		return false;
	if (mkdir(path, 0700) && errno != EEXIST)
		return refused(why, len, "mkdir", path, errno);
	return !mount(dev, path, type, MS_NOATIME, NULL) || refused(why, len, "mount", dev, errno);
}

static bool mkdir_until(struct shared *sh, enum undo_when when, const char *path, char *why,
			size_t len)
{
	if (!remember_locked(sh, UNDO_RMDIR, when, path, "", why, len))
		return false;
	return !mkdir(path, 0700) || errno == EEXIST || refused(why, len, "mkdir", path, errno);
}

bool knob_mkdir(struct shared *sh, const char *path, char *why, size_t len)
{
	return mkdir_until(sh, UNDO_LIFE, path, why, len);
}

/* The machine's cgroup2, or a mount of our own: the directory stands in @root. */
static bool cgroup_root(struct shared *sh, char *root, size_t size, char *why, size_t len)
{
	struct statfs st;

	snprintf(root, size, "/sys/fs/cgroup");
	if (!statfs(root, &st) && st.f_type == CGROUP2_SUPER_MAGIC)
		return true;
	/* of the supervisor: the next one has it, too */
	snprintf(root, size, "/tmp/kvm-pfn-stress-cgroup-%d", getppid());
	if (!remember_locked(sh, UNDO_MOUNT, UNDO_RUN, root, "", why, len))
		return false;
	if (!mkdir(root, 0700) && mount("none", root, "cgroup2", 0, NULL))
		return refused(why, len, "mount", "cgroup2", errno);
	if (!statfs(root, &st) && st.f_type == CGROUP2_SUPER_MAGIC)
		return true;
	return refused(why, len, "mount", "cgroup2", errno);
}

static bool has_word(const char *path, const char *word)
{
	char text[256];

	return !read_value(path, text, sizeof(text)) && strstr(text, word);
}

bool knob_cgroup(struct shared *sh, const char *controller, char *dir, size_t size, char *why,
		 size_t len)
{
	char root[64], path[112], on[32], off[32];

	if (!cgroup_root(sh, root, sizeof(root), why, len))
		return false;
	snprintf(path, sizeof(path), "%s/cgroup.controllers", root);
	if (!has_word(path, controller))
		return refused(why, len, controller, path, ENOENT);
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", root);
	snprintf(on, sizeof(on), "+%s", controller);
	snprintf(off, sizeof(off), "-%s", controller);
	if (!has_word(path, controller)) {
		int err = remember_locked(sh, UNDO_WRITE, UNDO_RUN, path, off, why, len) ?
			  proc_write(path, on) : -ENOSPC;

		if (err)
			return refused(why, len, "write", path, -err);
	}
	snprintf(dir, size, "%s/kvm-pfn-stress-%d", root, getppid());
	if (!mkdir_until(sh, UNDO_RUN, dir, why, len))
		return false;
	snprintf(sh->cgroup, sizeof(sh->cgroup), "%s", dir);
	return true;
}

static int undo_one(const struct undo *u)
{
	switch (u->kind) {
	case UNDO_WRITE:
		return proc_write(u->path, u->value);
	case UNDO_SWAP:
		/* EINVAL: it was not on */
		return swapoff(u->path) && errno != EINVAL ? -errno : 0;
	case UNDO_MODULE:
		return knob_exec((char *[]){ "modprobe", "-r", (char *)u->path, NULL }) &&
		       syscall(SYS_delete_module, u->path, O_NONBLOCK) && errno != ENOENT ?
		       -errno : 0;
	case UNDO_MOUNT:
		/* EINVAL: nothing is mounted there */
		if (umount2(u->path, 0) && errno != EINVAL && errno != ENOENT)
			return -errno;
		return rmdir(u->path) && errno != ENOENT ? -errno : 0;
	case UNDO_RMDIR:
		return rmdir(u->path) && errno != ENOENT ? -errno : 0;
	}
	return 0;
}

static void forget(struct shared *sh, unsigned int i)
{
	memmove(&sh->undo[i], &sh->undo[i + 1], (sh->nr_undo - i - 1) * sizeof(sh->undo[0]));
	sh->nr_undo--;
}

unsigned int knob_undo_all(struct shared *sh, enum undo_when when, char *what, size_t len)
{
	unsigned int failed = 0, try, i;
	int err;

	for (i = sh->nr_undo; i--;) {
		const struct undo *u = &sh->undo[i];

		if (u->when > when)
			continue;
		/* the dead let go of their memory and files a little later */
		for (try = 0; (err = undo_one(u)) && try < TRIES; try++)
			usleep(100000);
		if (err && !failed++)
			snprintf(what, len, "%s %s: %s", u->path, u->value, strerror(-err));
		forget(sh, i);
	}
	if (when >= UNDO_SCENARIO)
		sh->swap_pages = sh->disk_bytes = 0;
	return failed;
}

void knob_guard(struct shared *sh)
{
	char what[128];
	int p[2];
	pid_t pid;

	if (pipe(p))
		return;
	pid = fork();
	if (pid) {
		close(p[0]);	/* p[1] stays open as long as this process lives; not in children */
		fcntl(p[1], F_SETFD, FD_CLOEXEC);
		sh->guard_fd = p[1];
		return;
	}
	setsid();
	if (p[0] != 3)
		dup2(p[0], 3);
	close(0);
	close(1);
	close(2);
	syscall(SYS_close_range, 4, ~0u, 0);
	for (;;) {
		ssize_t n = read(3, what, 1);

		if (!n || (n < 0 && errno != EINTR))
			break;
	}
	usleep(500000);		/* the children die with the supervisor */
	poison_undo_all(sh);
	knob_undo_all(sh, UNDO_RUN, what, sizeof(what));
	_exit(0);
}
