/* base/safename.h - a mailbox, or any other text from outside, as the name of a file.
 *
 * One text gives one name and the other way round, also where a file system minds no case; a name is
 * never "", ".", "..", hidden, or longer than BASE_SAFE_NAME_MAX, and has no "/". */
#ifndef BASE_SAFENAME_H
#define BASE_SAFENAME_H
#include "arena.h"

#define BASE_SAFE_NAME_MAX 200

/* [a-z0-9._@+-] stay (a dot not in front), every other byte is %XX, capitals too; of
 * what is too long the start and "~" with 32 hex digits of its SHA-256 stay. In A. */
char *base_safe_name(struct base_arena *a, const char *text);

#endif
