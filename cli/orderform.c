/* cli/orderform.c - one field of an order into the agent's request. */
#include <string.h>

#include "base/json.h"
#include "orderform.h"

const char *const cli_orderform_names[] = {"mailbox",      "key-type",   "product",   "usage",
                                           "profile-type", "first-name", "last-name", "days",
                                           "csr",          "attested-by",
                                           "register-dn",  "register-values", NULL};

/* Fields that go into the request as they are. */
static const struct {
    const char *field, *member;
} members[] = {
    {"mailbox", "mailbox"},
    {"key-type", "key_type"},
    {"product", "product"},
    {"usage", "usage"},
    {"profile-type", "profile_type"},
    {"first-name", "first_name"},
    {"last-name", "last_name"},
};

/* "mail=jane@example.org,sn=Doe" into members of O; "\\," is a comma of the value. */
static bool take_values(struct cli *c, json_t *o, const char *s)
{
    char *key = base_arena_alloc(c->a, strlen(s) + 1), *to = key, *value = NULL;
    for (;; s++) {
        if (*s == '\\' && (s[1] == ',' || s[1] == '\\'))
            *to++ = *++s;
        else if (*s == '=' && !value) {
            *to++ = 0;
            value = to;
        } else if (*s && *s != ',')
            *to++ = *s;
        else {
            *to++ = 0;
            if (!value || !key[0] || !value[0])
                return false;
            base_json_set(o, key, value);
            if (!*s)
                return true;
            key = to;
            value = NULL;
        }
    }
}

/* Who vouches for the person: one object of several fields. */
static bool set_attestation(struct cli *c, json_t *req, const char *name, const char *value,
                            struct base_fail *f)
{
    json_t *o = json_object_get(req, "attestation"), *values;
    if (!o) {
        o = json_object();
        json_object_set_new(req, "attestation", o);
    }
    if (strcmp(name, "attested-by") == 0)
        base_json_set(o, "by", value);
    else if (strcmp(name, "register-dn") == 0)
        base_json_set(o, "dn", value);
    else {
        values = json_object();
        json_object_set_new(o, "values", values);
        if (!take_values(c, values, value)) {
            base_failf(f, BASE_PERMANENT, "form.value",
                       "register-values: expected NAME=VALUE,NAME=VALUE as the directory shows "
                       "them, found \"%s\"",
                       cli_text(c, value));
            return false;
        }
    }
    return true;
}

bool cli_orderform_set(struct cli *c, json_t *req, const char *name, const char *value,
                       struct base_fail *f)
{
    int64_t n;
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
        if (strcmp(name, members[i].field) == 0) {
            base_json_set(req, members[i].member, value);
            return true;
        }
    if (strcmp(name, "days") == 0) {
        if (!base_parse_int(value, 1, 3660, &n)) {
            base_failf(f, BASE_PERMANENT, "form.value",
                       "days: expected a number of days, found \"%s\"", cli_text(c, value));
            return false;
        }
        base_json_setn(req, "validity_days", n);
        return true;
    }
    if (strcmp(name, "attested-by") == 0 || strncmp(name, "register-", 9) == 0)
        return set_attestation(c, req, name, value, f);
    if (strcmp(name, "csr") == 0) {
        const char *text = cli_read_text(c, value, CLI_TEXT_MAX);
        if (!text) {
            base_failf(f, BASE_PERMANENT, "file.read", "the CSR can't be read");
            return false;
        }
        base_json_set(req, "csr", text);
        return true;
    }
    base_failf(f, BASE_PERMANENT, "form.field", "an order has no field \"%s\"", cli_text(c, name));
    return false;
}

int cli_orderform_attestation(struct cli *c, const struct cli_args *args, json_t *req)
{
    static const char *const names[] = {"attested-by", "register-dn", "register-values"};
    struct base_fail f = {0};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (cli_opt(args, names[i]) && !set_attestation(c, req, names[i], cli_opt(args, names[i]), &f))
            return cli_misused(c, args, "--%s", f.text);
    return CLI_DONE;
}
