// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runner.h"

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Never fails: a runner without memory for a path has nothing better to do than to end. */
char *format(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	return s;
}

static bool (*clear_live)(void);

void say_set_live(bool (*clear)(void))
{
	clear_live = clear;
}

void say(const char *fmt, ...)
{
	va_list ap;
	char *s;

	if (clear_live)
		clear_live();
	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) >= 0) {
		fprintf(stderr, "%s\n", s);
		free(s);
	}
	va_end(ap);
}

/* Said once: the run goes on, its verdict stands on standard output, and the exit status tells. */
void results_trouble(struct run *run, const char *fmt, ...)
{
	va_list ap;
	char *s;

	if (run->disk_failed)
		return;
	run->disk_failed = true;
	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) >= 0) {
		say("kvm-pfn-stress: results are incomplete: %s", s);
		free(s);
	}
	va_end(ap);
}

bool make_dirs(const char *path)
{
	char *copy = format("%s", path);
	bool ok;

	for (char *s = copy + 1; *s; s++) {
		if (*s != '/')
			continue;
		*s = '\0';
		mkdir(copy, 0777);
		*s = '/';
	}
	ok = !mkdir(copy, 0777) || errno == EEXIST;
	free(copy);
	return ok;
}

bool is_empty_dir(const char *path)
{
	struct dirent *entry;
	bool empty = true;
	DIR *dir;

	dir = opendir(path);
	if (!dir)
		return false;
	while (empty && (entry = readdir(dir)))
		empty = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
	closedir(dir);
	return empty;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

bool read_line_file(const char *dir, const char *name, char *buf, size_t size)
{
	char *path = format("%s/%s", dir, name);
	FILE *file = fopen(path, "re");
	bool ok;

	free(path);
	if (!file)
		return false;
	ok = fgets(buf, size, file);
	fclose(file);
	if (ok)
		buf[strcspn(buf, "\n")] = '\0';
	return ok;
}

/* The bounds can be shortened from outside, so that their tests need not wait. */
uint64_t env_ms(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s && *s ? strtoull(s, NULL, 10) : otherwise;
}

const char *verdict_name(enum verdict v)
{
	static const char * const names[] = { "none", "pass", "fail", "skip" };

	return names[v];
}

enum verdict get_verdict(json_t *o)
{
	for (enum verdict v = VERDICT_PASS; v <= VERDICT_SKIP; v++)
		if (!strcmp(get_text(o, "verdict"), verdict_name(v)))
			return v;
	return VERDICT_NONE;
}

/* "" if it is not there. */
const char *get_text(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* Bytes that are no UTF-8 can not be in JSON. */
void set_text(json_t *o, const char *key, const char *value)
{
	json_t *s = json_string(value);

	json_object_set_new(o, key, s ? s : json_string("(not text)"));
}

bool copy_append(const char *from, int to)
{
	char buf[65536];
	bool ok = true;
	ssize_t n;
	int fd;

	fd = open(from, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (ok && (n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0)
			ok = false;
		for (ssize_t done = 0, w; ok && done < n; done += w) {
			w = write(to, buf + done, n - done);
			if (w < 0)
				ok = false;
		}
	}
	close(fd);
	return ok;
}
