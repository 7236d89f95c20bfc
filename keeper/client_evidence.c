/* The client's side of the keeper: the evidence key. */
#include <string.h>

#include "base/json.h"
#include "client.h"
#include "talk.h"

enum base_fail_class keeper_sign_evidence(const char *sock, struct base_arena *a,
                                          const char sha256[BASE_SHA256_HEX], const char *about,
                                          struct base_bytes *cms, struct base_fail *f)
{
    json_t *answer, *q = keeper_talk_new("evidence_sign");
    base_json_set(q, "sha256", sha256);
    base_json_set(q, "about", about);
    enum base_fail_class c = keeper_talk(sock, q, &answer, f);
    if (c)
        return c;
    const char *text = base_json_strd(answer, "cms", "");
    cms->p = base_unbase64(a, text, strlen(text), &cms->n);
    json_decref(answer);
    return cms->p && cms->n ? BASE_OK : keeper_talk_odd(f);
}

enum base_fail_class keeper_evidence_signer(const char *sock, struct base_arena *a,
                                            const char **pem, struct base_fail *f)
{
    json_t *answer, *q = keeper_talk_new("evidence_certificate");
    enum base_fail_class c = keeper_talk(sock, q, &answer, f);
    if (c)
        return c;
    *pem = base_arena_strdup(a, base_json_str(answer, "pem"));
    json_decref(answer);
    return *pem ? BASE_OK : keeper_talk_odd(f);
}
