/* agent/fields.c - custom fields of the accounts: kept since the last look, matched by id or label. */
#include "fields.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "catalog.h"

#define VALUES_MAX 50
#define VALUE_MAX 500 /* bytes */

struct agent_fields {
    struct base_arena *a;
    const char *account;
    struct ca_fields list;
    struct agent_fields *next;
};

static struct agent_fields **find(struct agent *ag, const char *account)
{
    struct agent_fields **at = &ag->fields;
    while (*at && strcmp((*at)->account, account) != 0)
        at = &(*at)->next;
    return at;
}

static void drop(struct agent_fields **at)
{
    struct agent_fields *k = *at;
    *at = k->next;
    base_arena_free(k->a);
    free(k);
}

void agent_fields_keep(struct agent *ag, const char *account, const struct ca_fields *fields)
{
    struct agent_fields **at = find(ag, account), *k = base_xmalloc(sizeof(*k));
    if (*at)
        drop(at);
    memset(k, 0, sizeof(*k));
    k->a = base_arena_new();
    k->account = base_arena_strdup(k->a, account);
    k->list.v = base_arena_array(k->a, fields->n + 1, sizeof(*k->list.v));
    for (size_t i = 0; i < fields->n; i++) {
        k->list.v[i] = fields->v[i];
        k->list.v[i].id = base_arena_strdup(k->a, fields->v[i].id);
        k->list.v[i].label = base_arena_strdup(k->a, fields->v[i].label);
    }
    k->list.n = fields->n;
    k->next = ag->fields;
    ag->fields = k;
}

void agent_fields_told(struct agent *ag, const char *account, const json_t *list)
{
    struct base_arena *a = base_arena_new();
    struct ca_fields l = {base_arena_array(a, json_array_size(list) + 1, sizeof(*l.v)), 0};
    json_t *e;
    size_t i;
    json_array_foreach(list, i, e)
    {
        l.v[l.n++] = (struct ca_field){
            .id = base_arena_printf(a, "%lld", (long long)base_json_int(e, "id", 0)),
            .label = base_json_str(e, "label"),
            .required = base_json_bool(e, "required", false),
            .active = true}; /* a catalog lists no others */
    }
    if (list)
        agent_fields_keep(ag, account, &l);
    base_arena_free(a);
}

/* After a start, until the first look: as the account's catalog has them. */
static const struct agent_fields *known(struct agent *ag, const char *account)
{
    json_t *catalog = *find(ag, account) ? NULL : agent_catalog(ag, account);
    agent_fields_told(ag, account, base_json_arr(catalog, "fields"));
    json_decref(catalog);
    return *find(ag, account);
}

/* The field that NAME means: its id, or its label whatever its case. */
static const struct ca_field *named(const struct agent_fields *k, const char *name)
{
    for (size_t i = 0; k && i < k->list.n; i++)
        if (strcmp(k->list.v[i].id, name) == 0 ||
            (k->list.v[i].label && strcasecmp(k->list.v[i].label, name) == 0))
            return &k->list.v[i];
    return NULL;
}

static const char *labels(struct base_arena *a, const struct agent_fields *k)
{
    const char *text = "";
    for (size_t i = 0; i < k->list.n && i < 20; i++)
        text = base_arena_printf(a, "%s%s%s (%s)", text, i ? ", " : "",
                                 k->list.v[i].label ? k->list.v[i].label : "", k->list.v[i].id);
    return text[0] ? text : "none";
}

static enum base_fail_class read_one(struct base_arena *a, const struct agent_fields *k,
                                     const char *account, const char *name, const json_t *value,
                                     struct agent_field_values *out, struct base_fail *f)
{
    const struct ca_field *d = named(k, name);
    const char *s = json_string_value(value);
    bool number = name[0] && name[strspn(name, "0123456789")] == 0;
    if (!k && !number)
        return base_failf(f, BASE_TEMPORARY, "order.custom-field",
                          "the custom fields of account %s were not read yet: try again in a moment, "
                          "or give the field's number instead of \"%s\"",
                          account, name);
    if (k && !d)
        return base_failf(f, BASE_PERMANENT, "order.custom-field",
                          "account %s has no custom field \"%s\": it has %s", account, name,
                          labels(a, k));
    if (!s || !s[0] || strlen(s) > VALUE_MAX)
        return base_failf(f, BASE_PERMANENT, "order.custom-field",
                          "custom field \"%s\": expected a text of 1 to %d bytes", name, VALUE_MAX);
    out->v[out->n].id = base_arena_strdup(a, d ? d->id : name);
    out->v[out->n++].value = base_arena_strdup(a, s);
    return BASE_OK;
}

static bool has(const struct agent_field_values *l, const char *id)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i].id, id) == 0)
            return true;
    return false;
}

enum base_fail_class agent_fields_read(struct agent *ag, struct base_arena *a, const char *account,
                                       const json_t *given, struct agent_field_values *out,
                                       struct base_fail *f)
{
    const struct agent_fields *k = known(ag, account);
    const char *name;
    json_t *value;
    out->v = base_arena_array(a, VALUES_MAX, sizeof(*out->v));
    out->n = 0;
    if (json_object_size(given) > VALUES_MAX)
        return base_failf(f, BASE_PERMANENT, "order.custom-field",
                          "%zu custom fields: expected at most %d", json_object_size(given),
                          VALUES_MAX);
    json_object_foreach((json_t *)given, name, value)
    {
        enum base_fail_class r = read_one(a, k, account, name, value, out, f);
        if (r)
            return r;
    }
    for (size_t i = 0; k && i < k->list.n; i++)
        if (k->list.v[i].required && k->list.v[i].active && !has(out, k->list.v[i].id))
            return base_failf(f, BASE_PERMANENT, "order.custom-field",
                              "account %s requires the custom field \"%s\" (%s): --custom", account,
                              k->list.v[i].label ? k->list.v[i].label : "", k->list.v[i].id);
    return BASE_OK;
}
