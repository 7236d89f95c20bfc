/* cli/backup.h - between the files of backup, verify and restore. */
#ifndef CLI_BACKUP_H
#define CLI_BACKUP_H
#include "archive.h"
#include "cli.h"
#include "keeper/backup.h"
#include "ledger/copy.h"

/* The keys that a ledger names against those of a keeper, both in order. */
struct cli_match {
    struct ledger_copy *ledger;
    const char *want; /* the ledger's next; NULL = none is left */
    int64_t missing;
    char first[KEEPER_ID]; /* that is missing */
    bool begun;
};
/* The keeper has ID (in ascending order). */
enum base_fail_class cli_match_key(struct cli_match *m, const char *id, struct base_fail *f);
enum base_fail_class cli_match_end(struct cli_match *m, struct base_fail *f);

/* Where a backup is unpacked to while it is checked. */
struct cli_unpack {
    const char *ledger; /* file that is made */
    int keeper;         /* directory; -1 = only look */
    uid_t ledger_uid, keeper_uid;
    gid_t ledger_gid, keeper_gid;
};
struct cli_verified {
    struct ledger_copy_facts ledger;
    int64_t keys, opened, destroyed, exports, missing;
    char first_missing[KEEPER_ID];
};
/* Every member against its digest, the ledger by the engine's check, every key by its form
 * and, with KEK not NULL, by opening it; unpacks into U. Failures: backup.*, ledger.*,
 * keeper.*, file.*. */
enum base_fail_class cli_backup_check(struct cli *c, struct cli_reader *r, const struct cli_unpack *u,
                                      const unsigned char *kek, struct cli_verified *out,
                                      struct base_fail *f);
/* "\r..." on a terminal; nothing elsewhere. DONE ends the line. */
/* Work of unknown length goes on: WHAT and the seconds since its first call. */
void cli_progress_on(void *ctx); /* a struct cli_on */
struct cli_on {
    struct cli *c;
    const char *what;
    int64_t began, last; /* base_mono_ms(); 0 = not yet */
};
void cli_progress(struct cli *c, const char *what, int64_t n, int64_t total, bool done);
bool cli_need_root(struct cli *c); /* false: said */

#endif
