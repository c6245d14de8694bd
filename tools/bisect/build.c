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

/* Words of a command, and what its last line of output means as options of run.sh. */
static void add(struct list *list, const char *item)
{
	list_add(list, item);
}

static void add_script(struct bisect *b, const char *name, struct list *command)
{
	char *script = format("%s/%s", b->host.vm_dir, name);

	add(command, script);
	free(script);
}

static void modules_command(struct bisect *b, const char *id, struct list *command)
{
	add_script(b, "build-kvm-git.sh", command);
	add(command, b->set.kernel);
	add(command, b->set.git);
	add(command, id);
}

static void modules_options(struct bisect *b, const char *line, struct list *options)
{
	add(options, "--kernel");
	add(options, b->set.kernel);
	add(options, "--modules");
	add(options, line);
}

static void kernel_command(struct bisect *b, const char *id, struct list *command)
{
	add_script(b, "build-kernel.sh", command);
	add(command, b->set.git);
	add(command, id);
	if (b->set.config)
		add(command, b->set.config);
}

static void kernel_options(struct bisect *b, const char *line, struct list *options)
{
	(void)b;
	add(options, "--kernel");
	add(options, line);
}

/* The commit's own suite, in a directory of its own. Options begin with its run.sh. */
static void suite_command(struct bisect *b, const char *id, struct list *command)
{
	static const char *text =
		"mkdir -p \"$3\" && git -C \"$1\" archive \"$2\" | tar -x -C \"$3\" && echo \"$3\"";
	char *dir = format("%s/suite/%.12s", b->dir, id);
	const char *words[] = { "bash", "-o", "pipefail", "-c", text, "sh", b->set.git, id, dir };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		add(command, words[i]);
	free(dir);
}

static void suite_options(struct bisect *b, const char *line, struct list *options)
{
	char *run = format("%s/run.sh", line);

	add(options, run);
	free(run);
	if (!b->set.kernel)
		return;
	add(options, "--kernel");
	add(options, b->set.kernel);
}

static void user_command(struct bisect *b, const char *id, struct list *command)
{
	char *text = format("%s \"$1\"", b->set.build);
	const char *words[] = { "sh", "-c", text, "sh", id };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		add(command, words[i]);
	free(text);
}

static void user_options(struct bisect *b, const char *line, struct list *options)
{
	char *word, *save = NULL, *copy = strdup(line);

	(void)b;
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		add(options, word);
	free(copy);
}

static const struct {
	const char *name;
	void (*command)(struct bisect *b, const char *id, struct list *command);
	void (*options)(struct bisect *b, const char *line, struct list *options);
	double guess;		/* seconds */
	bool apart;		/* may be built while another is exposed */
	bool keeps;		/* what was built once stays */
} ways[] = {
	{ "modules", modules_command, modules_options, 30, true, true },
	{ "kernel", kernel_command, kernel_options, 300, true, false },
	{ "suite", suite_command, suite_options, 20, false, true },
	{ NULL, user_command, user_options, 60, false, true },
};

static unsigned int way(const struct bisect *b)
{
	unsigned int i = 0;

	while (ways[i].name && strcmp(ways[i].name, b->set.build))
		i++;
	return i;
}

/* Its build has ended with @line, in the place of what was there. */
void build_note(struct bisect *b, const char *id, const char *line)
{
	int x = history_find(&b->h, id);

	if (x < 0)
		return;
	x = b->h.c[x].same;
	for (unsigned int y = 0; !ways[way(b)].keeps && y < b->h.g.nr; y++)
		if (b->h.c[y].where && !strcmp(b->h.c[y].where, line)) {
			free(b->h.c[y].where);
			b->h.c[y].where = NULL;
			b->built[y] = false;
		}
	b->built[x] = true;
	b->h.c[x].where = strdup(line);
}

bool build_keeps(const struct bisect *b)
{
	return ways[way(b)].keeps;
}

bool build_apart(const struct bisect *b)
{
	return ways[way(b)].apart;
}

/* The command, ended by NULL; free it with build_free_command(). */
char **build_command(struct bisect *b, const char *id, bool background)
{
	struct list command = { .nr = 0 };
	char **argv;

	if (background)
		add(&command, "nice");
	ways[way(b)].command(b, id, &command);
	argv = calloc(command.nr + 1, sizeof(*argv));
	memcpy(argv, command.item, command.nr * sizeof(*argv));
	return argv;
}

void build_free_command(char **argv)
{
	for (char **word = argv; *word; word++)
		free(*word);
	free(argv);
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
	char **command = build_command(b, id, false), *line = proc_last_line(&b->host, command, &status);

	build_free_command(command);
	*error = NULL;
	if (line) {
		ways[way(b)].options(b, line, options);
		build_note(b, id, line);
		free(b->in_use);
		b->in_use = line;
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
	char *id = proc_last_line(&b->host, argv, &status);

	*error = id ? NULL : format("%s", status == 3 ? "it does not revert" : "git failed");
	return id;
}
