/* cli/orderform.c - one field of an order into the agent's request.
 *
 * A table says what each field is; the agent judges its value. Here only what can't be
 * written into the request at all is refused. */
#include "orderform.h"

#include <string.h>

#include "base/json.h"

enum kind { TEXT, WORD_OF_PRODUCT, NUMBER, YES, LIST, MAILBOX, FIELDS, CSR, VOUCH };

static const struct {
    const char *field, *member;
    enum kind kind;
    int64_t min, max; /* of a number */
} fields[] = {
    {"mailbox", "mailbox", MAILBOX, 0, 0},
    {"addresses", "addresses", LIST, 0, 0},
    {"product", "product", WORD_OF_PRODUCT, 0, 0},
    {"common-name", "common_name", TEXT, 0, 0},
    {"first-name", "first_name", TEXT, 0, 0},
    {"last-name", "last_name", TEXT, 0, 0},
    {"pseudonym", "pseudonym", TEXT, 0, 0},
    {"organization", "organization", NUMBER, 1, INT64_MAX},
    {"key-type", "key_type", TEXT, 0, 0},
    {"csr", "csr", CSR, 0, 0},
    {"later", "later", YES, 0, 0},
    {"hash", "signature_hash", TEXT, 0, 0},
    {"usage", "usage", TEXT, 0, 0},
    {"additional-usage", "additional_usages", LIST, 0, 0},
    {"profile-type", "profile_type", TEXT, 0, 0},
    {"days", "validity_days", NUMBER, 1, 3660},
    {"years", "validity_years", NUMBER, 1, 10},
    {"until", "validity_until", TEXT, 0, 0},
    {"auto-renew", "auto_renew", NUMBER, 0, 100},
    {"renew-by", "renew_by", TEXT, 0, 0},
    {"key", "key", TEXT, 0, 0},
    {"notify", "emails", LIST, 0, 0},
    {"comments", "comments", TEXT, 0, 0},
    {"custom", "custom_fields", FIELDS, 0, 0},
    {"container", "container", NUMBER, 1, INT64_MAX},
    {"payment", "payment", TEXT, 0, 0},
    {"language", "locale", TEXT, 0, 0},
    {"attested-by", "attestation", VOUCH, 0, 0},
    {"register-dn", "attestation", VOUCH, 0, 0},
    {"register-values", "attestation", VOUCH, 0, 0},
};
#define NFIELDS (sizeof(fields) / sizeof(*fields))

const char *const cli_orderform_names[] = {
    "mailbox",  "addresses",        "product",      "common-name", "first-name", "last-name",
    "pseudonym", "organization",    "key-type",     "csr",         "later",      "hash",
    "usage",    "additional-usage", "profile-type", "days",        "years",      "until",
    "auto-renew", "renew-by",       "key",          "notify",      "comments",   "custom",
    "container", "payment",         "language",     "attested-by", "register-dn",
    "register-values", NULL};

static bool refuse(struct cli *c, const char *name, const char *expected, const char *value,
                   struct base_fail *f)
{
    base_failf(f, BASE_PERMANENT, "form.value", "%s: expected %s, found \"%s\"", name, expected,
               cli_text(c, value));
    return false;
}

/* The word of VALUE up to END without blanks around it; NULL if there is none. */
static const char *trimmed(struct cli *c, const char *value, const char *end)
{
    while (value < end && strchr(" \t", *value))
        value++;
    while (end > value && strchr(" \t", end[-1]))
        end--;
    return value < end ? base_arena_strndup(c->a, value, (size_t)(end - value)) : NULL;
}

static void add_list(struct cli *c, json_t *req, const char *member, const char *value)
{
    json_t *list = base_json_arr(req, member);
    if (!list) {
        list = json_array();
        json_object_set_new(req, member, list);
    }
    for (const char *p = value, *end; *p; p = *end ? end + 1 : end) {
        end = p + strcspn(p, ",");
        const char *word = trimmed(c, p, end);
        if (word)
            json_array_append_new(list, json_string(word));
    }
}

/* "alice@example.com" or, all of one person, "alice@example.com,a.smith@example.com" */
static void set_mailbox(struct cli *c, json_t *req, const char *value)
{
    size_t n = strcspn(value, ",");
    const char *first = trimmed(c, value, value + n);
    base_json_set(req, "mailbox", first ? first : "");
    if (value[n])
        add_list(c, req, "addresses", value);
}

