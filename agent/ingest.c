/* agent/ingest.c - a mail that missed the milter, put into the spool by hand.
 *
 * It takes the same way as every other from there: the agent is just one more
 * writer of the spool. */
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/json.h"

enum base_fail_class agent_cmd_ingest(struct agent *ag, const json_t *req, const char *by,
                                      json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    const char *rcpt = base_json_strd(req, "rcpt", ""), *b64 = base_json_strd(req, "raw", "");
    size_t n = 0;
    enum base_fail_class r = BASE_OK;
    unsigned char *raw = base_unbase64(a, b64, strlen(b64), &n);
    struct spool_envelope env = {
        .time = base_now(),
        .client = "local",
        .queue_id = "",
        .sender = base_json_strd(req, "sender", ""),
        .recipients = &rcpt,
        .n_recipients = 1,
    };
    if (!raw || n == 0)
        r = base_failf(f, BASE_PERMANENT, "ingest.raw", "no mail was given");
    else if (!strchr(rcpt, '@'))
        r = base_failf(f, BASE_PERMANENT, "ingest.rcpt",
                       "--rcpt \"%s\": expected the address that the mail was for", rcpt);
    else {
        struct base_bytes piece = {raw, n};
        r = spool_put(ag->writer, &env, &piece, 1, f);
    }
    if (!r) {
        base_json_set(answer, "spool", env.id);
        base_log(LOG_NOTICE, "mail.ingested", "spool", env.id, "by", by, "rcpt", rcpt, NULL);
        agent_intake_scan(ag);
    }
    base_arena_free(a);
    return r;
}
