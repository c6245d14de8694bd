// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stack of the first complaint: from its line to its end, without guesses ("? func"), and
 * decoded by tools/vm/decode-stack.sh: file and line where there is debug info, names from
 * System.map for addresses that the kernel could not name itself.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner.h"

#define LINES_MAX	60

/* "[   12.345678][  T123] text" -> "text" */
static const char *message(const char *line)
{
	const char *s = line;

	while (*s == '[' || *s == '<') {
		const char *end = strchr(s, *s == '[' ? ']' : '>');

		if (!end || !strpbrk(s, "0123456789") || strpbrk(s, "0123456789") > end)
			break;
		s = end + 1;
	}
	return *s == ' ' ? s + 1 : s;
}

static bool ends(const char *msg)
{
	return strstr(msg, "---[ end trace") || strstr(msg, "---[ end Kernel panic") ||
	       strstr(msg, "</TASK>");
}

static bool worth_it(const char *msg)
{
	const char *s = msg + strspn(msg, " ");

	return !strncmp(s, "? ", 2) || strstr(s, "RIP: 0033:") ? false :
	       strstr(s, "+0x") || strstr(s, "RIP:") || strstr(s, "Call Trace") ||
	       strstr(s, "CPU:") || strstr(s, "Comm:") || !strncmp(s, "BUG:", 4) ||
	       !strncmp(s, "WARNING:", 8) || !strncmp(s, "Oops:", 5) || strstr(s, "Hardware name");
}

static char *cut(const char *console)
{
	char *text = NULL, line[1024];
	unsigned int nr = 0;
	size_t size;
	struct splat splat;
	FILE *file = open_memstream(&text, &size);
	bool inside = false;

	if (!console_find(console, false, &splat))
		console = "";
	for (const char *end; *console && nr < LINES_MAX; console = *end ? end + 1 : end) {
		const char *msg;

		end = console + strcspn(console, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)(end - console), console);
		msg = message(line);
		inside |= !strncmp(msg, splat.line, strlen(splat.line));
		if (!inside)
			continue;
		if (worth_it(msg) || !nr) {
			fprintf(file, "%s\n", msg);
			nr++;
		}
		if (ends(msg))
			break;
	}
	fclose(file);
	return text;
}

/* Of a part of the console; NULL if there is no stack in it. */
char *stack_of(struct run *run, const char *console)
{
	char *text = cut(console), *path, *script, *line = NULL;
	char *argv[] = { NULL, run->path.kernel ? run->path.kernel : "-", NULL,
			 run->opt.kernel ? (char *)run->opt.kernel : "-", NULL };
	FILE *file;
	size_t n;
	int status;

	if (!strstr(text, "+0x") && !strstr(text, "0xffffffff")) {
		free(text);
		return NULL;
	}
	path = format("%s/stack", run->tmp);
	script = format("%s/decode-stack.sh", run->vm_dir);
	argv[0] = script;
	argv[2] = path;
	file = fopen(path, "we");
	if (file) {
		fputs(text, file);
		fclose(file);
		if (!access(script, X_OK))
			line = proc_last_line(run, argv, &status);
	}
	file = line ? fopen(line, "re") : NULL;
	if (file) {
		char *decoded = calloc(1, 65536);

		n = fread(decoded, 1, 65535, file);
		fclose(file);
		if (n) {
			free(text);
			text = decoded;
		} else {
			free(decoded);
		}
	}
	free(line);
	free(script);
	free(path);
	return text;
}
