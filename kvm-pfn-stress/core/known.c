// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "known.h"

#define fail(p, ...)	conf_fail(&(p)->at, __VA_ARGS__)
#define MAX_FINGERPRINTS	1024	/* of one issue, written out */
#define MAX_FINGERPRINT_LEN	512
#define MAX_PARTS		4	/* of a version: 6.12.117.1 */

struct version {
	unsigned int part[MAX_PARTS];
	unsigned int nr;
};

struct known_issue {
	char id[32];
	char *fingerprint[MAX_FINGERPRINTS];
	unsigned int nr_fingerprints;
	struct version first, last;
	char *link;
	char *note;
	unsigned int expires;	/* as a number that reads YYYYMMDD */
	unsigned int line;
};

struct known_issues {
	struct known_issue *issue;
	size_t nr;
};

struct parser {
	struct conf_at at;
	struct known_issues *k;
};

/* "6.12" or the start of "6.12.117+deb12-amd64"; returns where it ended, or NULL. */
static const char *parse_version(const char *s, struct version *v)
{
	char *end;

	v->nr = 0;
	while (v->nr < MAX_PARTS && isdigit((unsigned char)*s)) {
		v->part[v->nr++] = strtoul(s, &end, 10);
		s = end;
		if (*s != '.' || !isdigit((unsigned char)s[1]))
			return s;
		s++;
	}
	return v->nr ? s : NULL;
}

/* Compares as many parts as the bound has: 7.3.4 is neither below nor above 7.3. */
static int compare_to_bound(const struct version *v, const struct version *bound)
{
	for (unsigned int i = 0; i < bound->nr; i++) {
		unsigned int part = i < v->nr ? v->part[i] : 0;

		if (part != bound->part[i])
			return part < bound->part[i] ? -1 : 1;
	}
	return 0;
}

static int parse_kernels(struct parser *p, struct known_issue *issue, const char *value)
{
	const char *s = parse_version(value, &issue->first);

	issue->last = issue->first;
	if (s && *s == '-')
		s = parse_version(s + 1, &issue->last);
	if (!s || *s)
		return fail(p, "expected a kernel version or a range as 6.1-7.3, got '%s'",
			    value);
	if (compare_to_bound(&issue->first, &issue->last) > 0)
		return fail(p, "expected the older kernel first, got '%s'", value);
	return 0;
}

static int parse_expires(struct parser *p, struct known_issue *issue, const char *value)
{
	unsigned int year, month, day;
	int n = 0;

	if (strlen(value) != 10 ||
	    sscanf(value, "%4u-%2u-%2u%n", &year, &month, &day, &n) != 3 || n != 10 ||
	    year < 2000 || month < 1 || month > 12 || day < 1 || day > 31)
		return fail(p, "expected a date as YYYY-MM-DD, got '%s'", value);
	issue->expires = year * 10000 + month * 100 + day;
	return 0;
}

/* oracle/rule/backing/op[/detail]; a star may stand for op and detail, or for the end of them. */
static int add_fingerprint(struct parser *p, struct known_issue *issue, const char *value)
{
	const char *star = strchr(value, '*');
	unsigned int slashes = 0, part = 0;

	for (const char *s = value; *s; s++) {
		if (*s == '/' && (!part || s[1] == '\0'))
			goto bad;
		slashes += *s == '/';
		part = *s == '/' ? 0 : part + 1;
		if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) &&
		    !strchr("-_/*", *s))
			goto bad;
	}
	if (slashes < 3 || slashes > 4 || (star && star[1]))
		goto bad;
	if (issue->nr_fingerprints == MAX_FINGERPRINTS)
		return fail(p, "expected at most %d fingerprints in one section", MAX_FINGERPRINTS);
	issue->fingerprint[issue->nr_fingerprints] = strdup(value);
	if (!issue->fingerprint[issue->nr_fingerprints])
		return fail(p, "expected enough memory");
	issue->nr_fingerprints++;
	return 0;
bad:
	return fail(p, "expected oracle/rule/backing/op[/detail], a '*' only at its end, got '%s'",
		    value);
}

/* a/b/{c,d}/e is a/b/c/e and a/b/d/e. */
static int parse_fingerprint(struct parser *p, struct known_issue *issue, const char *value)
{
	const char *open = strchr(value, '{'), *close = open ? strchr(open, '}') : NULL, *one, *end;
	char text[MAX_FINGERPRINT_LEN];

	if (!close)
		return add_fingerprint(p, issue, value);
	for (one = open + 1; one <= close; one = end + 1) {
		end = one + strcspn(one, ",}");
		if (end == one || (size_t)snprintf(text, sizeof(text), "%.*s%.*s%s",
						   (int)(open - value), value, (int)(end - one), one,
						   close + 1) >= sizeof(text))
			return fail(p, "expected words between '{', ',' and '}', got '%s'", value);
		if (parse_fingerprint(p, issue, text))
			return -1;
	}
	return 0;
}

static int parse_text(struct parser *p, char **text, const char *value)
{
	*text = strdup(value);
	return *text ? 0 : fail(p, "expected enough memory");
}

/* What a section must say is checked where it ends, and reported where it began. */
static int check_section(struct parser *p)
{
	struct known_issue *issue = p->k->nr ? &p->k->issue[p->k->nr - 1] : NULL;

	if (!issue)
		return 0;
	p->at.line = issue->line;
	if (!issue->nr_fingerprints)
		return fail(p, "expected 'fingerprint = ...' in section [%s]", issue->id);
	if (!issue->first.nr)
		return fail(p, "expected 'kernels = ...' in section [%s]", issue->id);
	if (!issue->link)
		return fail(p, "expected 'link = ...' in section [%s]", issue->id);
	if (!issue->expires)
		return fail(p, "expected 'expires = YYYY-MM-DD' in section [%s]", issue->id);
	return 0;
}

