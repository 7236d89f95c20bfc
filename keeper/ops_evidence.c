/* Operations on the evidence key: its certificate, and a signature over a hash. */
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "evidence.h"
#include "ops.h"

enum base_fail_class keeper_op_evidence_certificate(struct keeper_ctx *ctx,
                                                    struct keeper_call *call, struct base_arena *a,
                                                    json_t *answer, struct base_fail *f)
{
    const char *pem = NULL;
    (void)call;
    enum base_fail_class r = keeper_evidence_certificate(ctx->store, ctx->vault, a, &pem, f);
    if (!r)
        base_json_set(answer, "pem", pem);
    return r;
}

static bool hex_digest(const char *s, unsigned char out[BASE_SHA256_LEN])
{
    if (strlen(s) != BASE_SHA256_HEX - 1 || strspn(s, "0123456789abcdef") != BASE_SHA256_HEX - 1)
        return false;
    for (size_t i = 0; i < BASE_SHA256_LEN; i++) {
        char two[3] = {s[2 * i], s[2 * i + 1], 0};
        out[i] = (unsigned char)strtoul(two, NULL, 16);
    }
    return true;
}

enum base_fail_class keeper_op_evidence_sign(struct keeper_ctx *ctx, struct keeper_call *call,
                                             struct base_arena *a, json_t *answer,
                                             struct base_fail *f)
{
    unsigned char digest[BASE_SHA256_LEN];
    struct base_bytes der;
    const char *hex = base_json_strd(call->request, "sha256", "");
    const char *about = keeper_op_text(call->request, "about", f);
    if (!about)
        return BASE_PERMANENT;
    if (!hex_digest(hex, digest))
        return base_failf(f, BASE_PERMANENT, "keeper.request",
                          "\"sha256\" must be 64 hex characters");
    enum base_fail_class r = keeper_evidence_sign(ctx->store, ctx->vault, a, digest, &der, f);
    if (r)
        return r;
    base_json_set(answer, "cms", base_base64(a, der.p, der.n));
    base_log(LOG_NOTICE, "keeper.evidence", "about", about, "sha256", hex, NULL);
    return BASE_OK;
}
