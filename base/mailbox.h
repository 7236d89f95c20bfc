/* base/mailbox.h - when two spellings of an address are one mailbox.
 *
 * RFC 5321 section 2.4: only the host of a mailbox knows whether the case of its local part
 * means anything; nearly everywhere it doesn't, so it is folded unless the domain's
 * configuration says otherwise (fold_local_part). The domain is always folded.
 *
 * Folded is ASCII only. For other letters of a local part (RFC 6531) no mapping is agreed on:
 * Unicode's grows with its versions and differs by language, and a key of a mailbox that is
 * made today must be the same in ten years. So such addresses are one mailbox only where those
 * letters are the same bytes: two are never mixed up, at worst one is kept as two. Nothing is
 * normalised or unquoted either. The domain is expected as A-labels (policy/recognise.h). */
#ifndef BASE_MAILBOX_H
#define BASE_MAILBOX_H
#include <stdbool.h>

#include "arena.h"

/* The text that all spellings of ADDRESS share, in A. What stands before the last "@" is the local
 * part, which FOLD puts in lower case; without "@" all of it is. Made again from itself it is
 * the same, with FOLD and without. NULL stays NULL. */
char *base_mailbox_key(struct base_arena *a, const char *address, bool fold);
/* Do both give the same key? NULL is no mailbox. */
bool base_mailbox_same(const char *x, const char *y, bool fold);

#endif
