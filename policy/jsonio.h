/* policy/jsonio.h - strict reading and short writing of the room's JSON.
 *
 * A reader remembers the first thing that is wrong and then answers every
 * further question with nothing, so that callers ask once at the end. Absent
 * and null members are no error; a member of another type, a text with a NUL,
 * and anything past its cap is. Memory comes from the reader's arena. */
#ifndef POLICY_JSONIO_H
#define POLICY_JSONIO_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"
#include "rules.h"

#define POLICY_JSON_TEXT (64 * 1024) /* bytes of one text */
#define POLICY_JSON_LIST 1000        /* members of a list of texts */

struct policy_reader {
    struct base_arena *a;
    const char *code; /* failure code: "facts.json" */
    struct base_fail *f;
    bool bad;
};

void policy_read_bad(struct policy_reader *r, const char *key, const char *expected);
/* BASE_OK, or the failure that was remembered. */
enum base_fail_class policy_read_end(const struct policy_reader *r);
bool policy_read_object(struct policy_reader *r, const json_t *v, const char *key);

const char *policy_read_str(struct policy_reader *r, const json_t *o, const char *key);
int64_t policy_read_int(struct policy_reader *r, const json_t *o, const char *key, int64_t lo,
                        int64_t hi);
bool policy_read_bool(struct policy_reader *r, const json_t *o, const char *key);
struct policy_strings policy_read_strings(struct policy_reader *r, const json_t *o, const char *key,
                                          size_t max);
/* The array, borrowed, with *n members, at most MAX, all objects; else NULL and 0. */
const json_t *policy_read_objects(struct policy_reader *r, const json_t *o, const char *key,
                                  size_t max, size_t *n);

/* Writers leave out what is NULL, empty, 0 or false. */
void policy_put_str(json_t *o, const char *key, const char *v);
void policy_put_int(json_t *o, const char *key, int64_t v);
void policy_put_bool(json_t *o, const char *key, bool v);
void policy_put_strings(json_t *o, const char *key, const struct policy_strings *l);
/* Takes V; an empty array is left out. */
void policy_put_new(json_t *o, const char *key, json_t *v);
json_t *policy_new_object(void);
json_t *policy_new_array(void);
void policy_append_new(json_t *array, json_t *v); /* takes V */

#endif
