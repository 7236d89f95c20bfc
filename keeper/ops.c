/* The table of operations, who may ask for which, and the form of answers.
 * Owns nothing; a handler's failure becomes an answer, never an end. */
#include "ops.h"

#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "keys.h"
#include "ops_backup.h"
#include "sealed.h"

enum who { AGENT = 1, ADMIN = 2, BOTH = 3 };

static enum base_fail_class op_ping(struct keeper_ctx *ctx, struct keeper_call *call,
                                    struct base_arena *a, json_t *answer, struct base_fail *f)
{
    (void)call;
    (void)a;
    (void)f;
    base_json_set(answer, "version", CERTMILTER_VERSION);
    base_json_set(answer, "kek_id", keeper_vault_kek_id(ctx->vault));
    base_json_set(answer, "old_kek_id", keeper_vault_old_id(ctx->vault));
    base_json_setn(answer, "started", ctx->started);
    base_json_setb(answer, "locked", ctx->locked);
    json_t *exact = json_array();
    for (size_t i = 0; ctx->exact && i < ctx->exact->n; i++)
        json_array_append_new(exact, json_string(ctx->exact->v[i]));
    json_object_set_new(answer, "exact", exact);
    return BASE_OK;
}

static const struct {
    const char *name;
    enum who who;
    keeper_op *run;
} ops[] = {
    {"ping", BOTH, op_ping},
    {"make_key", AGENT, keeper_op_make_key},
    {"csr", AGENT, keeper_op_csr},
    {"key_info", BOTH, keeper_op_key_info},
    {"list", BOTH, keeper_op_list},
    {"attach", AGENT, keeper_op_attach},
    {"destroy", AGENT, keeper_op_destroy},
    {"import", ADMIN, keeper_op_import},
    {"seal_p12", AGENT, keeper_op_seal_p12},
    {"export_p12", ADMIN, keeper_op_export_p12},
    {"export_done", BOTH, keeper_op_export_done},
    {"passphrase", ADMIN, keeper_op_passphrase},
    {"seal_bundle", AGENT, keeper_op_seal_bundle},
    {"handouts", ADMIN, keeper_op_handouts},
    {"handout", ADMIN, keeper_op_handout},
    {"handed", ADMIN, keeper_op_handed},
    {"preset", BOTH, keeper_op_preset},
    {"evidence_certificate", BOTH, keeper_op_evidence_certificate},
    {"evidence_sign", AGENT, keeper_op_evidence_sign},
    {"exports_since", BOTH, keeper_op_exports_since},
    {"backup_begin", ADMIN, keeper_op_backup_begin},
    {"backup_files", ADMIN, keeper_op_backup_files},
    {"backup_journal", ADMIN, keeper_op_backup_journal},
    {"rewrap_begin", ADMIN, keeper_op_rewrap_begin},
    {"rewrap_page", ADMIN, keeper_op_rewrap_page},
    {"rewrap_finish", ADMIN, keeper_op_rewrap_finish},
    {"consumer", AGENT, keeper_op_consumer},
};

bool keeper_ops_slow(const json_t *request)
{
    const char *op = base_json_strd(request, "op", "");
    return strncmp(op, "backup_", 7) == 0 || strncmp(op, "rewrap_", 7) == 0 ||
           (strcmp(op, "make_key") == 0 &&
            keeper_key_type_slow(base_json_strd(request, "type", "")));
}

const char *keeper_op_text(const json_t *request, const char *key, struct base_fail *f)
{
    const char *s = base_json_strd(request, key, "");
    size_t n = strlen(s);
    struct base_arena *a = base_arena_new();
    bool good = n > 0 && n <= KEEPER_TEXT_MAX && strcmp(base_printable(a, s, n, n + 4), s) == 0;
    base_arena_free(a);
    if (good)
        return s;
    base_failf(f, BASE_PERMANENT, "keeper.request",
               "\"%s\" must be a text of 1 to %d bytes without control characters", key,
               KEEPER_TEXT_MAX);
    return NULL;
}

bool keeper_op_number(const json_t *request, const char *key, int64_t lo, int64_t hi, int64_t dflt,
                      int64_t *out, struct base_fail *f)
{
    const json_t *v = json_object_get(request, key);
    *out = v ? json_integer_value(v) : dflt;
    if ((!v || json_is_integer(v)) && *out >= lo && *out <= hi)
        return true;
    base_failf(f, BASE_PERMANENT, "keeper.request", "\"%s\" must be a number from %lld to %lld",
               key, (long long)lo, (long long)hi);
    return false;
}

static enum base_fail_class run(struct keeper_ctx *ctx, struct keeper_call *call, json_t *answer,
                                struct base_fail *f)
{
    const char *name = base_json_strd(call->request, "op", "");
    if (base_json_int(call->request, "v", 0) != KEEPER_PROTOCOL)
        return base_failf(f, BASE_PERMANENT, "keeper.request", "expected protocol version %d",
                          KEEPER_PROTOCOL);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (strcmp(ops[i].name, name) != 0)
            continue;
        if (!(ops[i].who & (call->admin ? ADMIN : AGENT)))
            return base_failf(f, BASE_PERMANENT, "keeper.denied", "\"%s\" is not for this socket",
                              name);
        struct base_arena *a = base_arena_new();
        enum base_fail_class c = ops[i].run(ctx, call, a, answer, f);
        base_arena_free(a);
        return c;
    }
    return base_failf(f, BASE_PERMANENT, "keeper.request", "an unknown operation");
}

json_t *keeper_ops_run(struct keeper_ctx *ctx, struct keeper_call *call)
{
    struct base_fail f = {0};
    json_t *answer = json_object();
    enum base_fail_class c = run(ctx, call, answer, &f);
    if (c) {
        json_object_clear(answer);
        base_json_set(answer, "class", base_fail_class_name(c));
        base_json_set(answer, "code", f.code);
        base_json_set(answer, "text", f.text);
        base_log_fail(c == BASE_OURS ? LOG_ERR : LOG_NOTICE, "keeper.refused", &f, "op",
                      base_json_strd(call->request, "op", ""), "uid", base_log_num(call->uid),
                      NULL);
    }
    base_json_setb(answer, "ok", c == BASE_OK);
    return answer;
}
