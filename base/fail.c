/* base/fail.c - filling struct base_fail.
 *
 * Owns nothing and can't fail: a text that is too long is cut and ends in "...". */
#include "fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum base_fail_class base_failf(struct base_fail *f, enum base_fail_class cls, const char *code,
                                const char *fmt, ...)
{
    if (f == NULL) {
        return cls;
    }
    /* Built aside because an argument may be f->text itself: a caller puts
     * its own words before the failure that it got from below. */
    struct base_fail made = {.cls = cls};
    va_list ap;

    (void)snprintf(made.code, sizeof made.code, "%s", code);
    va_start(ap, fmt);
    int n = vsnprintf(made.text, sizeof made.text, fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof made.text) {
        memcpy(made.text + sizeof made.text - 4, "...", 4);
    }
    *f = made;
    return cls;
}

const char *base_fail_class_name(enum base_fail_class cls)
{
    switch (cls) {
    case BASE_OK:
        return "ok";
    case BASE_TEMPORARY:
        return "temporary";
    case BASE_PERMANENT:
        return "permanent";
    case BASE_OURS:
        break;
    }
    return "ours";
}
