/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Settings of the machine for the time of one scenario: sysfs and sysctl files, swap, modules. What
 * has to be undone is remembered in struct shared before it is done; the supervisor undoes it, newest
 * first, when the scenario's process is gone, however that died: each of the scenario's, its last
 * one, or the last of the run (enum undo_when; what is kept longer uses nothing that goes earlier).
 * A guardian process does it when the supervisor is killed as well.
 */
#ifndef CORE_KNOB_H
#define CORE_KNOB_H

#include <stdbool.h>

#include "core/run.h"

/**
 * knob_set - set a sysfs or sysctl file until the end of the scenario
 * @sh: remembers the value of before
 * @path: the file. "[x]" among its words is its value, as in transparent_hugepage/enabled
 * @value: new value, in the words of the file
 * @why: filled in when it can't be set: a reason to skip; may be NULL
 * @len: size of @why
 *
 * A number that reads back as another one (nr_hugepages) is refused as well. Set again, the file still
 * gets back its first value.
 *
 * Return: true if the file has the value now. If not it is as it was.
 * Context: any thread of child or supervisor; best start() of an injector or init() of a backing.
 */
bool knob_set(struct shared *sh, const char *path, const char *value, char *why, size_t len);

/* knob_set() to be undone at another time. */
bool knob_set_until(struct shared *sh, enum undo_when when, const char *path, const char *value,
		    char *why, size_t len);

/* For init(): kept for the next process of the scenario; the reason in sh->skip_reason. */
bool knob_set_or_skip(struct shared *sh, const char *path, const char *value);

/**
 * knob_at_end - write @value to @path at the end of the scenario, whatever is in it now
 *
 * For files that are commands (a zram device's "reset"). Return: false when the list is full.
 */
bool knob_at_end(struct shared *sh, const char *path, const char *value);

/**
 * knob_swapon - swap on a block device until the end of the scenario
 * @sh: remembers
 * @dev: the device; its first page is overwritten with a swap header
 * @pages: its size
 *
 * Return: true, or false with a reason to skip.
 */
bool knob_swapon(struct shared *sh, const char *dev, unsigned long pages, char *why, size_t len);

/**
 * knob_module - have a kernel module (or what it is built into) until the end of the run
 * @sh: remembers; a module that was there before stays
 * @name: module
 * @probe: a path that is there when the module is
 * @param: one parameter for modprobe, or NULL
 *
 * Return: true, or false with a reason to skip.
 */
bool knob_module(struct shared *sh, const char *name, const char *probe, const char *param,
		 char *why, size_t len);

/* Mount @dev on the directory @path, which is made, until the end of the scenario. */
bool knob_mount(struct shared *sh, const char *dev, const char *type, const char *path, char *why,
		size_t len);

/* A directory of sysfs's kind (a cgroup, an instance of tracefs) until the end of the scenario. */
bool knob_mkdir(struct shared *sh, const char *path, char *why, size_t len);

/**
 * knob_cgroup - a cgroup (version 2) of one's own until the end of the run
 * @sh: remembers; a controller that is switched on for it is switched off again
 * @controller: "memory"
 * @dir: filled in: its directory, the same for all processes, and in sh->cgroup from then on; room for
 *	100 characters
 * @why: filled in when it can't be had: a reason to skip
 *
 * Return: true, or false. Context: the child, which is to join by itself ("cgroup.procs").
 */
bool knob_cgroup(struct shared *sh, const char *controller, char *dir, size_t size, char *why,
		 size_t len);

/* Run a program of the root file system, its output to nowhere; returns its exit status or -1. */
int knob_exec(char *const argv[]);

/**
 * knob_undo_all - undo what is not to be kept longer, newest first
 * @sh: remembers
 * @when: what has ended
 * @what: filled in when something can't be undone
 * @len: size of @what
 *
 * Return: how many could not be undone; they are forgotten, @what says which was the first.
 * Context: supervisor, the scenario's processes are gone.
 */
unsigned int knob_undo_all(struct shared *sh, enum undo_when when, char *what, size_t len);

/* Fork the guardian. Context: supervisor, before it opens anything. */
void knob_guard(struct shared *sh);

#endif /* CORE_KNOB_H */
