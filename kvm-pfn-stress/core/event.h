/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Output: KTAP lines, and event lines "@name key=value ...", each by one write(2), so that lines
 * never mix. Only the supervisor prints.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <stdbool.h>
#include <stddef.h>

struct event {
	size_t len;
	char line[4096];
};

/* Events are printed only after this; KTAP always is. */
void event_enable(bool on);

void event_begin(struct event *e, const char *name);
/* Values are percent-encoded; one that does not fit any more is cut. */
void event_str(struct event *e, const char *key, const char *value);
void event_num(struct event *e, const char *key, unsigned long long value);
void event_hex(struct event *e, const char *key, unsigned long long value);
void event_end(struct event *e);

/* One KTAP line, without its newline. */
void ktap(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* CORE_EVENT_H */
