/* base/fail.h - what went wrong, and what the caller may do about it.
 *
 * Every function of certmilter that can fail returns an enum base_fail_class
 * (BASE_OK is 0) and describes the failure in a struct base_fail that the
 * caller owns (a NULL pointer is allowed where the text isn't wanted).
 * On BASE_OK the struct is untouched. */
#ifndef BASE_FAIL_H
#define BASE_FAIL_H

enum base_fail_class {
    BASE_OK = 0,
    BASE_TEMPORARY, /* retry later, with back-off */
    BASE_PERMANENT, /* will never work: record it, tell somebody */
    BASE_OURS,      /* our bug or our machine: end this job, never the daemon */
};

struct base_fail {
    enum base_fail_class cls;
    char code[40];  /* stable short word for machines: "spool.full" */
    char text[480]; /* a sentence for a person: what was expected, where */
};

/* Fills F (if not NULL) and returns CLS, so that a function can end with
 * `return base_failf(f, BASE_TEMPORARY, "net.connect", "...", ...)`. */
enum base_fail_class base_failf(struct base_fail *f, enum base_fail_class cls,
                                const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* "ok", "temporary", "permanent" or "ours". */
const char *base_fail_class_name(enum base_fail_class cls);

#endif
