/* base/json.h - Jansson with caps and typed access.
 *
 * The getters never fail loudly: a member that is absent or of another type
 * gives the default, because answers of others are read tolerantly. */
#ifndef BASE_JSON_H
#define BASE_JSON_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fail.h"

/* Parses exactly one JSON value of at most MAX bytes, duplicates refused.
 * NULL and "json.size" / "json.syntax" (permanent) otherwise. Caller decrefs. */
json_t *base_json_parse(const void *p, size_t n, size_t max, struct base_fail *f);
const char *base_json_str(const json_t *o, const char *key);          /* NULL if absent */
const char *base_json_strd(const json_t *o, const char *key, const char *dflt);
int64_t base_json_int(const json_t *o, const char *key, int64_t dflt); /* also "123" as text */
bool base_json_bool(const json_t *o, const char *key, bool dflt);
json_t *base_json_obj(const json_t *o, const char *key); /* borrowed; NULL if no object */
json_t *base_json_arr(const json_t *o, const char *key); /* borrowed; NULL if no array */
/* Sets a string member; NULL value leaves the member out. Invalid UTF-8 is made "?". */
void base_json_set(json_t *o, const char *key, const char *value);
void base_json_setn(json_t *o, const char *key, int64_t value);
void base_json_setb(json_t *o, const char *key, bool value);
/* Compact text, keys in insertion order; caller frees with free(3). */
char *base_json_text(const json_t *v);

#endif
