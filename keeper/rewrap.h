/* keeper/rewrap.h - everything that the KEK seals, brought under another KEK.
 *
 * One file at a time, each replaced as a whole: a keeper that is killed at any
 * point goes on where it was, and everything opens meanwhile. Thread-safe. */
#ifndef KEEPER_REWRAP_H
#define KEEPER_REWRAP_H
#include "ops.h"

#define KEEPER_SEAL_KEPT (400 * 86400) /* seconds that a sealed passphrase is kept */

struct keeper_rewrap_page {
    char next[KEEPER_ID]; /* "" = the end */
    int64_t seen, changed, left, purged;
};

/* The keys with ids after AFTER (NULL = from the start), at most LIMIT. DRY only counts
 * what is left. A record that can't be read is left, counted and logged. */
enum base_fail_class keeper_rewrap_keys(struct keeper_ctx *ctx, const char *after, size_t limit,
                                        bool dry, struct keeper_rewrap_page *out,
                                        struct base_fail *f);
/* The same for the sealed passphrases of exports. Those that are older than
 * KEEPER_SEAL_KEPT at NOW, or whose key was destroyed, are removed; those of no key
 * (set beforehand) and those that were handed out and hold no passphrase any more stay. */
enum base_fail_class keeper_rewrap_exports(struct keeper_ctx *ctx, const char *after, size_t limit,
                                           bool dry, int64_t now, struct keeper_rewrap_page *out,
                                           struct base_fail *f);
/* Files right in the state directory that are sealed with another KEK than the present one. */
enum base_fail_class keeper_rewrap_others(struct keeper_ctx *ctx, int64_t *left,
                                          struct base_fail *f);

#endif