/* The names that people know. */
static const char *product_of(const char *value)
{
    static const char *const names[][2] = {
        {"individual", "secure_email_mailbox"},     {"mailbox", "secure_email_mailbox"},
        {"business", "secure_email_sponsor"},       {"sponsor", "secure_email_sponsor"},
        {"organization", "secure_email_organization"},
    };
    static const char lead[] = "Secure Email for ";
    const char *word = strncasecmp(value, lead, sizeof(lead) - 1) == 0 ? value + sizeof(lead) - 1
                                                                       : value;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcasecmp(word, names[i][0]) == 0)
            return names[i][1];
    return value;
}

static bool add_pair(struct cli *c, json_t *to, const char *p, const char *end)
{
    const char *eq = memchr(p, '=', (size_t)(end - p));
    const char *label = eq ? trimmed(c, p, eq) : NULL, *text = eq ? trimmed(c, eq + 1, end) : NULL;
    if (label && text)
        base_json_set(to, label, text);
    return label && text;
}

static bool set_custom(struct cli *c, json_t *req, const char *value, struct base_fail *f)
{
    static const char expected[] = "LABEL=TEXT, several with \";\" between them, or a JSON object";
    json_t *to = base_json_obj(req, "custom_fields");
    if (!to) {
        to = json_object();
        json_object_set_new(req, "custom_fields", to);
    }
    if (value[strspn(value, " \t")] == '{') {
        struct base_fail ignored = {0};
        json_t *o = base_json_parse(value, strlen(value), CLI_TEXT_MAX, &ignored);
        bool ok = json_is_object(o) && json_object_update(to, o) == 0;
        json_decref(o);
        return ok || refuse(c, "custom", expected, value, f);
    }
    for (const char *p = value, *end; *p; p = *end ? end + 1 : end) {
        end = p + strcspn(p, ";");
        if (trimmed(c, p, end) && !add_pair(c, to, p, end))
            return refuse(c, "custom", expected, value, f);
    }
    return true;
}

static bool set_yes(struct cli *c, json_t *req, const char *name, const char *member,
                    const char *value, struct base_fail *f)
{
    bool yes = strcasecmp(value, "yes") == 0 || strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0;
    bool no = strcasecmp(value, "no") == 0 || strcmp(value, "0") == 0 || strcasecmp(value, "false") == 0;
    if (!yes && !no)
        return refuse(c, name, "yes or no", value, f);
    if (yes)
        base_json_setb(req, member, true);
    return true;
}

static bool set_csr(struct cli *c, json_t *req, const char *value, struct base_fail *f)
{
    const char *text = cli_read_text(c, value, CLI_TEXT_MAX);
    if (!text) {
        base_failf(f, BASE_PERMANENT, "file.read", "the CSR can't be read");
        return false;
    }
    base_json_set(req, "csr", text);
    return true;
}

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

static bool set(struct cli *c, json_t *req, size_t i, const char *value, struct base_fail *f)
{
    const char *name = fields[i].field, *member = fields[i].member;
    int64_t n;
    switch (fields[i].kind) {
    case TEXT:
        base_json_set(req, member, value);
        return true;
    case WORD_OF_PRODUCT:
        base_json_set(req, member, product_of(value));
        return true;
    case NUMBER:
        if (!base_parse_int(value, fields[i].min, fields[i].max, &n))
            return refuse(c, name, "a number", value, f);
        base_json_setn(req, member, n);
        return true;
    case YES:
        return set_yes(c, req, name, member, value, f);
    case LIST:
        add_list(c, req, member, value);
        return true;
    case MAILBOX:
        set_mailbox(c, req, value);
        return true;
    case FIELDS:
        return set_custom(c, req, value, f);
    case CSR:
        return set_csr(c, req, value, f);
    case VOUCH:
        return set_attestation(c, req, name, value, f);
    }
    return false;
}

bool cli_orderform_set(struct cli *c, json_t *req, const char *name, const char *value,
                       struct base_fail *f)
{
    for (size_t i = 0; i < NFIELDS; i++)
        if (strcmp(name, fields[i].field) == 0)
            return set(c, req, i, value, f);
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
