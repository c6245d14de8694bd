/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A file with that text in a place that vanishes with the test. */
static inline const char *text_file(const char *name, const char *text)
{
	static char path[4096];
	const char *dir = getenv("PFN_TEST_TMP");
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir ? dir : "/tmp", name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	return path;
}

#endif /* TEST_H */
