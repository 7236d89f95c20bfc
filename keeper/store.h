/* keeper/store.h - the state directory: one file per key, tombstones, the index
 * by mailbox.
 *
 *   keys/<key id>.json             a record (keeper/record.h)
 *   mailboxes/<2>/<30>-<key id>    empty; hex of the SHA-256 of the mailbox in
 *                                  lower case: finds the keys of one mailbox
 *   exports/<export id>.json       the sealed passphrase of a sealed PKCS#12
 *   exports.log                    the export journal (keeper/journal.h)
 *   evidence.json                  the key that signs evidence (keeper/evidence.h)
 *   kek-check.json kek-both.json lock       (keeper/vault.h)
 *
 * Every change is on disk (fsync of file and directory) when a call returns.
 * Thread-safe; who reads a record, changes and writes it holds the key's lock. */
#ifndef KEEPER_STORE_H
#define KEEPER_STORE_H
#include <stddef.h>

#include "record.h"

struct keeper_store;

/* Makes DIR (0700) and what belongs in it, takes its lock, removes what an
 * interrupted write left. Codes: permanent "keeper.state" (not ours, locked by
 * another keeper), ours "file.*". */
enum base_fail_class keeper_store_open(const char *dir, struct keeper_store **out,
                                       struct base_fail *f);
void keeper_store_close(struct keeper_store *s);
int keeper_store_dirfd(const struct keeper_store *s);

/* Others with the same id wait. Not recursive; one at a time per thread. */
void keeper_store_lock(struct keeper_store *s, const char *id);
void keeper_store_unlock(struct keeper_store *s, const char *id);
/* Returns when everybody who holds a lock now has given it back. */
void keeper_store_barrier(struct keeper_store *s);

/* "keeper.absent", "keeper.damaged". */
enum base_fail_class keeper_store_load(struct keeper_store *s, struct base_arena *a, const char *id,
                                       struct keeper_record *r, struct base_fail *f);
/* Writes the record and, before it, its entry in the index. */
enum base_fail_class keeper_store_save(struct keeper_store *s, const struct keeper_record *r,
                                       struct base_fail *f);
/* Writes a record that is there already; its mailbox is the same. */
enum base_fail_class keeper_store_replace(struct keeper_store *s, const struct keeper_record *r,
                                          struct base_fail *f);
/* Turns R into its tombstone, on disk too; the sealed key's old place on disk is
 * overwritten (as far as the file system lets that reach the medium). */
enum base_fail_class keeper_store_destroy(struct keeper_store *s, struct keeper_record *r,
                                          const char *reason, int64_t now, struct base_fail *f);
/* Ids after AFTER (NULL = from the start) in order, at most LIMIT; MAILBOX NULL = all. */
enum base_fail_class keeper_store_ids(struct keeper_store *s, const char *after,
                                      const char *mailbox, size_t limit, char (*ids)[KEEPER_ID],
                                      size_t *n, struct base_fail *f);

/* A sealed export was written that wasn't there before. */
void keeper_store_export_added(struct keeper_store *s);
/* The same of the sealed exports. */
enum base_fail_class keeper_store_export_ids(struct keeper_store *s, const char *after,
                                             size_t limit, char (*ids)[KEEPER_ID], size_t *n,
                                             struct base_fail *f);
/* The other files of the state directory, right in it: NAME.json, not those of the KEK. In
 * order of the directory; more than KEEPER_OTHERS_MAX is "keeper.state". */
#define KEEPER_OTHERS_MAX 16
#define KEEPER_OTHER_NAME 64
#define KEEPER_OTHER_MAX 65536 /* bytes of one */
enum base_fail_class keeper_store_others(struct keeper_store *s,
                                         char (*names)[KEEPER_OTHER_NAME], size_t *n,
                                         struct base_fail *f);
/* Where the index has an entry for MAILBOX's key ID: "mailboxes/<2>" and the name in it. */
void keeper_store_index_name(const char *mailbox, const char *id, char dir[16],
                             char name[32 + KEEPER_ID]);

#endif
