/* The client's side of the keeper: keys in clear for a named consumer of this host. The
 * key itself never comes this way. */
#include "base/json.h"
#include "client.h"
#include "talk.h"

static enum base_fail_class ask(const char *sock, json_t *q, const char *consumer,
                                const char *mailbox, bool exact, const char *who, const char *reason,
                                struct base_fail *f)
{
    json_t *answer;
    base_json_set(q, "consumer", consumer);
    base_json_set(q, "mailbox", mailbox);
    base_json_setb(q, "exact", exact);
    base_json_set(q, "who", who);
    base_json_set(q, "reason", reason);
    enum base_fail_class c = keeper_talk(sock, q, &answer, f);
    json_decref(answer);
    return c;
}

enum base_fail_class keeper_consumer_write(const char *sock, const char *consumer,
                                           const char *key_id, const char *cert_sha256,
                                           const char *mailbox, bool exact, const char *who,
                                           const char *reason, struct base_fail *f)
{
    json_t *q = keeper_talk_new("consumer");
    base_json_set(q, "action", "write");
    base_json_set(q, "key_id", key_id);
    base_json_set(q, "cert_sha256", cert_sha256);
    return ask(sock, q, consumer, mailbox, exact, who, reason, f);
}

enum base_fail_class keeper_consumer_remove(const char *sock, const char *consumer,
                                            const char *mailbox, bool exact, const char *who,
                                            const char *reason, struct base_fail *f)
{
    json_t *q = keeper_talk_new("consumer");
    base_json_set(q, "action", "remove");
    return ask(sock, q, consumer, mailbox, exact, who, reason, f);
}
