/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files of `key = value` lines: what their parsers share. libc only, linked by the host's tools, too.
 */
#ifndef CORE_CONF_H
#define CORE_CONF_H

#include <stddef.h>

/* Where a parser is, and where its complaint goes. */
struct conf_at {
	const char *path;
	unsigned int line;
	char *err;
	size_t errlen;
};

/**
 * conf_fail - "PATH:LINE: " and what was expected, into at->err
 * @at: cut to errlen
 *
 * Return: -1.
 */
__attribute__((format(printf, 2, 3)))
int conf_fail(struct conf_at *at, const char *fmt, ...);

/* Without blanks at both ends; in place. */
char *conf_trim(char *s);

#endif /* CORE_CONF_H */
