// SPDX-License-Identifier: GPL-2.0-only
/* The port: bytes from a kernel that is being broken on purpose. */
#include "test.h"
#include "runner.h"

static char seen[65536];
static unsigned int events, texts;

static void on_event(void *arg, const struct event *ev)
{
	(void)arg;
	events++;
	snprintf(seen, sizeof(seen), "%s", ev->name);
	for (unsigned int i = 0; i < ev->nr; i++) {
		size_t len = strlen(seen);

		snprintf(seen + len, sizeof(seen) - len, " %s<%s>", ev->kv[i].key, ev->kv[i].value);
	}
}

static void on_text(void *arg, const char *line)
{
	(void)arg;
	texts++;
	snprintf(seen, sizeof(seen), "%s", line);
}

static int fresh(void **state)
{
	struct port *port = calloc(1, sizeof(*port));

	port->on_event = on_event;
	port->on_text = on_text;
	events = texts = 0;
	*seen = '\0';
	*state = port;
	return 0;
}

static int gone(void **state)
{
	free(*state);
	return 0;
}

static void feed(struct port *port, const char *text)
{
	port_feed(port, text, strlen(text));
}

static void reads_events_and_text(void **state)
{
	struct port *port = *state;

	feed(port, "@count scenario=anon kind=window name=retry value=12\n");
	assert_string_equal(seen, "count scenario<anon> kind<window> name<retry> value<12>");
	feed(port, "ok 1 anon\r\n");
	assert_string_equal(seen, "ok 1 anon");
	feed(port, "@end\n");
	assert_string_equal(seen, "end");
	feed(port, "@x a=\n");
	assert_string_equal(seen, "x a<>");
	feed(port, "@x   a=1   b=2  \n");
	assert_string_equal(seen, "x a<1> b<2>");
	feed(port, "\n\n");
	assert_int_equal(events, 4);
	assert_int_equal(texts, 1);
	assert_int_equal(port->garbled, 0);
}

static void decodes_percent(void **state)
{
	struct port *port = *state;

	feed(port, "@x a=one%20two%0athree b=100%25 c=%4 d=%zz e=%00 f==\n");
	assert_string_equal(seen, "x a<one two\nthree> b<100%> c<%4> d<%zz> e<?> f<=>");
}

static void takes_pieces_of_any_size(void **state)
{
	static const char text[] = "@scenario name=anon index=3\n@live t_ms=1\nok\n";
	struct port *port = *state;

	for (size_t i = 0; i < strlen(text); i++)
		port_feed(port, text + i, 1);
	port_eof(port);
	assert_int_equal(events, 2);
	assert_int_equal(texts, 1);
	assert_int_equal(port->garbled, 0);
}

static void passes_over_garbage(void **state)
{
	static const char * const lines[] = {
		"@", "@ x=1", "@@x", "@X a=1", "@x a", "@x =1", "@x A=1", "@x a=1 b", "@1",
		"@x a=\x01", "caf\xc3\xa9", "\x1b[31mred",
	};
	struct port *port = *state;

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		feed(port, lines[i]);
		feed(port, "\n");
		assert_int_equal(port->garbled, i + 1);
	}
	port_feed(port, "@x a=1\0b\n", 9);
	assert_int_equal(port->garbled, ARRAY_LEN(lines) + 1);
	assert_int_equal(events, 0);
	feed(port, "@x a=1\n");
	assert_int_equal(events, 1);
}

static void passes_over_endless_lines(void **state)
{
	struct port *port = *state;
	char block[1000];

	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 100; i++)
		port_feed(port, block, sizeof(block));
	feed(port, "\n@x a=1\n");
	assert_int_equal(port->garbled, 1);
	assert_int_equal(events, 1);
	assert_int_equal(texts, 0);
}

static void half_a_line_is_no_event(void **state)
{
	struct port *port = *state;

	feed(port, "@result scenario=anon verdict=pa");
	port_eof(port);
	assert_int_equal(events, 0);
	assert_int_equal(port->garbled, 1);
}

static void drops_keys_beyond_the_limit(void **state)
{
	struct port *port = *state;

	feed(port, "@x");
	for (int i = 0; i < EVENT_KEYS_MAX + 10; i++)
		feed(port, " k=1");
	feed(port, "\n");
	assert_int_equal(events, 1);
}

static void survives_noise(void **state)
{
	struct port *port = *state;
	unsigned int seed = 1;
	char block[4096];

	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < sizeof(block); i++) {
			seed = seed * 1103515245 + 12345;
			/* mostly bytes that mean something */
			block[i] = seed >> 16 & 1 ? "@= %ab0\n"[seed >> 18 & 7] : (char)(seed >> 20);
		}
		port_feed(port, block, sizeof(block));
	}
	port_eof(port);
	assert_true(port->garbled > 0);
}

static void reads_numbers(void **state)
{
	char line[] = "@x a=12 b=0x10 c=abc d=-1 e=18446744073709551615 f=";
	struct event ev;

	(void)state;
	assert_true(event_parse(line, &ev));
	assert_int_equal(event_number(&ev, "a"), 12);
	assert_int_equal(event_number(&ev, "b"), 16);
	assert_int_equal(event_number(&ev, "c"), 0);
	assert_int_equal(event_number(&ev, "d"), 0);
	assert_true(event_number(&ev, "e") == UINT64_MAX);
	assert_int_equal(event_number(&ev, "f"), 0);
	assert_int_equal(event_number(&ev, "missing"), 0);
	assert_string_equal(event_text(&ev, "missing", "other"), "other");
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, fresh, gone)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_events_and_text),
		TEST(decodes_percent),
		TEST(takes_pieces_of_any_size),
		TEST(passes_over_garbage),
		TEST(passes_over_endless_lines),
		TEST(half_a_line_is_no_event),
		TEST(drops_keys_beyond_the_limit),
		TEST(survives_noise),
		cmocka_unit_test(reads_numbers),
	};

	return cmocka_run_group_tests_name("port", tests, NULL, NULL);
}
