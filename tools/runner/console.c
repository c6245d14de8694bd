// SPDX-License-Identifier: GPL-2.0-only
/*
 * What console.log says about the kernel that wrote it. Only lines with the kernel's own time stamp
 * count: what programs print on the console is no verdict.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner.h"

#define READ_MAX	(4l << 20)
#define MARK_DISTANCE	(64l << 10)	/* how late @scenario can be read */

enum { AT_START = 1, FATAL = 2 };	/* at the start of the message; nothing runs after it */

static const struct {
	const char *text;
	const char *rule;
	unsigned int flags;
} signatures[] = {
	{ "KASAN: ",				"kasan", 0 },
	{ "KCSAN: ",				"kcsan", 0 },
	{ "KFENCE: ",				"kfence", 0 },
	{ "UBSAN: ",				"ubsan", 0 },
	{ "kernel BUG at",			"bug", FATAL },
	{ "BUG: Bad page",			"bad-page", 0 },
	{ "BUG: Bad rss",			"bad-page", 0 },
	{ "soft lockup",			"soft-lockup", 0 },
	{ "hard LOCKUP",			"hard-lockup", 0 },
	{ "BUG: sleeping function",		"atomic-sleep", 0 },
	{ "BUG: scheduling while atomic",	"atomic-sleep", 0 },
	{ "BUG: unable to handle",		"oops", FATAL },
	{ "BUG: kernel NULL pointer",		"oops", FATAL },
	{ "BUG: ",				"bug", AT_START },
	{ "Oops: ",				"oops", FATAL },
	{ "general protection fault",		"oops", AT_START | FATAL },
	{ "int3: ",				"oops", AT_START | FATAL },
	{ "WARNING: possible",			"lockdep", 0 },
	{ "WARNING: suspicious RCU",		"lockdep", 0 },
	{ "WARNING: bad unlock",		"lockdep", 0 },
	{ "WARNING: ",				"warn", AT_START },
	{ "INFO: possible recursive",		"lockdep", 0 },
	{ "blocked for more than",		"hung-task", 0 },
	{ "rcu: INFO: rcu_",			"rcu-stall", 0 },
	{ "invoked oom-killer",			"oom", 0 },
	{ "list_add corruption",		"bug", 0 },
	{ "list_del corruption",		"bug", 0 },
	{ "refcount_t: ",			"warn", AT_START },
	{ "Bad page state",			"bad-page", 0 },
	{ "stack-protector: ",			"panic", FATAL },
	{ "corrupted stack end",		"panic", FATAL },
	{ "Kernel panic - not syncing",		"panic", FATAL },
	{ "triple fault",			"panic", FATAL },
};

/* "[   12.345678][  T123] message" -> "message", or NULL if a kernel did not write it. */
static const char *kernel_message(const char *line)
{
	const char *s = line;

	if (*s == '<')		/* <4> of a console without a loglevel filter */
		s += strspn(s, "<0123456789>");
	if (*s++ != '[')
		return NULL;
	s += strspn(s, " ");
	if (!isdigit((unsigned char)*s))
		return NULL;
	s += strspn(s, "0123456789");
	if (*s++ != '.')
		return NULL;
	s += strspn(s, "0123456789");
	if (*s++ != ']')
		return NULL;
	s += strspn(s, " ");
	if (*s == '[') {
		size_t id = strspn(s + 1, " TC0123456789");

		if (s[1 + id] == ']')
			s += id + 2;
		s += strspn(s, " ");
	}
	return s;
}

/* "RIP: 0010:func.isra.0+0x12/0x34 [kvm]" -> func */
static void find_function(const char *text, char *where, size_t size)
{
	const char *s = strstr(text, "RIP: 0010:");
	size_t len;

	*where = '\0';
	if (!s)
		return;
	s += strlen("RIP: 0010:");
	len = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
	if (!len || isdigit((unsigned char)*s) || len >= size)
		return;
	for (size_t i = 0; i < len; i++)
		where[i] = tolower((unsigned char)s[i]);
	where[len] = '\0';
}

static bool line_signature(const char *message, struct splat *splat)
{
	for (size_t i = 0; i < ARRAY_LEN(signatures); i++) {
		const char *at = strstr(message, signatures[i].text);

		if (!at || ((signatures[i].flags & AT_START) && at != message))
			continue;
		splat->rule = signatures[i].rule;
		splat->fatal = signatures[i].flags & FATAL;
		snprintf(splat->line, sizeof(splat->line), "%s", message);
		return true;
	}
	return false;
}

