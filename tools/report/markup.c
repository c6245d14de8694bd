// SPDX-License-Identifier: GPL-2.0-only
/*
 * HTML and XML through libxml2's writer. What JSON may carry and XML may not (control characters)
 * becomes a blank. Elements are always closed by an end tag, which HTML needs and XML allows.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

void markup_begin(struct markup *m)
{
	m->buffer = xmlBufferCreate();
	m->w = xmlNewTextWriterMemory(m->buffer, 0);
	if (!m->w)
		abort();
}

bool markup_end(struct markup *m, FILE *file)
{
	bool ok;

	xmlTextWriterEndDocument(m->w);
	xmlFreeTextWriter(m->w);
	ok = fputs((const char *)xmlBufferContent(m->buffer), file) >= 0;
	xmlBufferFree(m->buffer);
	return ok;
}

static char *clean(const char *fmt, va_list ap)
{
	char *s;

	if (vasprintf(&s, fmt, ap) < 0)
		abort();
	for (char *c = s; *c; c++)
		if ((unsigned char)*c < 0x20 && *c != '\n' && *c != '\t')
			*c = ' ';
	return s;
}

/* CLASS may be NULL. */
void tag(struct markup *m, const char *name, const char *class)
{
	xmlTextWriterStartElement(m->w, BAD_CAST name);
	if (class)
		xmlTextWriterWriteAttribute(m->w, BAD_CAST "class", BAD_CAST class);
}

void tag_end(struct markup *m)
{
	xmlTextWriterFullEndElement(m->w);
}

void attr(struct markup *m, const char *name, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = clean(fmt, ap);
	va_end(ap);
	xmlTextWriterWriteAttribute(m->w, BAD_CAST name, BAD_CAST s);
	free(s);
}

void words(struct markup *m, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = clean(fmt, ap);
	va_end(ap);
	xmlTextWriterWriteString(m->w, BAD_CAST s);
	free(s);
}

void leaf(struct markup *m, const char *name, const char *class, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = clean(fmt, ap);
	va_end(ap);
	tag(m, name, class);
	xmlTextWriterWriteString(m->w, BAD_CAST s);
	tag_end(m);
	free(s);
}
