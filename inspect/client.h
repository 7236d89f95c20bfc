/* inspect/client.h - asking certinspect, one process for each input.
 *
 * Nobody but certinspect parses what came by mail, page or download: the
 * caller's process writes the bytes into a sandboxed child and reads JSON
 * back. All functions block (wall clock at most 20 s): call them in a pool
 * thread. They hold no state and are thread-safe.
 * Failures: ours "child.exec"; permanent "inspect.died" (killed, no answer),
 * "inspect.refused" (the input breaks a cap; the child's text),
 * "inspect.answer" (what it wrote isn't what we expect of it). */
#ifndef INSPECT_CLIENT_H
#define INSPECT_CLIENT_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "cert/chain.h"
#include "cert/fields.h"
#include "policy/facts.h"
#include "policy/rules.h"

/* Once, by a daemon, from a thread that lives as long as the process: from now on
 * inputs for PROGRAM go to children of one `certinspect --spawner`, which is replaced when its
 * time is over or it died. Where there is none (the command line, or between
 * two of them), PROGRAM is executed: slower, otherwise the same. */
void inspect_spawner_start(const char *program);

enum inspect_key_status { INSPECT_KEY_RECORD = 0, INSPECT_KEY_NONE, INSPECT_KEY_TEMPFAIL };

/* Looks up the DKIM key record of SELECTOR._domainkey.DOMAIN; *txt in A. */
typedef enum inspect_key_status inspect_key_fn(void *ctx, struct base_arena *a, const char *domain,
                                               const char *selector, const char **txt);

struct inspect_mail_options {
    const char *program;  /* path of certinspect */
    const json_t *profiles; /* array of policy_profile_to_json() */
    const char *profiles_text; /* the same as text, made once; used instead if not NULL, and
                                  unlike a json_t it may be shared by threads */
    inspect_key_fn *key;
    void *key_ctx;
    int64_t now;
    bool force; /* parse the body even where no signature passed (explain, profile record) */
};

/* One mail. OUT->certificates is owned by the caller (json_decref). */
enum base_fail_class inspect_mail(struct base_arena *a, const struct inspect_mail_options *o,
                                  struct base_bytes raw, struct policy_facts **out,
                                  struct base_fail *f);

/* One page of a validation, judged by the rules that PROFILE has for KIND. */
enum base_fail_class inspect_page(struct base_arena *a, const char *program,
                                  const struct policy_profile *profile, enum policy_kind kind,
                                  struct base_bytes body, const char *url,
                                  struct policy_page **out, struct base_fail *f);

struct inspect_certificates {
    struct cert_fields *v;
    size_t n;
    int leaf; /* index in v of the certificate that the chain is of; -1 = none */
    struct cert_chain chain; /* DERs and reason in A; issuer key type and bits if ok */
};
/* Certificates in any form. SPKI (hex) names the leaf, NULL = the first that is no CA. */
enum base_fail_class inspect_certificates(struct base_arena *a, const char *program,
                                          struct base_bytes in, struct base_bytes roots_pem,
                                          const char *spki, int64_t now,
                                          struct inspect_certificates *out, struct base_fail *f);

/* The OCSP request to send for LEAF (DER) issued by ISSUER (DER). */
enum base_fail_class inspect_ocsp_request(struct base_arena *a, const char *program,
                                          struct base_bytes leaf, struct base_bytes issuer,
                                          struct base_bytes *out, struct base_fail *f);
struct inspect_revocation {
    const char *status; /* "good", "revoked", "unknown" */
    int64_t next_update, revoked_at;
    const char *reason; /* of "revoked", or why "unknown" */
};
/* What a responder's answer is worth (cert/ocsp.h). */
enum base_fail_class inspect_ocsp_answer(struct base_arena *a, const char *program,
                                         struct base_bytes leaf, struct base_bytes issuer,
                                         struct base_bytes response, int64_t now,
                                         struct inspect_revocation *out, struct base_fail *f);
/* What a list of revoked certificates says of it (cert/crl.h). */
enum base_fail_class inspect_crl(struct base_arena *a, const char *program, struct base_bytes leaf,
                                 struct base_bytes issuer, struct base_bytes list, int64_t now,
                                 struct inspect_revocation *out, struct base_fail *f);

#endif
