// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "event.h"

static bool enabled;

void event_enable(bool on)
{
	enabled = on;
}

static void write_line(const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, buf, len);

		if (n <= 0)
			return;		/* the reader is gone: there is nobody to tell */
		buf += n;
		len -= n;
	}
}

void event_begin(struct event *e, const char *name)
{
	e->len = snprintf(e->line, sizeof(e->line), "@%s", name);
}

static bool plain(unsigned char c)
{
	return isalnum(c) || (c && strchr("_.:/+,*-", c));
}

void event_str(struct event *e, const char *key, const char *value)
{
	const size_t end = sizeof(e->line) - 8;	/* room for "%xx", the newline and a NUL */

	if (e->len + strlen(key) + 2 >= end)
		return;
	e->len += sprintf(e->line + e->len, " %s=", key);
	for (; *value && e->len < end; value++) {
		if (plain(*value))
			e->line[e->len++] = *value;
		else
			e->len += sprintf(e->line + e->len, "%%%02x", (unsigned char)*value);
	}
}

void event_num(struct event *e, const char *key, unsigned long long value)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "%llu", value);
	event_str(e, key, buf);
}

void event_hex(struct event *e, const char *key, unsigned long long value)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "0x%llx", value);
	event_str(e, key, buf);
}

void event_end(struct event *e)
{
	e->line[e->len++] = '\n';
	if (enabled)
		write_line(e->line, e->len);
}

void ktap(const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	write_line(line, n);
}
