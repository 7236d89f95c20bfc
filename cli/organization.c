/* cli/organization.c - organizations and products of the CA accounts. */
#include <string.h>

#include "base/json.h"
#include "commands.h"

static const char *smime_of(struct cli *c, const json_t *o)
{
    const char *state = cli_cell(c, o, "smime");
    if (!state[0])
        return "not told";
    if (json_object_get(o, "days_left"))
        return base_arena_printf(c->a, "%s, %lld d left", state,
                                 (long long)base_json_int(o, "days_left", 0));
    return state;
}

static void show_list(struct cli *c, const json_t *answer)
{
    const json_t *list = base_json_arr(answer, "organizations");
    struct cli_table t;
    cli_table_init(&t, "ID", "NAME", "ACCOUNT", "S/MIME", "VALID UNTIL", "CALL UNTIL", "ORDERS", NULL);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        int64_t until = base_json_int(o, "until", 0), call = base_json_int(o, "call_until", 0);
        cli_table_row(c, &t, cli_cell(c, o, "id"), cli_cell(c, o, "name"), cli_cell(c, o, "account"),
                      smime_of(c, o), until ? cli_day(c, until) : "", call ? cli_when(c, call) : "",
                      base_json_bool(o, "orders", false) ? "go with it" : "");
    }
    cli_table_print(c, &t);
    if (json_array_size(list) == 0)
        fputs("the CA lists no organization\n", c->out);
}

int cli_cmd_organization_list(struct cli *c, const struct cli_args *args)
{
    json_t *req = cli_request(c, "organization.list");
    base_json_set(req, "account", cli_opt(args, "account"));
    return cli_do(c, req, show_list);
}

static void show_one(struct cli *c, const json_t *answer)
{
    const json_t *list = base_json_arr(answer, "organizations");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        cli_object(c, o, NULL);
        if (base_json_int(o, "call_until", 0))
            fprintf(c->out, "An order waits for its validation: the CA calls, usually until %s.\n",
                    cli_when(c, base_json_int(o, "call_until", 0)));
    }
}

int cli_cmd_organization_show(struct cli *c, const struct cli_args *args)
{
    json_t *req = cli_request(c, "organization.list");
    base_json_set(req, "account", cli_opt(args, "account"));
    base_json_set(req, "what", args->pos[0]);
    return cli_do(c, req, show_one);
}

static void show_sent(struct cli *c, const json_t *answer)
{
    fprintf(c->out, "%s\n", cli_cell(c, answer, "text"));
    if (base_json_obj(answer, "sends"))
        cli_object(c, base_json_obj(answer, "sends"), NULL);
}

/* Options PREFIX-first-name ... as an object; NULL if none is given. */
static json_t *contact(const struct cli_args *args, const char *prefix)
{
    static const struct {
        const char *option, *member;
    } parts[] = {{"first-name", "first_name"}, {"last-name", "last_name"}, {"title", "job_title"},
                 {"email", "email"},           {"phone", "telephone"}};
    json_t *o = json_object();
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        char name[40];
        snprintf(name, sizeof(name), "%s-%s", prefix, parts[i].option);
        base_json_set(o, parts[i].member, cli_opt(args, name));
    }
    if (json_object_size(o) == 0) {
        json_decref(o);
        return NULL;
    }
    return o;
}

int cli_cmd_organization_add(struct cli *c, const struct cli_args *args)
{
    static const struct {
        const char *option, *member;
    } parts[] = {{"assumed-name", "assumed_name"}, {"address", "address"}, {"address2", "address2"},
                 {"city", "city"},                 {"state", "state"},     {"zip", "zip"},
                 {"country", "country"},           {"phone", "telephone"}};
    json_t *req = cli_request(c, "organization.add"), *form = json_object();
    json_t *first = contact(args, "contact"), *second = contact(args, "technical");
    base_json_set(form, "name", args->pos[0]);
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        base_json_set(form, parts[i].member, cli_opt(args, parts[i].option));
    if (first)
        json_object_set_new(form, "organization_contact", first);
    if (second)
        json_object_set_new(form, "technical_contact", second);
    json_object_set_new(req, "form", form);
    base_json_set(req, "account", cli_opt(args, "account"));
    if (cli_has(args, "dry-run"))
        base_json_setb(req, "dry_run", true);
    return cli_do(c, req, show_sent);
}

int cli_cmd_organization_submit(struct cli *c, const struct cli_args *args)
{
    json_t *req = cli_request(c, "organization.submit");
    base_json_set(req, "what", args->pos[0]);
    base_json_set(req, "account", cli_opt(args, "account"));
    return cli_do(c, req, show_sent);
}

/* ---- products --------------------------------------------------------------------------- */

static const char *joined(struct cli *c, const json_t *list)
{
    const char *text = "";
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        const char *word = json_is_integer(v)
                               ? base_arena_printf(c->a, "%lld", (long long)json_integer_value(v))
                               : cli_text(c, json_string_value(v));
        text = base_arena_printf(c->a, "%s%s%s", text, text[0] ? " " : "", word);
    }
    return text;
}

static const char *yes(const json_t *o, const char *key)
{
    return !json_object_get(o, key) ? "" : base_json_bool(o, key, false) ? "yes" : "no";
}

static void show_products(struct cli *c, const json_t *answer)
{
    const json_t *list = base_json_arr(answer, "products");
    struct cli_table t;
    cli_table_init(&t, "PRODUCT", "KNOWN AS", "ACCOUNT", "YEARS", "HASHES", "CSR NEEDED", "RENEWS ITSELF",
                   "ENDED", NULL);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *p = json_array_get(list, i);
        const char *as = cli_cell(c, p, "known_as");
        cli_table_row(c, &t, cli_cell(c, p, "id"), as[0] ? as : cli_cell(c, p, "name"),
                      cli_cell(c, p, "account"), joined(c, base_json_arr(p, "years")),
                      joined(c, base_json_arr(p, "hashes")), yes(p, "csr_required"),
                      yes(p, "auto_renew"), cli_cell(c, p, "ended"));
    }
    cli_table_print(c, &t);
    if (json_array_size(list) == 0)
        fputs("the CA lists no product\n", c->out);
}

int cli_cmd_product_list(struct cli *c, const struct cli_args *args)
{
    json_t *req = cli_request(c, "product.list");
    base_json_set(req, "account", cli_opt(args, "account"));
    return cli_do(c, req, show_products);
}

static void show_product(struct cli *c, const json_t *answer)
{
    const json_t *list = base_json_arr(answer, "products"), *fields = base_json_arr(answer, "fields");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *p = json_array_get(list, i);
        cli_object(c, p, NULL);
        if (base_json_str(p, "ended"))
            fprintf(c->out, "! the CA ended this product on %s: a Secure Email product comes in its place\n",
                    cli_cell(c, p, "ended"));
    }
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *o = json_array_get(fields, i);
        fprintf(c->out, "custom field %s \"%s\" of account %s%s\n", cli_cell(c, o, "id"),
                cli_cell(c, o, "label"), cli_cell(c, o, "account"),
                base_json_bool(o, "required", false) ? ": every order must give it" : "");
    }
}

int cli_cmd_product_show(struct cli *c, const struct cli_args *args)
{
    json_t *req = cli_request(c, "product.list");
    base_json_set(req, "account", cli_opt(args, "account"));
    base_json_set(req, "what", args->pos[0]);
    return cli_do(c, req, show_product);
}
