/* cli/domain.c - controlled domains; and expecting what was ordered elsewhere. */
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "commands.h"

#define RECORD_TRIES 100 /* for the CA's value: 20 s */
#define RECORD_PAUSE_NS 200000000

/* What is under way, else what the CA holds, else what is configured. */
static const char *method_of(struct cli *c, const json_t *d)
{
    const char *now = cli_cell(c, base_json_obj(d, "dcv"), "method");
    const char *held = cli_cell(c, d, "method");
    return now[0] ? now : held[0] ? held : cli_cell(c, d, "asks");
}

static void page_domains(struct cli *c, const json_t *list, struct cli_table *t)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *d = json_array_get(list, i);
        const char *intent = cli_cell(c, d, "intent_state");
        if (intent[0] && base_json_int(d, "expires", 0))
            intent = base_arena_printf(c->a, "%s until %s", intent,
                                       cli_day(c, base_json_int(d, "expires", 0)));
        cli_table_row(c, t, cli_cell(c, d, "domain"), cli_cell(c, d, "tenant"),
                      cli_cell(c, d, "account"), cli_cell(c, d, "mode"), cli_cell(c, d, "unexpected"),
                      cli_cell(c, d, "state"), method_of(c, d), cli_cell(c, d, "valid_until"), intent,
                      cli_cell(c, base_json_obj(d, "dcv"), "next"));
    }
}

int cli_cmd_domain_list(struct cli *c, const struct cli_args *args)
{
    struct cli_table t;
    (void)args;
    cli_table_init(&t, "DOMAIN", "TENANT", "ACCOUNT", "MODE", "UNEXPECTED", "STATE", "METHOD",
                   "VALID UNTIL", "REQUEST", "NEXT", NULL);
    return cli_pages(c, cli_request(c, "domain.list"), "domains", page_domains, &t,
                     "no domain is configured");
}

static void show_intent(struct cli *c, const json_t *answer)
{
    static const char *const skip[] = {"text", NULL};
    cli_object(c, answer, skip);
    if (base_json_str(answer, "text"))
        fprintf(c->out, "%s\n", cli_cell(c, answer, "text"));
}

/* The record that a person has to put into the zone, as soon as the CA has given its value. */
static void add_record(struct cli *c, const char *domain, json_t *answer)
{
    for (int i = 0; i < RECORD_TRIES; i++) {
        json_t *req = cli_request(c, "show"), *now = NULL;
        struct timespec t = {.tv_nsec = RECORD_PAUSE_NS};
        struct base_fail f = {0};
        base_json_set(req, "what", base_arena_printf(c->a, "domain:%s", domain));
        bool asked = cli_try(c, req, CLI_TIMEOUT_MS, &now, &f) == BASE_OK;
        json_t *dcv = asked ? base_json_obj(base_json_obj(now, "domain"), "dcv") : NULL;
        json_t *rec = base_json_obj(dcv, "record");
        if (rec) {
            json_object_set(answer, "record", rec);
            base_json_set(answer, "text", base_json_str(dcv, "next"));
        }
        json_decref(now);
        if (rec || !asked)
            return;
        (void)nanosleep(&t, NULL);
    }
}

int cli_cmd_domain_add(struct cli *c, const struct cli_args *args)
{
    json_t *req = cli_request(c, "domain.add"), *answer;
    base_json_set(req, "domain", args->pos[0]);
    base_json_set(req, "method", cli_opt(args, "method"));
    int r = cli_ask(c, req, CLI_TIMEOUT_MS, &answer);
    if (r)
        return r;
    if (base_json_bool(answer, "by_hand", false))
        add_record(c, args->pos[0], answer);
    if (c->json)
        cli_json(c, answer);
    else
        show_intent(c, answer);
    r = cli_attention(c, answer);
    json_decref(answer);
    return r;
}

int cli_cmd_domain_release(struct cli *c, const struct cli_args *args)
{
    const char *reason = cli_opt(args, "reason");
    if (!reason || !reason[strspn(reason, " \t")])
        return cli_misused(c, args, "%s: --reason is missing; it is kept with your name",
                           args->command->name);
    json_t *req = cli_request(c, "domain.release");
    base_json_set(req, "domain", args->pos[0]);
    base_json_set(req, "reason", reason);
    return cli_do(c, req, show_intent);
}

int cli_cmd_domain_check(struct cli *c, const struct cli_args *args)
{
    json_t *req = cli_request(c, "domain.check"), *answer;
    bool bad = false;
    base_json_set(req, "domain", args->pos[0]);
    int r = cli_ask(c, req, CLI_TIMEOUT_LONG_MS, &answer);
    if (r)
        return r;
    const json_t *list = base_json_arr(answer, "checks");
    for (size_t i = 0; i < json_array_size(list); i++)
        bad = bad || strcmp(base_json_strd(json_array_get(list, i), "result", "ok"), "ok") != 0;
    if (c->json)
        cli_json(c, answer);
    else
        cli_checks(c, list);
    r = cli_attention(c, answer);
    json_decref(answer);
    return bad ? CLI_ATTENTION : r;
}

int cli_cmd_expect(struct cli *c, const struct cli_args *args)
{
    const char *kind = args->pos[0];
    if (strcmp(kind, "domain") != 0 && strcmp(kind, "mailbox") != 0)
        return cli_misused(c, args, "expect: \"%s\": expected domain or mailbox", kind);
    json_t *req = cli_request(c, "expect");
    base_json_set(req, "kind", kind);
    base_json_set(req, "name", args->pos[1]);
    base_json_set(req, "order", cli_opt(args, "order"));
    base_json_set(req, "account", cli_opt(args, "account"));
    return cli_do(c, req, show_intent);
}
