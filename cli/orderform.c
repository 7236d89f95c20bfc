/* cli/orderform.c - one field of an order into the agent's request. */
#include <string.h>

#include "base/json.h"
#include "orderform.h"

const char *const cli_orderform_names[] = {"mailbox",      "key-type",   "product",   "usage",
                                           "profile-type", "first-name", "last-name", "days",
                                           "csr",          NULL};

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
