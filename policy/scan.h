/* policy/scan.h - the words and braces of a configuration text, with their lines.
 *
 * libconfuse parses; this only tells where things stand, so that every error
 * gets its line and a broken statement can be taken out of the way of the next. */
#ifndef POLICY_SCAN_H
#define POLICY_SCAN_H
#include <stddef.h>

#include "base/arena.h"

struct policy_token {
    char kind;    /* 'w' for words and strings, else the sign itself: { } = , ( ) */
    size_t at, n; /* of a string: with its quotes */
    int line;     /* where it starts */
    int depth;    /* braces open around it */
    size_t match; /* of a brace: index of the other one; (size_t)-1 if there is none */
};

struct policy_scan {
    struct policy_token *v;
    size_t n;
    int open_line;         /* line of a string or comment that never ends; 0 = none */
    const char *open_what; /* "string", "comment" */
};

void policy_scan(struct base_arena *a, const char *text, size_t n, struct policy_scan *out);
/* Blanks all comments: libconfuse 3.3 counts the lines of comments wrongly. */
void policy_scan_comments(char *text, size_t n);
/* Line of the Nth (from 0) section NAME outside of any other; 0 if there is none. */
int policy_scan_section(const struct policy_scan *s, const char *text, const char *name,
                        size_t nth);
/* Blanks the statement (NAME = ..., NAME { ... }) that starts with word NAME on
 * LINE. Bytes that changed; 0 if no statement starts so. */
size_t policy_scan_blank_word(const struct policy_scan *s, char *text, const char *name, int line);
/* The last word NAME at or above LINE that no value follows; NULL if there is none. */
const struct policy_token *policy_scan_bare(const struct policy_scan *s, const char *text,
                                            const char *name, int line);
size_t policy_scan_blank_token(char *text, const struct policy_token *t);
/* Blanks LINE and the lines that its braces belong to. Bytes that changed. */
size_t policy_scan_blank_line(const struct policy_scan *s, char *text, size_t n, int line);

#endif