static int begin_section(struct parser *p, char *line)
{
	unsigned int number = p->at.line;
	struct known_issue *issue;
	char *end = strchr(line, ']');
	size_t len;

	if (!end || end[1])
		return fail(p, "expected '[ID]', got '%s'", line);
	*end = '\0';
	line = conf_trim(line + 1);
	len = strlen(line);
	if (!len || len >= sizeof(issue->id) || strpbrk(line, " \t[\""))
		return fail(p, "expected an ID of 1 to %zu characters without blanks, got '%s'",
			    sizeof(issue->id) - 1, line);
	for (size_t i = 0; i < p->k->nr; i++)
		if (!strcmp(p->k->issue[i].id, line))
			return fail(p, "expected each ID once, [%s] is also on line %u", line,
				    p->k->issue[i].line);
	if (check_section(p))
		return -1;
	p->at.line = number;
	issue = realloc(p->k->issue, (p->k->nr + 1) * sizeof(*issue));
	if (!issue)
		return fail(p, "expected enough memory");
	p->k->issue = issue;
	issue += p->k->nr++;
	memset(issue, 0, sizeof(*issue));
	memcpy(issue->id, line, len);
	issue->line = number;
	return 0;
}

static int parse_line(struct parser *p, char *line)
{
	struct known_issue *issue;
	char *equals, *value;

	line = conf_trim(line);
	if (!*line || *line == '#')
		return 0;
	if (*line == '[')
		return begin_section(p, line);
	equals = strchr(line, '=');
	if (!equals)
		return fail(p, "expected '[ID]' or 'key = value', got '%s'", line);
	if (!p->k->nr)
		return fail(p, "expected a section '[ID]' before the first key");
	issue = &p->k->issue[p->k->nr - 1];
	*equals = '\0';
	line = conf_trim(line);
	value = conf_trim(equals + 1);
	if (!*value)
		return fail(p, "expected a value for '%s'", line);
	if (!strcmp(line, "fingerprint"))
		return parse_fingerprint(p, issue, value);
	if (!strcmp(line, "kernels") && !issue->first.nr)
		return parse_kernels(p, issue, value);
	if (!strcmp(line, "expires") && !issue->expires)
		return parse_expires(p, issue, value);
	if (!strcmp(line, "link") && !issue->link)
		return parse_text(p, &issue->link, value);
	if (!strcmp(line, "note") && !issue->note)
		return parse_text(p, &issue->note, value);
	return fail(p, "expected fingerprint, or one each of kernels, link, expires, note, got '%s'",
		    line);
}

static int parse_stream(struct parser *p, FILE *file)
{
	char *line = NULL;
	size_t size = 0;
	int ret = 0;

	for (p->at.line = 1; !ret && getline(&line, &size, file) >= 0; p->at.line++) {
		ret = parse_line(p, line);
		if (ret)
			break;
	}
	free(line);
	if (!ret && ferror(file))
		ret = fail(p, "expected a readable file: %s", strerror(errno));
	return ret ? ret : check_section(p);
}

struct known_issues *known_load(const char *path, char *err, size_t errlen)
{
	struct parser p = { .at = { path, 1, err, errlen } };
	FILE *file;
	int ret;

	file = fopen(path, "re");
	if (!file) {
		fail(&p, "expected a readable file: %s", strerror(errno));
		return NULL;
	}
	p.k = calloc(1, sizeof(*p.k));
	ret = p.k ? parse_stream(&p, file) : fail(&p, "expected enough memory");
	fclose(file);
	if (ret) {
		known_free(p.k);
		return NULL;
	}
	return p.k;
}

void known_free(struct known_issues *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->nr; i++) {
		for (unsigned int j = 0; j < k->issue[i].nr_fingerprints; j++)
			free(k->issue[i].fingerprint[j]);
		free(k->issue[i].link);
		free(k->issue[i].note);
	}
	free(k->issue);
	free(k);
}

static bool fingerprint_matches(const char *pattern, const char *fingerprint)
{
	const char *star = strchr(pattern, '*');

	if (star)
		return !strncmp(pattern, fingerprint, star - pattern) &&
		       fingerprint[star - pattern];
	return !strcmp(pattern, fingerprint);
}

const char *known_match(const struct known_issues *k, const char *fingerprint,
			const char *kernel_release, time_t now)
{
	for (size_t i = 0; k && i < k->nr; i++) {
		const struct known_issue *issue = &k->issue[i];

		if (known_expired(k, i, now) || !known_covers_kernel(k, i, kernel_release))
			continue;
		for (unsigned int j = 0; j < issue->nr_fingerprints; j++)
			if (fingerprint_matches(issue->fingerprint[j], fingerprint))
				return issue->id;
	}
	return NULL;
}

size_t known_count(const struct known_issues *k)
{
	return k ? k->nr : 0;
}

const char *known_id(const struct known_issues *k, size_t i)
{
	return k->issue[i].id;
}

const char *known_link(const struct known_issues *k, size_t i)
{
	return k->issue[i].link;
}

/* An entry holds to the end of its last day, UTC. */
bool known_expired(const struct known_issues *k, size_t i, time_t now)
{
	struct tm tm;

	if (!gmtime_r(&now, &tm))
		return false;
	return k->issue[i].expires <
	       (unsigned int)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday);
}

bool known_covers_kernel(const struct known_issues *k, size_t i, const char *kernel_release)
{
	struct version v;

	return parse_version(kernel_release, &v) &&
	       compare_to_bound(&v, &k->issue[i].first) >= 0 &&
	       compare_to_bound(&v, &k->issue[i].last) <= 0;
}
