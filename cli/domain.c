/* cli/domain.c - controlled domains; and expecting what was ordered elsewhere. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
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

/* "observe (confirm)": what counts now, and what is configured. */
static const char *mode_of(struct cli *c, const json_t *d)
{
    const char *now = cli_cell(c, d, "effective_mode"), *mode = cli_cell(c, d, "mode");
    return !now[0] || strcmp(now, mode) == 0 ? mode : base_arena_printf(c->a, "%s (%s)", now, mode);
}

static void page_domains(struct cli *c, const json_t *list, struct cli_table *t)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *d = json_array_get(list, i);
        const char *intent = cli_cell(c, d, "intent_state");
        const json_t *next = base_json_obj(d, "next");
        int64_t until = base_json_int(d, "until", base_json_int(d, "valid_until", 0));
        int64_t at = base_json_int(next, "at", 0);
        if (intent[0] && base_json_int(d, "expires", 0))
            intent = base_arena_printf(c->a, "%s until %s", intent,
                                       cli_day(c, base_json_int(d, "expires", 0)));
        cli_table_row(c, t, cli_cell(c, d, "domain"), cli_cell(c, d, "tenant"),
                      cli_cell(c, d, "account"), mode_of(c, d), cli_cell(c, d, "state"),
                      method_of(c, d), until ? cli_day(c, until) : "", intent,
                      at ? cli_day(c, at) : "", cli_cell(c, next, "text"));
    }
}

int cli_cmd_domain_list(struct cli *c, const struct cli_args *args)
{
    struct cli_table t;
    (void)args;
    cli_table_init(&t, "DOMAIN", "TENANT", "ACCOUNT", "MODE", "STATE", "METHOD",
                   "VALID UNTIL", "REQUEST", "NEXT ON", "NEXT", NULL);
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

/* What a person has to put somewhere, as soon as the CA has given its value. */
static bool take_record(const json_t *now, json_t *answer)
{
    const json_t *dcv = base_json_obj(base_json_obj(now, "domain"), "dcv");
    json_t *rec = base_json_obj(dcv, "record");
    if (rec) {
        json_object_set(answer, "record", rec);
        base_json_set(answer, "text", base_json_str(dcv, "next"));
    }
    return rec != NULL;
}

/* Whom the CA wrote to, as soon as it has told; true also when the request is over. */
static bool take_recipients(const json_t *now, json_t *answer)
{
    const json_t *list = base_json_arr(now, "intents"), *i;
    for (size_t n = 0; n < json_array_size(list); n++) {
        i = json_array_get(list, n);
        if (base_json_int(i, "id", 0) != base_json_int(answer, "intent", -1))
            continue;
        const char *state = base_json_strd(i, "state", "");
        if (strcmp(state, "requesting") == 0)
            return false;
        base_json_set(answer, "state", state);
        base_json_setn(answer, "expires", base_json_int(i, "expires", 0));
        json_object_set(answer, "recipients", json_object_get(i, "recipients"));
        return true;
    }
    return true;
}

static void wait_for(struct cli *c, const char *domain, json_t *answer,
                     bool (*take)(const json_t *now, json_t *answer))
{
    for (int i = 0; i < RECORD_TRIES; i++) {
        json_t *req = cli_request(c, "show"), *now = NULL;
        struct timespec t = {.tv_nsec = RECORD_PAUSE_NS};
        struct base_fail f = {0};
        base_json_set(req, "what", base_arena_printf(c->a, "domain:%s", domain));
        bool asked = cli_try(c, req, CLI_TIMEOUT_MS, &now, &f) == BASE_OK;
        bool taken = asked && take(now, answer);
        json_decref(now);
        if (taken || !asked)
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
        wait_for(c, args->pos[0], answer, take_record);
    else if (strcmp(base_json_strd(answer, "method", ""), "email") == 0)
        wait_for(c, args->pos[0], answer, take_recipients);
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

int cli_cmd_domain_resend(struct cli *c, const struct cli_args *args)
{
    json_t *req = cli_request(c, "domain.resend");
    base_json_set(req, "domain", args->pos[0]);
    return cli_do(c, req, show_intent);
}

/* The record is the one line that goes into a zone, so it stands alone. */
static void show_persist(struct cli *c, const json_t *answer)
{
    fprintf(c->out, "%s\n\n%s, DNSSEC: %s\n", cli_cell(c, answer, "record"),
            cli_cell(c, answer, "text"), cli_cell(c, answer, "dnssec"));
}

int cli_cmd_domain_persist(struct cli *c, const struct cli_args *args)
{
    const char *until = cli_opt(args, "until");
    int64_t t = 0;
    if (until && !base_time_parse(until, &t))
        return cli_misused(c, args, "%s: --until \"%s\": expected a date such as 2027-12-31",
                           args->command->name, until);
    json_t *req = cli_request(c, "domain.persist");
    base_json_set(req, "domain", args->pos[0]);
    base_json_set(req, "policy", cli_opt(args, "policy"));
    if (t)
        base_json_setn(req, "until", t);
    return cli_do(c, req, show_persist);
}

static void page_plan(struct cli *c, const json_t *list, struct cli_table *t)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *d = json_array_get(list, i);
        const char *covered = cli_cell(c, d, "covered");
        cli_table_row(c, t, cli_cell(c, d, "domain"), cli_cell(c, d, "tenant"),
                      cli_cell(c, d, "method"), covered[0] ? covered : "nothing yet",
                      cli_cell(c, d, "step"));
    }
}

int cli_cmd_domain_plan(struct cli *c, const struct cli_args *args)
{
    struct cli_table t;
    (void)args;
    cli_table_init(&t, "DOMAIN", "TENANT", "METHOD", "COVERED BY", "STEP", NULL);
    t.wrap = true;
    return cli_pages(c, cli_request(c, "domain.plan"), "plan", page_plan, &t,
                     "no domain depends on a method that ends");
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
