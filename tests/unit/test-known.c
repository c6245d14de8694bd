// SPDX-License-Identifier: GPL-2.0-only
/* Known issues: an entry matches what it says and nothing beside it. */
#include "test.h"
#include "../../kvm-pfn-stress/core/known.h"

#define DAY(y, m, d)	timegm(&(struct tm){ .tm_year = (y) - 1900, .tm_mon = (m) - 1, \
					     .tm_mday = (d), .tm_hour = 23, .tm_min = 59 })

static const char good[] =
	"# comment\n"
	"[S1]\n"
	"fingerprint = outcome/efault-mapped/pfnmap-fault/load/zap-overlap\n"
	"fingerprint = outcome/efault-mapped/pfnmap-fault/store/*\n"
	"fingerprint = outcome/{mmio,shutdown}-hole/{anon,node0}/rmw\n"
	"kernels = 6.1-7.3\n"
	"link = https://example.org/?a=b\n"
	"expires = 2027-06-30\n"
	"note = one line\n"
	"\n"
	"[ONE]\n"
	"fingerprint = refcount/leak/mixedmap/*\n"
	"kernels = 6.12.117\n"
	"link = x\n"
	"expires = 2027-01-01\n";

static const char *match(const struct known_issues *k, const char *fingerprint, const char *kernel)
{
	return known_match(k, fingerprint, kernel, DAY(2026, 6, 1));
}

static void matches_narrowly(void **state)
{
	char err[512] = "";
	struct known_issues *k = known_load(text_file("known", good), err, sizeof(err));

	(void)state;
	assert_string_equal(err, "");
	assert_non_null(k);
	assert_int_equal(known_count(k), 2);
	assert_string_equal(match(k, "outcome/efault-mapped/pfnmap-fault/load/zap-overlap", "6.12.1"),
			    "S1");
	assert_string_equal(match(k, "outcome/efault-mapped/pfnmap-fault/store/x", "6.12.1"), "S1");
	assert_null(match(k, "outcome/efault-mapped/pfnmap-fault/store/", "6.12.1"));
	assert_null(match(k, "outcome/efault-mapped/pfnmap-fault/load", "6.12.1"));
	assert_null(match(k, "outcome/efault-mapped/pfnmap-fault/load/zap-overlap-2", "6.12.1"));
	assert_null(match(k, "outcome/efault-mapped/anon/load/zap-overlap", "6.12.1"));
	assert_string_equal(match(k, "outcome/mmio-hole/anon/rmw", "6.12.1"), "S1");
	assert_string_equal(match(k, "outcome/shutdown-hole/node0/rmw", "6.12.1"), "S1");
	assert_null(match(k, "outcome/mmio-hole/node1/rmw", "6.12.1"));
	assert_null(match(k, "outcome/{mmio,shutdown}-hole/anon/rmw", "6.12.1"));
	assert_null(match(k, "", "6.12.1"));
	assert_null(known_match(NULL, "a/b/c/d", "6.12", 0));
	known_free(k);
}

static void matches_its_kernels(void **state)
{
	static const struct { const char *release; bool s1, one; } cases[] = {
		{ "6.0.19", false, false },
		{ "6.1.0-37-amd64", true, false },
		{ "6.1", true, false },
		{ "6.12.116+deb12-amd64", true, false },
		{ "6.12.117+deb12-amd64", true, true },
		{ "6.12.118", true, false },
		{ "6.2.1", true, false },
		{ "7.3.4+deb14-amd64", true, false },
		{ "7.3", true, false },
		{ "7.4", false, false },
		{ "8.0", false, false },
		{ "5.19", false, false },
		{ "", false, false },
		{ "next", false, false },
	};
	char err[512];
	struct known_issues *k = known_load(text_file("known", good), err, sizeof(err));

	(void)state;
	assert_non_null(k);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(!!match(k, "outcome/efault-mapped/pfnmap-fault/store/x",
					 cases[i].release), cases[i].s1);
		assert_int_equal(!!match(k, "refcount/leak/mixedmap/load", cases[i].release),
				 cases[i].one);
		assert_int_equal(known_covers_kernel(k, 0, cases[i].release), cases[i].s1);
	}
	known_free(k);
}

static void expires(void **state)
{
	const char *fingerprint = "outcome/efault-mapped/pfnmap-fault/load/zap-overlap";
	char err[512];
	struct known_issues *k = known_load(text_file("known", good), err, sizeof(err));

	(void)state;
	assert_non_null(k);
	assert_non_null(known_match(k, fingerprint, "6.12", DAY(2027, 6, 30)));
	assert_null(known_match(k, fingerprint, "6.12", DAY(2027, 7, 1)));
	assert_null(known_match(k, fingerprint, "6.12", DAY(2028, 1, 1)));
	assert_false(known_expired(k, 0, DAY(2027, 6, 30)));
	assert_true(known_expired(k, 0, DAY(2027, 7, 1)));
	assert_string_equal(known_id(k, 1), "ONE");
	assert_string_equal(known_link(k, 0), "https://example.org/?a=b");
	known_free(k);
}

