/* keeper/ops.h - one request in, one answer out: everything that the keeper does.
 *
 * No sockets here: the server (keeper/server.h) reads requests, runs
 * keeper_ops_run() in a worker thread and sends the answer. Thread-safe. */
#ifndef KEEPER_OPS_H
#define KEEPER_OPS_H
#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "consumers.h"
#include "journal.h"
#include "store.h"
#include "vault.h"

#define KEEPER_PROTOCOL 1 /* member "v" of every request */

/* Domains whose local parts are compared exactly (keeper/exact.h); owns the names. */
struct keeper_exact {
    const char **v;
    size_t n;
};

struct keeper_ctx {
    struct keeper_store *store;
    struct keeper_vault *vault;
    struct keeper_journal *journal;
    const struct keeper_consumers *consumers; /* NULL = none */
    const struct keeper_exact *exact;         /* NULL = none */
    int64_t started;
    bool locked; /* secret memory */
};

struct keeper_call {
    const json_t *request; /* borrowed */
    bool admin;            /* came over the administrator's socket */
    uid_t uid;
    /* The export that this conversation has under way, empty if none: set by an
     * export, used up by "export_done". */
    char export_id[KEEPER_ID];
    char export_key[KEEPER_ID];
};

/* Long work (making RSA keys, pages of a backup or a rewrap), for the scheduling. */
bool keeper_ops_slow(const json_t *request);
/* {"ok":true,...} or {"ok":false,"class","code","text"}; never NULL. A member
 * "passphrase" is to be wiped with keeper_json_wipe() before the last decref. */
json_t *keeper_ops_run(struct keeper_ctx *ctx, struct keeper_call *call);

/* --- between the files of keeper/ops_*.c ------------------------------------ */

typedef enum base_fail_class keeper_op(struct keeper_ctx *ctx, struct keeper_call *call,
                                       struct base_arena *a, json_t *answer, struct base_fail *f);
keeper_op keeper_op_make_key, keeper_op_csr, keeper_op_key_info, keeper_op_list, keeper_op_attach,
    keeper_op_destroy;
keeper_op keeper_op_import;
keeper_op keeper_op_seal_p12, keeper_op_export_p12, keeper_op_export_done, keeper_op_passphrase,
    keeper_op_exports_since, keeper_op_consumer;
keeper_op keeper_op_evidence_certificate, keeper_op_evidence_sign;

/* A text member of 1 to KEEPER_TEXT_MAX bytes without control characters. NULL and
 * "keeper.request" otherwise. */
const char *keeper_op_text(const json_t *request, const char *key, struct base_fail *f);
/* Number member within [lo, hi], DFLT if absent; false and "keeper.request". */
bool keeper_op_number(const json_t *request, const char *key, int64_t lo, int64_t hi, int64_t dflt,
                      int64_t *out, struct base_fail *f);
/* PEM -> checked chain: every certificate readable, the leaf for R's key. */
enum base_fail_class keeper_op_take_chain(struct base_arena *a, const char *pem,
                                          const struct keeper_record *r, struct keeper_cert *out,
                                          struct base_fail *f);
/* Destroys R (its lock is held): journal first, then the tombstone. */
enum base_fail_class keeper_op_destroy_record(struct keeper_ctx *ctx, struct keeper_call *call,
                                              struct keeper_record *r, const char *who,
                                              const char *reason, struct base_fail *f);

#endif
