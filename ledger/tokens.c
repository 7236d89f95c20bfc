/* ledger/tokens.c - links' secrets as hashes. A token goes seen -> used or
 * seen -> closed, once; a trigger refuses every other way. */
#include <string.h>

#include "internal.h"

struct token {
    const char *state;
    int64_t mail;
};

static const struct ledger_column columns[] = {
    LEDGER_COL(TEXT, struct token, state),
    LEDGER_COL(REF, struct token, mail),
};
static const struct ledger_table table = LEDGER_TABLE("token", struct token, columns);

enum base_fail_class ledger_token_seen(struct ledger *l, const char *hash, int64_t mail,
                                       int64_t intent, struct base_fail *f)
{
    /* a token whose intent wasn't known at first sight gets it now */
    return ledger_change(l, NULL, f,
                         "INSERT INTO token (hash, state, mail, intent)"
                         " VALUES (?1, 'seen', ?2, ?3)"
                         " ON CONFLICT (hash) DO UPDATE SET intent = excluded.intent"
                         " WHERE intent IS NULL",
                         "trr", hash, mail, intent);
}

static enum ledger_token_state state_of(const char *word)
{
    return word == NULL                ? LEDGER_TOKEN_NONE
           : strcmp(word, "seen") == 0 ? LEDGER_TOKEN_SEEN
           : strcmp(word, "used") == 0 ? LEDGER_TOKEN_USED
                                       : LEDGER_TOKEN_CLOSED;
}

enum base_fail_class ledger_token_get(struct ledger *l, const char *hash,
                                      enum ledger_token_state *state, int64_t *mail,
                                      struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_list list;
    enum base_fail_class cls = ledger_rows(
        l, a, &table, &list, f, "SELECT state, mail FROM token WHERE hash = ?1", "t", hash);
    const struct token *t = list.rows;

    *state = list.n == 0 ? LEDGER_TOKEN_NONE : state_of(t->state);
    if (mail != NULL) {
        *mail = list.n == 0 ? 0 : t->mail;
    }
    base_arena_free(a);
    return cls;
}

enum base_fail_class ledger_token_use(struct ledger *l, const char *hash, struct base_fail *f)
{
    enum ledger_token_state now;
    int changed = 0;
    enum base_fail_class cls = ledger_change(
        l, &changed, f, "UPDATE token SET state = 'used' WHERE hash = ?1 AND state = 'seen'", "t",
        hash);

    if (cls != BASE_OK || changed == 1) {
        return cls;
    }
    cls = ledger_token_get(l, hash, &now, NULL, f);
    if (cls != BASE_OK) {
        return cls;
    }
    return now == LEDGER_TOKEN_NONE
               ? ledger_absent(f, table.what)
               : base_failf(f, BASE_PERMANENT, "ledger.state", "the token was %s before",
                            now == LEDGER_TOKEN_USED ? "used" : "closed");
}

enum base_fail_class ledger_token_close(struct ledger *l, int64_t intent, struct base_fail *f)
{
    return ledger_change(l, NULL, f,
                         "UPDATE token SET state = 'closed' WHERE intent = ?1 AND state = 'seen'",
                         "i", intent);
}

enum base_fail_class ledger_token_known(struct ledger *l, const char *hash, int64_t intent,
                                        struct base_fail *f)
{
    return ledger_change(
        l, NULL, f, "INSERT INTO known_token (hash, intent) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        "ti", hash, intent);
}

enum base_fail_class ledger_token_is_known(struct ledger *l, const char *hash, int64_t intent,
                                           bool *known, struct base_fail *f)
{
    int64_t n = 0;
    enum base_fail_class cls =
        ledger_number(l, &n, f, "SELECT count(*) FROM known_token WHERE hash = ?1 AND intent = ?2",
                      "ti", hash, intent);

    *known = n != 0;
    return cls;
}