#define REST	"kernels = 6.1\nlink = x\nexpires = 2027-01-01\n"

static const struct {
	const char *text, *err;
} wrong[] = {
	{ "fingerprint = a/b/c/d\n", ":1: expected a section" },
	{ "[A\n", ":1: expected '[ID]'" },
	{ "[]\n", ":1: expected an ID" },
	{ "[A B]\n", ":1: expected an ID" },
	{ "[A]\nnonsense\n", ":2: expected '[ID]' or 'key = value'" },
	{ "[A]\nfingerprint =\n", ":2: expected a value" },
	{ "[A]\nfingerprints = a/b/c/d\n", ":2: expected fingerprint, or one each" },
	{ "[A]\n" REST, ":1: expected 'fingerprint" },
	{ "[A]\nfingerprint = a/b/c/d\n", ":1: expected 'kernels" },
	{ "[A]\nfingerprint = a/b/c/d\nkernels = 6.1\n", ":1: expected 'link" },
	{ "[A]\nfingerprint = a/b/c/d\nkernels = 6.1\nlink = x\n", ":1: expected 'expires" },
	{ "[A]\nkernels = 6.1\nkernels = 6.2\n", ":3: expected fingerprint, or one each" },
	{ "[A]\nfingerprint = a/b/c/d\n" REST "[A]\nfingerprint = a/b/c/e\n" REST,
	  ":6: expected each ID once" },
	{ "[A]\nfingerprint = *\n", ":2: expected oracle/rule" },
	{ "[A]\nfingerprint = a/*\n", ":2: expected oracle/rule" },
	{ "[A]\nfingerprint = a/b/{c/d\n", ":2: expected oracle/rule" },
	{ "[A]\nfingerprint = a/b/c}/d\n", ":2: expected oracle/rule" },
	{ "[A]\nfingerprint = a/b/{c,}/d\n", ":2: expected words between '{'" },
	{ "[A]\nfingerprint = a/b/{}/d\n", ":2: expected words between '{'" },
	{ "[A]\nfingerprint = a/b/*\n", ":2: expected oracle/rule" },
	{ "[A]\nfingerprint = a/b/c*\n", ":2: expected oracle/rule" },
	{ "[A]\nfingerprint = a/*/c/d\n", ":2: expected oracle/rule" },
	{ "[A]\nfingerprint = a/b/c/d**\n", ":2: expected oracle/rule" },
	{ "[A]\nfingerprint = a/b/c/d/e/f\n", ":2: expected oracle/rule" },
	{ "[A]\nfingerprint = a//c/d\n", ":2: expected oracle/rule" },
	{ "[A]\nfingerprint = a/b/c/\n", ":2: expected oracle/rule" },
	{ "[A]\nfingerprint = /b/c/d\n", ":2: expected oracle/rule" },
	{ "[A]\nfingerprint = a b/c/d/e\n", ":2: expected oracle/rule" },
	{ "[A]\nkernels = any\n", ":2: expected a kernel version" },
	{ "[A]\nkernels = 6.1-\n", ":2: expected a kernel version" },
	{ "[A]\nkernels = 6.1 - 6.2\n", ":2: expected a kernel version" },
	{ "[A]\nkernels = 7.3-6.1\n", ":2: expected the older kernel first" },
	{ "[A]\nexpires = never\n", ":2: expected a date" },
	{ "[A]\nexpires = 2027-13-01\n", ":2: expected a date" },
	{ "[A]\nexpires = 27-01-01\n", ":2: expected a date" },
	{ "[A]\nexpires = 2027-01-011\n", ":2: expected a date" },
};

static void says_what_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char err[512] = "";

		assert_null(known_load(text_file("known", wrong[i].text), err, sizeof(err)));
		if (!strstr(err, wrong[i].err))
			fail_msg("'%s': expected '%s', got '%s'", wrong[i].text, wrong[i].err, err);
	}
}

static void the_file_of_the_tree_is_good(void **state)
{
	const char *path = getenv("KNOWN_ISSUES");
	char err[512] = "";
	struct known_issues *k;

	(void)state;
	if (!path)
		skip();
	k = known_load(path, err, sizeof(err));
	assert_string_equal(err, "");
	assert_non_null(k);
	known_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_narrowly),
		cmocka_unit_test(matches_its_kernels),
		cmocka_unit_test(expires),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(the_file_of_the_tree_is_good),
	};

	return cmocka_run_group_tests_name("known", tests, NULL, NULL);
}
