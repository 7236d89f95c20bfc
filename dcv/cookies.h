/* dcv/cookies.h - cookies of one exchange with one CA; inside dcv/.
 *
 * Kept as text, lines "host<TAB>name=value", because the agent stores it between
 * the steps. A cookie goes back only to the very host that set it; Domain, Path
 * and Expires are ignored but for deletion, which is enough for one form. */
#ifndef DCV_COOKIES_H
#define DCV_COOKIES_H
#include <stddef.h>

#include "base/arena.h"

/* JAR after the answer of HOST with its Set-Cookie values. Never NULL. */
const char *dcv_cookies_take(struct base_arena *a, const char *jar, const char *host,
                             const char **set, size_t nset);
/* Value of the Cookie field for HOST; NULL = none. */
const char *dcv_cookies_for(struct base_arena *a, const char *jar, const char *host);

#endif
