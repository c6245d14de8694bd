/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Disks for backings: swap space, and files that are on one.
 */
#ifndef CORE_DISK_H
#define CORE_DISK_H

#include "core/run.h"

/**
 * disk_create - a block device in memory (zram) until the end of the scenario
 * @sh: shared state; gets the reason to skip
 * @bytes: its size
 * @dev: gets its path
 * @len: size of @dev
 *
 * Return: 0 or -1. Context: main thread of the child.
 */
int disk_create(struct shared *sh, uint64_t bytes, char *dev, size_t len);

/**
 * disk_file - an unnamed file on a disk
 * @sh: shared state; gets the reason to skip
 * @bytes: its size
 *
 * In the current directory or /var/tmp, if that is a file system with a disk below; else on an ext4 of
 * its own on a disk_create(), until the end of the scenario. The file goes with its last descriptor.
 *
 * Return: file descriptor or -1. Context: main thread of the child.
 */
int disk_file(struct shared *sh, uint64_t bytes);

#endif /* CORE_DISK_H */
