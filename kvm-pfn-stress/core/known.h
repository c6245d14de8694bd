/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Known issues: configs/known-issues, read by the host and by the program. libc only. What a
 * section may say is written at the top of that file.
 *
 * An entry is narrow on purpose: it names the oracle, the rule and the backing in full, and the
 * kernels it is known on, so that it can not swallow another bug with the same errno.
 */
#ifndef PFN_KNOWN_H
#define PFN_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct known_issues;

/* NULL with "file:line: what was expected" in err. */
struct known_issues *known_load(const char *path, char *err, size_t errlen);
void known_free(struct known_issues *k);

/* The ID of the entry that covers this failure on this kernel (uname -r) today, or NULL. */
const char *known_match(const struct known_issues *k, const char *fingerprint,
			const char *kernel_release, time_t now);

/* For those who warn about entries that expired or that nothing matches any more. */
size_t known_count(const struct known_issues *k);
const char *known_id(const struct known_issues *k, size_t i);
const char *known_link(const struct known_issues *k, size_t i);
bool known_expired(const struct known_issues *k, size_t i, time_t now);
bool known_covers_kernel(const struct known_issues *k, size_t i, const char *kernel_release);

#endif /* PFN_KNOWN_H */
