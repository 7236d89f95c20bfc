/* cli/doctor.c - all checks in order, and the agent's own behind them. */
#include "doctor.h"

#include <stdarg.h>
#include <string.h>

#include "base/json.h"
#include "commands.h"

static const char *const results[] = {"ok", "warn", "fail"};

void cli_finding(struct cli_doctor *d, const char *name, enum cli_finding_result r,
                 const char *fmt, ...)
{
    char text[1200];
    va_list ap;
    json_t *o = json_object();
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    base_json_set(o, "name", name);
    base_json_set(o, "result", results[r]);
    base_json_set(o, "text", text);
    json_array_append_new(d->list, o);
    d->worst = r > d->worst ? r : d->worst;
}

/* ---- configuration ---------------------------------------------------------------------- */

/* A configuration with errors is a finding for each; the defaults are looked at then. */
static void check_config(struct cli_doctor *d)
{
    struct cli *c = d->c;
    struct policy_config_errors errs;
    struct base_fail f = {0};
    struct policy_config *cfg = NULL;
    if (policy_config_load(c->config_path, &cfg, &errs, &f)) {
        for (size_t i = 0; i < errs.n; i++)
            cli_finding(d, "configuration", CLI_FAIL, "%s", cli_error_line(c, &errs.v[i]));
        if (errs.n == 0)
            cli_finding(d, "configuration", CLI_FAIL, "%s", f.text);
        if (policy_config_default(&cfg, &f))
            cli_finding(d, "configuration", CLI_FAIL, "the defaults can't be used either: %s", f.text);
        c->cfg_assumed = true;
    } else
        cli_finding(d, "configuration", cfg->ndomains ? CLI_OK : CLI_WARN,
                    "%s: %zu domains, %zu accounts%s", c->config_path, cfg->ndomains, cfg->naccounts,
                    cfg->ndomains ? "" : "; no domain is named, so nothing is watched");
    policy_config_errors_free(&errs);
    c->cfg = cfg;
}

/* ---- the agent's checks ------------------------------------------------------------------- */

static enum cli_finding_result result_of(const json_t *o)
{
    const char *s = base_json_strd(o, "result", "fail");
    return strcmp(s, "ok") == 0 ? CLI_OK : strcmp(s, "warn") == 0 ? CLI_WARN : CLI_FAIL;
}

/* The worst that we found ourselves under that name; -1 = nothing. */
static int ours(const struct cli_doctor *d, size_t n, const char *name)
{
    int worst = -1;
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(d->list, i);
        if (strcmp(base_json_strd(o, "name", ""), name) == 0 && (int)result_of(o) > worst)
            worst = (int)result_of(o);
    }
    return worst;
}

static void check_agent(struct cli_doctor *d)
{
    struct base_fail f = {0};
    json_t *answer = NULL;
    size_t before = json_array_size(d->list);
    if (cli_try(d->c, cli_request(d->c, "doctor"), CLI_TIMEOUT_LONG_MS, &answer, &f)) {
        cli_finding(d, "agent", CLI_FAIL, "%s", f.text);
        json_decref(answer);
        return;
    }
    cli_finding(d, "agent", CLI_OK, "certagentd answers at %s", d->c->cfg->agent_socket);
    const json_t *list = base_json_arr(answer, "checks");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        const char *name = base_json_strd(o, "name", "agent");
        /* what both looked at is said twice only where the agent is less content */
        if ((int)result_of(o) > ours(d, before, name))
            cli_finding(d, name, result_of(o), "%s", base_json_strd(o, "text", ""));
    }
    json_decref(answer);
}

/* ---- the command ------------------------------------------------------------------------------ */

static void show(struct cli_doctor *d)
{
    json_t *o = json_object();
    if (d->c->json) {
        base_json_setb(o, "ok", true);
        base_json_set(o, "worst", results[d->worst]);
        json_object_set(o, "checks", d->list);
        cli_json(d->c, o);
    } else
        cli_checks(d->c, d->list);
    json_decref(o);
}

int cli_cmd_doctor(struct cli *c, const struct cli_args *args)
{
    struct cli_doctor d = {.c = c, .list = json_array(), .postfix_dir = cli_opt(args, "postfix")};
    check_config(&d);
    if (c->cfg) {
        cli_doctor_profiles(&d);
        cli_doctor_milter(&d);
        cli_doctor_postfix(&d);
        cli_doctor_keeper(&d);
        cli_doctor_backup(&d);
        cli_doctor_spool(&d);
        cli_doctor_watch(&d);
        cli_doctor_dns(&d);
        cli_doctor_clock(&d);
        cli_doctor_bundle(&d);
        cli_doctor_credentials(&d);
        check_agent(&d);
    }
    show(&d);
    json_decref(d.list);
    return d.worst == CLI_OK ? CLI_DONE : CLI_ATTENTION;
}
