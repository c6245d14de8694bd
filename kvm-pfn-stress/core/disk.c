// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/disk.h"
#include "core/knob.h"
#include "core/proc.h"

#define ZRAM	"/sys/class/zram-control/"

static int skip(struct shared *sh, const char *what, const char *path)
{
	snprintf(sh->skip_reason, sizeof(sh->skip_reason), "%s %.60s: %s", what, path,
		 strerror(errno));
	return -1;
}

int disk_create(struct shared *sh, uint64_t bytes, char *dev, size_t len)
{
	char path[64], text[32];
	long long id;
	int err;

	if (!knob_module(sh, "zram", ZRAM, "num_devices=0", sh->skip_reason,
			 sizeof(sh->skip_reason)))
		return -1;
	id = proc_number(ZRAM "hot_add", -1);	/* reading makes one */
	snprintf(text, sizeof(text), "%lld", id);
	if (id < 0 || !knob_at_end(sh, ZRAM "hot_remove", text))
		return skip(sh, "read", ZRAM "hot_add");
	snprintf(path, sizeof(path), "/sys/block/zram%lld/disksize", id);
	snprintf(text, sizeof(text), "%lu", bytes);
	err = proc_write(path, text);
	if (err) {
		errno = -err;
		return skip(sh, "write", path);
	}
	snprintf(dev, len, "/dev/zram%lld", id);
	return 0;
}

/* Has that file system a disk, and mappings of its own? No overlays, no network. */
static bool on_disk(const char *dir)
{
	static const unsigned int disks[] = {
		EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
	};
	struct statfs st;
	size_t i;

	if (statfs(dir, &st))
		return false;
	for (i = 0; i < sizeof(disks) / sizeof(*disks); i++)
		if ((unsigned int)st.f_type == disks[i])
			return true;
	return false;
}

static int unnamed_file(const char *dir)
{
	return open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

#define MIN_DISK	(4ull << 20)

/* For all files of the scenario, as long as there is room; the supervisor unmounts it. */
static int own_file_system(struct shared *sh, uint64_t bytes)
{
	char dev[32], dir[64], *why = sh->skip_reason;
	char *mkfs[] = { "mke2fs", "-F", "-b", "4096", dev, NULL };
	int fd;

	snprintf(dir, sizeof(dir), "/tmp/kvm-pfn-stress-disk-%d", getppid());
	if (sh->disk_bytes < bytes) {
		uint64_t room = bytes > MIN_DISK ? bytes : MIN_DISK;

		if (disk_create(sh, 2 * room + (8 << 20), dev, sizeof(dev)) ||
		    !knob_module(sh, "ext4", "/sys/fs/ext4", NULL, why, sizeof(sh->skip_reason)))
			return -1;
		if (knob_exec(mkfs)) {
			snprintf(why, sizeof(sh->skip_reason), "no mke2fs that works");
			return -1;
		}
		if (!knob_mount(sh, dev, "ext4", dir, why, sizeof(sh->skip_reason)))
			return -1;
		sh->disk_bytes = room;
	}
	fd = unnamed_file(dir);
	if (fd < 0)
		skip(sh, "open", dir);
	return fd;
}

int disk_file(struct shared *sh, uint64_t bytes)
{
	static const char *const dirs[] = { ".", "/var/tmp" };
	int fd = -1;
	size_t i;

	for (i = 0; i < sizeof(dirs) / sizeof(*dirs) && fd < 0; i++)
		if (on_disk(dirs[i]))
			fd = unnamed_file(dirs[i]);
	if (fd < 0)
		fd = own_file_system(sh, bytes);
	if (fd >= 0 && ftruncate(fd, bytes)) {
		skip(sh, "ftruncate", "file");
		close(fd);
		fd = -1;
	}
	return fd;
}
