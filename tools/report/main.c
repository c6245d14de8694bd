// SPDX-License-Identifier: GPL-2.0-only
/* report FORMAT DIR... [-o FILE]: see report.h and docs/report.md. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

static const struct {
	const char *name;
	int (*write)(const struct set *set, struct output *out);
	const char *what;
} formats[] = {
	{ "text", text_write, "a summary for the terminal" },
	{ "html", html_write, "one page, everything in it; of two directories what changed, too" },
	{ "merge", merge_write, "one verdict: KTAP, and its exit status" },
	{ "junit", junit_write, "JUnit XML" },
	{ "kcidb", kcidb_write, "KCIDB v5.3 JSON (--origin NAME, --build ID)" },
	{ "squad", squad_write, "tests.json, metrics.json, metadata.json in the directory -o" },
};

static void usage(FILE *file)
{
	fprintf(file, "usage: ./run.sh report FORMAT DIR... [-o FILE]\n\n");
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		fprintf(file, "  %-8s %s\n", formats[i].name, formats[i].what);
	fprintf(file, "\nDIR is a results directory. Exit status: 0; 1 it could not be written;\n"
		      "2 wrong usage. merge: 0 passed, 1 failed or incomplete, 4 all skipped.\n");
}

static bool parse(int argc, char **argv, struct output *out)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "origin", required_argument, NULL, 'O' },
		{ "build", required_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "o:h", options, NULL)) >= 0) {
		switch (opt) {
		case 'o': out->path = optarg; break;
		case 'O': out->origin = optarg; break;
		case 'b': out->build_id = optarg; break;
		case 'h':
			usage(stdout);
			exit(EXIT_PASS);
		default: return false;
		}
	}
	if (strspn(out->origin, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(out->origin) ||
	    !*out->origin) {
		fprintf(stderr, "report: --origin: expected a-z, 0-9 and _, got '%s'\n",
			out->origin);
		return false;
	}
	if (out->build_id && !strchr(out->build_id, ':')) {
		fprintf(stderr, "report: --build: expected ORIGIN:ID, got '%s'\n", out->build_id);
		return false;
	}
	return true;
}

/* Into a file beside its name, renamed when it is whole. */
static int write_out(int (*write)(const struct set *, struct output *), const struct set *set,
		     struct output *out)
{
	char *tmp = out->path ? format("%s.tmp", out->path) : NULL;
	int status;

	if (write == squad_write)
		return squad_write(set, out);
	out->file = tmp ? fopen(tmp, "we") : stdout;
	if (!out->file) {
		fprintf(stderr, "report: %s: %s\n", tmp, strerror(errno));
		return EXIT_FAIL;
	}
	status = write(set, out);
	errno = ENOSPC;
	if (ferror(out->file) | (tmp ? fclose(out->file) : fflush(out->file)) ||
	    (tmp && rename(tmp, out->path))) {
		fprintf(stderr, "report: %s: %s\n", tmp ? out->path : "standard output",
			strerror(errno));
		if (tmp)
			remove(tmp);
		status = EXIT_FAIL;
	}
	free(tmp);
	return status;
}

int main(int argc, char **argv)
{
	struct output out = { .origin = "kvm_pfn_stress" };
	struct set set = { 0 };
	size_t f;

	if (!parse(argc, argv, &out))
		return EXIT_USAGE;
	argv += optind;
	argc -= optind;
	for (f = 0; argc && f < ARRAY_LEN(formats) && strcmp(argv[0], formats[f].name); f++)
		;
	if (!argc || f == ARRAY_LEN(formats)) {
		if (argc)
			fprintf(stderr, "report: unknown format '%s'\n", argv[0]);
		usage(stderr);
		return EXIT_USAGE;
	}
	if (argc < 2) {
		fprintf(stderr, "report: %s: expected a results directory\n", argv[0]);
		return EXIT_USAGE;
	}
	if (formats[f].write == squad_write && !out.path) {
		fprintf(stderr, "report: squad: expected -o DIRECTORY\n");
		return EXIT_USAGE;
	}
	set.result = calloc(argc, sizeof(*set.result));
	for (int i = 1; i < argc; i++)
		if (!load_result(&set.result[set.nr++], argv[i]))
			return EXIT_USAGE;
	set_group(&set);
	return write_out(formats[f].write, &set, &out);
}
