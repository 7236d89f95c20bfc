/* ledger/copy.h - the ledger's file as a whole: a snapshot for a backup, a look into one,
 * and what a restore writes into it.
 *
 * Each works with a connection of its own, so that a worker thread of the agent, or a
 * command with a file that nobody has open, may use it. Failures as in ledger.h. */
#ifndef LEDGER_COPY_H
#define LEDGER_COPY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"

/* Small values of a ledger (ledger_meta_get()) about backups. */
#define LEDGER_FENCE "fence"               /* when it was restored; 0 = not fenced */
#define LEDGER_FENCE_BACKUP "fence.backup" /* of when the backup was */
#define LEDGER_FENCE_FILE "fence.archive"  /* text: digest of the backup's manifest */
#define LEDGER_BACKUP_AT "backup.at"       /* the last backup taken, of a living ledger */
#define LEDGER_PROVED_AT "backup.proved"   /* the last one verified with a recovery sheet */
#define LEDGER_PROVED_KEK "backup.kek"     /* text: id of the key-encryption key that opened it */

/* ---- a snapshot of PATH, a ledger in use, into DEST, a file of ours that is made (0600) ---- */
struct ledger_snapshot;
enum base_fail_class ledger_snapshot_open(const char *path, const char *dest,
                                          struct ledger_snapshot **out, struct base_fail *f);
/* Copies up to PAGES; *LEFT 0 = all is there and on disk. All steps see one moment; writers go on. */
enum base_fail_class ledger_snapshot_step(struct ledger_snapshot *s, int pages, int64_t *left,
                                          int64_t *total, struct base_fail *f);
void ledger_snapshot_close(struct ledger_snapshot *s); /* DEST stays: the caller's */

/* ---- a file that nobody has open -------------------------------------------------------------- */
struct ledger_copy;
struct ledger_copy_facts {
    int schema;
    int64_t orders, certificates, mailboxes, events; /* events: the last one's number */
    int64_t keys; /* that it names */
};
/* Opens without changing anything; "ledger.newer", "ledger.damaged". */
enum base_fail_class ledger_copy_open(const char *path, struct ledger_copy **out,
                                      struct base_fail *f);
void ledger_copy_close(struct ledger_copy *l);
enum base_fail_class ledger_copy_facts(struct ledger_copy *l, struct ledger_copy_facts *out,
                                       struct base_fail *f);
/* TICK(CTX) every now and then while a call on L works: some of them take long. */
void ledger_copy_tick(struct ledger_copy *l, void (*tick)(void *ctx), void *ctx);
/* The engine's own check of every page, index and reference. */
enum base_fail_class ledger_copy_check(struct ledger_copy *l, struct base_fail *f);
/* The keeper's keys that it names, in order, one a call; *KEY NULL = the end. Until the next call. */
enum base_fail_class ledger_copy_next_key(struct ledger_copy *l, const char **key,
                                          struct base_fail *f);
/* A small value; 0 if it isn't there. */
enum base_fail_class ledger_copy_meta(struct ledger_copy *l, const char *key, int64_t *v,
                                      struct base_fail *f);
enum base_fail_class ledger_copy_text(struct ledger_copy *l, struct base_arena *a, const char *key,
                                      const char **v, struct base_fail *f);
/* PATH becomes a restored ledger: fenced since NOW, its backup was of BACKUP_AT, ARCHIVE its digest.
 * What the agent read of the CA is forgotten, so that all is read again. On disk when it returns. */
enum base_fail_class ledger_copy_fence(const char *path, int64_t now, int64_t backup_at,
                                       const char *archive, struct base_fail *f);

#endif
