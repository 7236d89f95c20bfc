/* keeper/delivery.h - asking the keeper for a delivery, and for what follows it.
 *
 * As keeper/client.h: every call connects, asks, blocks and closes; results belong to the
 * arena; the same failures. The agent gets a sealed PKCS#12 and never its passphrase; the
 * administrator's side fetches the passphrases of what arrived and says when they did. */
#ifndef KEEPER_DELIVERY_H
#define KEEPER_DELIVERY_H
#include "client.h"

struct keeper_bundle {
    const char *mailbox;
    bool exact; /* of exactly this spelling (keeper/client.h) */
    const char *key_id;
    const char *request; /* what it is for, 1 to KEEPER_TEXT_MAX bytes: the same again is the
                            same export with the same passphrase */
    const char *way;     /* "hook", "file", "preset" */
    bool history;        /* the mailbox's older keys that can decrypt as well, newest first, 20 at most */
    bool again;          /* although its receiver has it already */
    const char *who, *reason;
};
/* Agent. *ACCEPTED: the receiver has this one already, OUT holds its id alone. Else OUT
 * as keeper_seal_p12(), *KEYS in it, and keeper_export_finish() is due: DELIVERED says
 * that the receiver has it, and only then its passphrase is given out. A key in custody
 * "forget" ends when the passphrase has been handed out as well (at once for "preset").
 * Temporary "keeper.nopass": way "preset", and the mailbox has set none. Permanent
 * "keeper.nocert", "keeper.destroyed". Takes half a second for each key. */
enum base_fail_class keeper_seal_bundle(const char *sock, struct base_arena *a,
                                        const struct keeper_bundle *b, struct keeper_export *out,
                                        int64_t *keys, bool *accepted, struct base_fail *f);

struct keeper_handout {
    char id[KEEPER_ID];
    const char *key_id, *mailbox, *tenant;
    const char *way;  /* NULL: sealed for a file, no way asked for */
    int64_t accepted; /* since when it waits, seconds */
    int64_t given;    /* its passphrase left the keeper before, and nobody said it arrived; 0 */
};
/* Administrator. Passphrases that wait to be handed out, a page after AFTER (NULL = the
 * first). *NEXT is where the next page starts, "" at the end; a page may be empty. */
enum base_fail_class keeper_handouts(const char *admin_sock, struct base_arena *a,
                                     const char *after, struct keeper_handout **list, size_t *n,
                                     char next[KEEPER_ID], struct base_fail *f);
/* Administrator. The passphrase of one of them; journalled before it leaves. Wipe it after
 * use. Permanent "keeper.handed": handed out before, or not arrived yet. */
enum base_fail_class keeper_handout_take(const char *admin_sock, struct base_arena *a,
                                         const char *export_id, const char *who,
                                         const char *reason, char **passphrase,
                                         struct base_fail *f);
/* Administrator. It reached its owner: the keeper wipes it. Again: BASE_OK. */
enum base_fail_class keeper_handout_done(const char *admin_sock, const char *export_id,
                                         struct base_fail *f);
/* Administrator. The passphrase that every PKCS#12 for MAILBOX is sealed with where the way
 * is "preset"; NULL takes it away (the agent may do that too). Permanent "keeper.weak", "keeper.absent". */
enum base_fail_class keeper_preset(const char *admin_sock, const char *mailbox, bool exact,
                                   const char *passphrase, struct base_fail *f);

#endif
