// SPDX-License-Identifier: GPL-2.0-only
/* /proc/timer_list: a CPU that does not take its timer interrupts is told from one that sleeps. */
#include "test.h"
#include "core/timers.h"

#define TEXT(next0, next1) \
	"Timer List Version: v0.9\nHRTIMER_MAX_CLOCK_BASES: 8\nnow at 1740500000000 nsecs\n\n" \
	"cpu: 0\n clock 0:\n  .base:       pK-error\n  .index:      0\nactive timers:\n" \
	" #0: <0>, tick_nohz_handler, S:01\n" \
	" # expires at 1740501000000-1740501000000 nsecs [in 1000000 to 1000000 nsecs]\n" \
	"  .expires_next   : " next0 " nsecs\n  .hres_active    : 1\n\n" \
	"cpu: 1\n clock 0:\n  .expires_next   : " next1 " nsecs\n  .hres_active    : 1\n\n" \
	"Tick Device: mode:     1\nPer CPU device: 0\nClock Event Device: lapic\n" \
	" next_event:     1732000000000 nsecs\n"

static int look(const char *text, struct overdue *o)
{
	FILE *f = fmemopen((char *)text, strlen(text), "r");
	int ret = timers_overdue(f, o);

	fclose(f);
	return ret;
}

static void all_are_alive(void **state)
{
	struct overdue o;

	(void)state;
	/* a moment late is none: it is being looked at */
	assert_int_equal(look(TEXT("1740499999000", "1740620000000"), &o), 0);
	assert_int_equal(look(TEXT("1740501000000", "9223372036854775807"), &o), 0);
}

static void one_is_not(void **state)
{
	struct overdue o;

	(void)state;
	assert_int_equal(look(TEXT("1740501000000", "1732500000000"), &o), 1);
	assert_int_equal(o.cpu, 1);
	assert_int_equal(o.expires, 1732500000000);
	assert_int_equal(o.late, 8000000000);
}

static void nothing_known(void **state)
{
	struct overdue o;

	(void)state;
	assert_int_equal(timers_overdue(NULL, &o), -1);
	assert_int_equal(look("now at 1740500000000 nsecs\n", &o), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_alive),
		cmocka_unit_test(one_is_not),
		cmocka_unit_test(nothing_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
