// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes of a commit something that run.sh can run: a list of its options. One row for each way.
 *
 *	modules	  only KVM is built, for the kernel that --kernel names
 *	kernel	  all of it, with a small configuration
 *	suite	  the commit is one of this suite: its own run.sh runs
 *	COMMAND	  gets the commit as argument, prints options of run.sh as its last line
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bisect.h"

static char *last_line(struct bisect *b, char * const *argv, int *status)
{
	return proc_last_line(&b->host, argv, status);
}

static const char *vm_dir(struct bisect *b)
{
	return b->host.vm_dir;
}

static void add(struct list *list, const char *item)
{
	list_add(list, item);
}

static char *build_modules(struct bisect *b, const char *id, struct list *options, int *status)
{
	char *script = format("%s/build-kvm-git.sh", vm_dir(b));
	char * const argv[] = { script, b->set.kernel, b->set.git, (char *)id, NULL };
	char *dir = last_line(b, argv, status);

	free(script);
	if (!dir)
		return NULL;
	add(options, "--kernel");
	add(options, b->set.kernel);
	add(options, "--modules");
	add(options, dir);
	return dir;
}

static char *build_kernel(struct bisect *b, const char *id, struct list *options, int *status)
{
	char *script = format("%s/build-kernel.sh", vm_dir(b));
	char * const argv[] = { script, b->set.git, (char *)id, b->set.config, NULL };
	char *dir = last_line(b, argv, status);

	free(script);
	if (!dir)
		return NULL;
	add(options, "--kernel");
	add(options, dir);
	return dir;
}

/* The commit's own suite, in a directory of its own. Options begin with its run.sh. */
static char *build_suite(struct bisect *b, const char *id, struct list *options, int *status)
{
	static const char *text =
		"mkdir -p \"$3\" && git -C \"$1\" archive \"$2\" | tar -x -C \"$3\" && echo \"$3\"";
	char *dir = format("%s/suite/%.12s", b->dir, id);
	char * const argv[] = { "bash", "-o", "pipefail", "-c", (char *)text, "sh",
		b->set.git, (char *)id, dir, NULL };
	char *line = last_line(b, argv, status);

	if (line) {
		char *run = format("%s/run.sh", dir);

		add(options, run);
		free(run);
		if (b->set.kernel) {
			add(options, "--kernel");
			add(options, b->set.kernel);
		}
	}
	free(dir);
	return line;
}

static char *build_command(struct bisect *b, const char *id, struct list *options, int *status)
{
	char *command = format("%s \"$1\"", b->set.build);
	char * const argv[] = { "sh", "-c", command, "sh", (char *)id, NULL };
	char *line = last_line(b, argv, status), *word, *save = NULL, *copy;

	free(command);
	if (!line)
		return NULL;
	copy = strdup(line);
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		add(options, word);
	free(copy);
	return line;
}

static const struct {
	const char *name;
	char *(*build)(struct bisect *b, const char *id, struct list *options, int *status);
	double guess;		/* seconds */
} ways[] = {
	{ "modules", build_modules, 30 },
	{ "kernel", build_kernel, 300 },
	{ "suite", build_suite, 20 },
	{ NULL, build_command, 60 },
};

static unsigned int way(const struct bisect *b)
{
	unsigned int i = 0;

	while (ways[i].name && strcmp(ways[i].name, b->set.build))
		i++;
	return i;
}

/* What the next build will take: as the last ones did. */
double build_guess(const struct bisect *b)
{
	double sum = ways[way(b)].guess, weight = 1;

	for (unsigned int i = 0; i < b->nr_ev; i++) {
		if (b->ev[i].build < 1)
			continue;	/* was there already */
		sum += b->ev[i].build * 2;
		weight += 2;
	}
	return sum / weight;
}

/*
 * CLEAN: it is built, and *options are what run.sh needs to run it. Else why it is not, in *error.
 * Exit status 2 of a script is about its arguments or this machine, not about the commit.
 */
enum outcome build_commit(struct bisect *b, const char *id, struct list *options, char **error)
{
	int status = 0;
	char *what = ways[way(b)].build(b, id, options, &status);

	*error = NULL;
	if (what) {
		free(what);
		return CLEAN;
	}
	if (b->host.interrupted)
		return STOPPED;
	*error = format("building %.12s failed with status %d", id, status);
	return status == 2 || status == 127 ? TROUBLE : NO_BUILD;
}

/*
 * A commit that is bad with the culprit reverted, made in a clone of our own; NULL and the reason
 * where the revert does not apply. A merge is reverted against its first parent.
 */
char *build_reverted(struct bisect *b, const char *bad, const char *culprit, char **error)
{
	static const char *text =
		"set -e; src=$1/clone\n"
		"[ -e \"$src\" ] || git clone -q --shared --no-checkout \"$2\" \"$src\"\n"
		"cd \"$src\"; git fetch -q \"$2\" \"$3\" \"$4\" 2>/dev/null || true\n"
		"git checkout -q -f --detach \"$3\"; m=\n"
		"[ $(git rev-list --parents -n 1 \"$4\" | wc -w) -le 2 ] || m='-m 1'\n"
		"git -c user.name=bisect -c user.email=bisect@localhost revert $m --no-edit \"$4\" "
		"	>/dev/null 2>&1 ||\n"
		"	{ git revert --abort; exit 3; }\n"
		"git rev-parse HEAD\n";
	char *const argv[] = { "bash", "-c", (char *)text, "sh", b->dir, b->set.git, (char *)bad,
		(char *)culprit, NULL };
	int status;
	char *id = last_line(b, argv, &status);

	*error = id ? NULL : format("%s", status == 3 ? "it does not revert" : "git failed");
	return id;
}
