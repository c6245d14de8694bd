// SPDX-License-Identifier: GPL-2.0-only
/*
 * The results port: what comes out of it was written by a kernel that is being broken on purpose.
 * Lines may be cut, glued together, endless, or not text at all; whatever is not understood is
 * counted and passed over.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

static int hex(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	c = tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place. A '%' that two hex digits do not follow stands for itself; a NUL becomes '?'. */
static void percent_decode(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (*s == '%' && hex(s[1]) >= 0 && hex(s[2]) >= 0) {
			int c = hex(s[1]) * 16 + hex(s[2]);

			*out++ = c ? c : '?';
			s += 2;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

static bool word_ok(const char *s)
{
	if (!islower((unsigned char)*s))
		return false;
	for (; *s; s++)
		if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) && *s != '_')
			return false;
	return true;
}

bool event_parse(char *line, struct event *ev)
{
	char *save, *word, *equals;

	ev->nr = 0;
	if (*line != '@')
		return false;
	word = strtok_r(line + 1, " ", &save);
	if (!word || word != line + 1 || !word_ok(word))
		return false;
	ev->name = word;
	while ((word = strtok_r(NULL, " ", &save))) {
		equals = strchr(word, '=');
		if (!equals)
			return false;
		*equals = '\0';
		if (!word_ok(word))
			return false;
		if (ev->nr == EVENT_KEYS_MAX)
			continue;
		percent_decode(equals + 1);
		ev->kv[ev->nr].key = word;
		ev->kv[ev->nr++].value = equals + 1;
	}
	return true;
}

const char *event_text(const struct event *ev, const char *key, const char *otherwise)
{
	for (unsigned int i = 0; i < ev->nr; i++)
		if (!strcmp(ev->kv[i].key, key))
			return ev->kv[i].value;
	return otherwise;
}

uint64_t event_number(const struct event *ev, const char *key)
{
	const char *s = event_text(ev, key, "0");

	return isdigit((unsigned char)*s) ? strtoull(s, NULL, 0) : 0;
}

static bool is_text(const char *s)
{
	for (; *s; s++)
		if (!isprint((unsigned char)*s) && *s != '\t')
			return false;
	return true;
}

static void port_line(struct port *port)
{
	struct event ev;
	char *line = port->line;

	line[port->len] = '\0';
	if (port->len && line[port->len - 1] == '\r')
		line[--port->len] = '\0';
	if (strlen(line) != port->len || !is_text(line)) {
		port->garbled++;
	} else if (*line == '@') {
		if (event_parse(line, &ev))
			port->on_event(port->arg, &ev);
		else
			port->garbled++;
	} else if (*line && port->on_text) {
		port->on_text(port->arg, line);
	}
	port->len = 0;
}

void port_feed(struct port *port, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n') {
			if (port->too_long)
				port->garbled++;
			else
				port_line(port);
			port->len = 0;
			port->too_long = false;
		} else if (port->len < sizeof(port->line) - 1) {
			port->line[port->len++] = data[i];
		} else {
			port->too_long = true;
		}
	}
}

/* A last line without its end was cut: half an event is no event. */
void port_eof(struct port *port)
{
	if (port->len)
		port->garbled++;
	port->len = 0;
}
