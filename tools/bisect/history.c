// SPDX-License-Identifier: GPL-2.0-only
/* The commits between good and bad. Reads the user's repository, and never writes to it. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bisect.h"

/* All that a program printed; NULL if it failed: the caller says what that means. */
char *capture(struct bisect *b, char * const *argv, int *status)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct spawn how = { .argv = argv, .err = null, .keep = -1 };
	size_t len = 0, size = 65536;
	char *text = malloc(size);
	struct proc p;
	int fds[2];
	ssize_t n;

	(void)b;
	*status = -1;
	if (pipe2(fds, O_CLOEXEC))
		return NULL;
	how.out = fds[1];
	if (!proc_start(&p, &how))
		return NULL;
	close(fds[1]);
	close(null);
	while ((n = read(fds[0], text + len, size - len - 1)) > 0 || (n < 0 && errno == EINTR)) {
		len += n > 0 ? n : 0;
		if (len + 1 == size)
			text = realloc(text, size *= 2);
	}
	close(fds[0]);
	text[len] = '\0';
	while (waitpid(p.pid, &p.status, 0) < 0 && errno == EINTR)
		;
	*status = WIFEXITED(p.status) ? WEXITSTATUS(p.status) : 255;
	if (!*status)
		return text;
	free(text);
	return NULL;
}

/* git WHAT...: its output without the last newline, NULL if it failed. */
char *git_text(struct bisect *b, const char *what, ...)
{
	char *argv[MAX_POINTS * 2 + 24] = { "git", "-C", b->set.git, (char *)what };
	int n = 4, status;
	va_list ap;
	char *text;

	va_start(ap, what);
	while (n < MAX_POINTS * 2 + 20 && (argv[n] = va_arg(ap, char *)))
		n++;
	va_end(ap);
	text = capture(b, argv, &status);
	if (text && *text && text[strlen(text) - 1] == '\n')
		text[strlen(text) - 1] = '\0';
	return text;
}

int history_find(const struct history *h, const char *id)
{
	for (unsigned int x = 0; x < h->g.nr; x++)
		if (!strcmp(h->c[x].id, id))
			return x;
	return -1;
}

/* Is this file one that the modules are built from? The list of tools/vm/build-kvm.sh. */
bool builds_modules(const char *path)
{
	static const char * const globs[] = {
		"arch/*/kvm/*", "virt/kvm/*", "include/linux/kvm*.h", "include/trace/events/kvm.h",
		"include/uapi/linux/kvm*.h", "arch/x86/include/asm/kvm*.h",
		"arch/x86/include/asm/svm.h", "arch/x86/include/asm/vmx.h",
		"arch/x86/include/uapi/asm/kvm*.h",
	};

	for (unsigned int i = 0; i < ARRAY_LEN(globs); i++)
		if (!fnmatch(globs[i], path, 0))
			return true;
	return false;
}

static bool is_likely(const struct settings *set, const char *path)
{
	for (unsigned int i = 0; i < set->likely.nr; i++)
		if (!strncmp(path, set->likely.item[i], strlen(set->likely.item[i])))
			return true;
	return false;
}

/* git log of the range, one way or another: good and bad points are arguments too. */
static char *git_log(struct bisect *b, const char *const *options)
{
	char *argv[MAX_POINTS * 2 + 32] = { "git", "-C", b->set.git, "log" };
	int n = 4, status;

	while (*options)
		argv[n++] = (char *)*options++;
	argv[n++] = b->set.tips.item[0];
	for (unsigned int i = 0; i < b->set.bases.nr; i++)
		argv[n++] = format("^%s", b->set.bases.item[i]);
	argv[n++] = "--";
	return capture(b, argv, &status);
}

static unsigned int count_lines(const char *text)
{
	unsigned int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* ID PARENT...<TAB>SUBJECT */
static void parse_commit(struct history *h, unsigned int x, char *line, unsigned int *nr_parents)
{
	char *tab = strchr(line, '\t'), *word, *save = NULL;

	*tab = '\0';
	h->c[x].subject = strdup(tab + 1);
	h->c[x].id = strdup(strtok_r(line, " ", &save));
	h->first[x] = *nr_parents;
	h->g.nr = x;		/* those that history_find() knows */
	while ((word = strtok_r(NULL, " ", &save))) {
		int parent = history_find(h, word);

		if (parent >= 0)
			h->parent[(*nr_parents)++] = parent;
	}
	h->first[x + 1] = *nr_parents;
}

/* Which commits change the build, and which are likely by their paths. */
static bool look_at_paths(struct bisect *b)
{
	static const char *const options[] = { "--format=%x01%H", "--name-only", "-m", NULL };
	bool modules = !strcmp(b->set.build, "modules");
	struct history *h = &b->h;
	char *text = git_log(b, options), *line, *save = NULL;
	int x = -1;

	if (!text)
		return false;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (*line == '\001') {
			x = history_find(h, line + 1);
			continue;
		}
		if (x < 0)
			continue;
		if (!modules || builds_modules(line))
			h->c[x].changes = true;
		if (is_likely(&b->set, line))
			h->prior[x] = 8;
	}
	free(text);
	return true;
}

/*
 * Fills b->h from the repository. Commits that build into the same as their only parent keep their
 * place, and the probability 0.
 */
bool history_load(struct bisect *b)
{
	static const char *const options[] = {
		"--topo-order", "--reverse", "--format=%H %P\t%s", NULL
	};
	struct history *h = &b->h;
	unsigned int nr, nr_parents = 0, x = 0;
	char *text = git_log(b, options), *line, *save = NULL;
	bool *mark;

	if (!text)
		return false;
	nr = count_lines(text);
	if (!nr)
		return false;
	h->c = calloc(nr, sizeof(*h->c));
	h->first = calloc(nr + 1, sizeof(*h->first));
	h->parent = calloc(nr * 4 + 64, sizeof(*h->parent));
	h->prior = calloc(nr, sizeof(*h->prior));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		parse_commit(h, x++, line, &nr_parents);
	free(text);
	graph_init(&h->g, nr, h->first, h->parent);
	for (x = 0; x < nr; x++)
		h->prior[x] = 1;
	if (!look_at_paths(b))
		return false;
	for (x = 0; x < nr; x++) {
		unsigned int parents = h->first[x + 1] - h->first[x];

		h->c[x].same = x;
		if (h->c[x].changes || parents != 1)
			continue;
		h->c[x].same = h->c[h->parent[h->first[x]]].same;
		h->prior[x] = 0;
	}
	/* The commit looked for is in all tips. */
	mark = calloc(nr, sizeof(*mark));
	for (unsigned int i = 1; i < b->set.tips.nr; i++) {
		int tip = history_find(h, b->set.tips.item[i]);

		if (tip < 0)
			continue;
		graph_ancestors(&h->g, tip, mark);
		for (x = 0; x < nr; x++)
			if (!mark[x])
				h->prior[x] = 0;
	}
	free(mark);
	b->built = calloc(nr, sizeof(*b->built));
	b->ahead.failed = calloc(nr, sizeof(*b->ahead.failed));
	engine_init(&b->e, &h->g, h->prior, b->set.find_fix);
	return true;
}
