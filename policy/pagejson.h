/* policy/pagejson.h - ids as JSON, shared by facts and pages. */
#ifndef POLICY_PAGEJSON_H
#define POLICY_PAGEJSON_H
#include <jansson.h>
#include <stddef.h>

#include "facts.h"
#include "jsonio.h"

json_t *policy_ids_to_json(const struct policy_id *ids, size_t n);
struct policy_id *policy_ids_from_json(struct policy_reader *r, const json_t *o, size_t *n);

#endif
