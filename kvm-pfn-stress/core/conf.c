// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf.h"

int conf_fail(struct conf_at *at, const char *fmt, ...)
{
	va_list ap;
	int n;

	n = snprintf(at->err, at->errlen, "%s:%u: ", at->path, at->line);
	if (n >= 0 && (size_t)n < at->errlen) {
		va_start(ap, fmt);
		vsnprintf(at->err + n, at->errlen - n, fmt, ap);
		va_end(ap);
	}
	return -1;
}

char *conf_trim(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return s;
}