/* The first thing that the kernel complained of: what follows is often only its consequence. */
bool console_find(const char *text, bool fatal_only, struct splat *splat)
{
	const char *end;
	char line[1024];

	for (; *text; text = *end ? end + 1 : end) {
		const char *message;

		end = text + strcspn(text, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)(end - text), text);
		line[strcspn(line, "\r")] = '\0';
		message = kernel_message(line);
		if (!message || !line_signature(message, splat) || (fatal_only && !splat->fatal))
			continue;
		find_function(end, splat->where, sizeof(splat->where));
		return true;
	}
	return false;
}

/*
 * The emulated machine has lost the timer interrupt of a CPU that idles: RCU's thread sleeps on it. Only
 * before the program began, as a bug of KVM's could do the same later.
 */
static bool lost_timer(const char *text)
{
	struct splat splat;

	return console_find(text, false, &splat) && !strcmp(splat.rule, "rcu-stall") &&
	       strstr(text, "kthread timer wakeup didn't happen") &&
	       !strcmp(splat.where, "pv_native_safe_halt");
}

/*
 * Multi-threaded TCG can lose against the outer kernel's patching of its own text: an int3 where the
 * static key in __schedule() is being toggled by KVM, or, as the kernel boots, where it has just set a
 * key of its own. Exactly that, and nothing like it.
 */
bool console_host_trouble(const char *text, bool begun)
{
	const char *s = strstr(text, "Oops: int3");
	struct splat splat;
	const char *rip;

	if (!begun && lost_timer(text))
		return true;
	if (!s)
		s = strstr(text, "int3: 0000");
	if (!s)
		return false;
	rip = strstr(s, "RIP: 0010:");
	if (!rip)
		return false;
	/* Before the program began KVM did nothing: then anywhere but in a module. */
	if (strncmp(rip + 10, "__schedule+", 11) &&
	    (begun || !strchr(rip, '\n') || memchr(rip, '[', strcspn(rip, "\n"))))
		return false;
	/* Was there a complaint before? Then that is the story. */
	return console_find(text, false, &splat) && strstr(splat.line, "int3");
}

static int console_open(const struct run *run)
{
	char *path = format("%s/console.log", run->dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	free(path);
	return fd;
}

long file_size(const char *dir, const char *name)
{
	char *path = format("%s/%s", dir, name);
	struct stat st;
	long size = stat(path, &st) ? 0 : st.st_size;

	free(path);
	return size;
}

/* Of what there is to look at: when it is judged again, up to the end of a boot. */
long console_size(const struct run *run)
{
	long size = file_size(run->dir, "console.log");

	return run->console_end && run->console_end < size ? run->console_end : size;
}

/* Carriage returns go; other bytes that are no text become blanks. */
static void make_text(char *s, long len)
{
	char *out = s;

	for (long i = 0; i < len; i++) {
		if (s[i] == '\r')
			continue;
		*out++ = isprint((unsigned char)s[i]) || s[i] == '\n' || s[i] == '\t' ? s[i] : ' ';
	}
	*out = '\0';
}

/* The text from one offset to another (-1: the end). */
char *console_read(const struct run *run, long from, long to)
{
	int fd = console_open(run);
	long len, got = 0;
	ssize_t n;
	char *text;

	if (to < 0)
		to = console_size(run);
	len = to > from ? to - from : 0;
	if (len > READ_MAX)
		len = READ_MAX;
	text = calloc(1, len + 1);
	while (fd >= 0 && got < len && (n = pread(fd, text + got, len - got, from + got)) > 0)
		got += n;
	if (fd >= 0)
		close(fd);
	make_text(text, got);
	return text;
}

/*
 * What was printed while a scenario ran. The program marks the place on the console when it starts
 * one; without the mark it is what came after @scenario was read, which can be a little late.
 */
char *console_part(const struct run *run, const struct srun *s)
{
	static const char mark[] = "kvm-pfn-stress: scenario ";
	long from = s->console_from - MARK_DISTANCE, skip;
	char *text, *name, *next = NULL, *part;

	if (from < run->console_boot)
		from = run->console_boot;
	text = console_read(run, from, -1);
	name = format("%s%s\n", mark, s->conf.name);
	part = strstr(text, name);
	if (part) {
		next = strstr(part + strlen(mark), mark);
	} else {
		skip = s->console_from > from ? s->console_from - from : 0;
		part = text + (skip < (long)strlen(text) ? skip : (long)strlen(text));
	}
	if (next)
		*next = '\0';
	part = format("%s", part);
	free(name);
	free(text);
	return part;
}

char *console_tail(const struct run *run, long from, unsigned int lines)
{
	long size = console_size(run);
	char *text, *s, *tail;

	if (size - from > 16384)
		from = size - 16384;
	text = console_read(run, from, size);
	s = text + strlen(text);
	while (s > text && s[-1] == '\n')
		*--s = '\0';
	for (; s > text; s--)
		if (s[-1] == '\n' && !--lines)
			break;
	tail = format("%s", s);
	free(text);
	return tail;
}
