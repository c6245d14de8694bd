// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
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

/*
 * The mount is detached at once: who has something open in it keeps the file system. As long as there is
 * room, further files of this process go to the same one.
 */
static int own_file_system(struct shared *sh, uint64_t bytes)
{
	static int dir_fd = -1;
	static uint64_t room;
	char dev[32], dir[] = "/tmp/kvm-pfn-stress-XXXXXX";
	char *mkfs[] = { "mke2fs", "-F", "-b", "4096", dev, NULL };
	int fd = -1;

	if (dir_fd >= 0 && bytes <= room)
		return openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (disk_create(sh, 2 * bytes + (8 << 20), dev, sizeof(dev)) ||
	    !knob_module(sh, "ext4", "/sys/fs/ext4", NULL, sh->skip_reason, sizeof(sh->skip_reason)))
		return -1;
	if (knob_exec(mkfs)) {
		snprintf(sh->skip_reason, sizeof(sh->skip_reason), "no mke2fs that works");
		return -1;
	}
	if (!mkdtemp(dir))
		return skip(sh, "mkdtemp", dir);
	if (mount(dev, dir, "ext4", MS_NOATIME, NULL)) {
		skip(sh, "mount", dev);
	} else {
		fd = unnamed_file(dir);
		if (fd < 0) {
			skip(sh, "open", dir);
		} else if (dir_fd < 0) {
			dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
			room = bytes;	/* and as much again */
		}
		umount2(dir, MNT_DETACH);
	}
	rmdir(dir);
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
