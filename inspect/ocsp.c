/* inspect/ocsp.c - "ocsp" and "crl": is a certificate revoked? The request to a responder, its answer
 * judged, a list of revoked certificates judged. */
#include <string.h>

#include "base/json.h"
#include "cert/crl.h"
#include "cert/ocsp.h"
#include "inputs.h"
#include "io.h"
#include "protocol.h"

static struct base_bytes from_header(struct base_arena *a, const json_t *header, const char *key)
{
    const char *b64 = base_json_strd(header, key, "");
    struct base_bytes der = {NULL, 0};

    der.p = base_unbase64(a, b64, strlen(b64), &der.n);
    if (der.p == NULL) {
        inspect_io_refuse(INSPECT_EXIT_PROTOCOL, "input.header", "leaf and issuer as base64 are needed");
    }
    return der;
}

static json_t *request_json(struct base_arena *a, struct base_bytes leaf, struct base_bytes issuer)
{
    struct base_bytes req;
    struct base_fail f;

    if (cert_ocsp_request(a, leaf, issuer, &req, &f) != BASE_OK) {
        inspect_io_refuse(INSPECT_EXIT_REFUSED, f.code, f.text);
    }
    return json_string(base_base64(a, req.p, req.n));
}

static json_t *verdict_json(const struct cert_ocsp *o)
{
    static const char *const names[] = {
        [CERT_REVOCATION_NOT_ASKED] = "unknown",
        [CERT_REVOCATION_GOOD] = "good",
        [CERT_REVOCATION_REVOKED] = "revoked",
        [CERT_REVOCATION_UNKNOWN] = "unknown",
    };
    json_t *j = json_object();

    base_json_set(j, "status", names[o->status]);
    base_json_setn(j, "this_update", o->this_update);
    base_json_setn(j, "next_update", o->next_update);
    base_json_setn(j, "revoked_at", o->revoked_at);
    base_json_set(j, "reason", o->reason);
    return j;
}

typedef enum base_fail_class judge(struct base_arena *a, struct base_bytes raw, struct base_bytes leaf,
                                   struct base_bytes issuer, int64_t now, struct cert_ocsp *out,
                                   struct base_fail *f);

static json_t *judged(struct base_arena *a, const struct inspect_request *q, judge *check,
                      struct base_bytes raw, struct base_bytes leaf, struct base_bytes issuer)
{
    struct cert_ocsp o;
    struct base_fail f;

    if (check(a, raw, leaf, issuer, q->now, &o, &f) != BASE_OK) {
        inspect_io_refuse(INSPECT_EXIT_REFUSED, f.code, f.text);
    }
    return verdict_json(&o);
}

void inspect_answer_ocsp(struct base_arena *a, const struct inspect_request *q,
                         struct base_bytes raw)
{
    struct base_bytes leaf = from_header(a, q->header, "leaf");
    struct base_bytes issuer = from_header(a, q->header, "issuer");
    json_t *line = json_object();

    if (raw.n == 0) {
        json_object_set_new(line, "request", request_json(a, leaf, issuer));
    } else {
        json_object_set_new(line, "revocation", judged(a, q, cert_ocsp_check, raw, leaf, issuer));
    }
    inspect_io_write(line);
}

void inspect_answer_crl(struct base_arena *a, const struct inspect_request *q, struct base_bytes raw)
{
    struct base_bytes leaf = from_header(a, q->header, "leaf");
    struct base_bytes issuer = from_header(a, q->header, "issuer");
    json_t *line = json_object();

    json_object_set_new(line, "revocation", judged(a, q, cert_crl_check, raw, leaf, issuer));
    inspect_io_write(line);
}
