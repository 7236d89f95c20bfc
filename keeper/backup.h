/* keeper/backup.h - what the administrator's command does with a whole store: fetch it
 * for a backup, have it rewrapped, look into a copy of it with the key-encryption key.
 *
 * The first two are for root over the administrator's socket and fail as keeper/client.h
 * says. A copy needs no keeper; permanent "keeper.kek" (it is not the key of this copy),
 * "keeper.damaged". Memory doesn't grow with the number of keys. */
#ifndef KEEPER_BACKUP_H
#define KEEPER_BACKUP_H
#include "client.h"

#define KEEPER_KEK_BYTES 32
#define KEEPER_KEK_ID 17 /* 16 hex characters and a NUL */

/* ---- fetching the store ------------------------------------------------------------------ */
struct keeper_begun {
    const char *kek_id, *old_kek_id; /* "" = none */
    const char *check, *both;        /* contents of kek-check.json, kek-both.json; both may be "" */
    int64_t keys, exports;           /* files now */
    size_t nothers;                  /* other files of the state directory */
    const char **other_name, **other_text;
};
enum base_fail_class keeper_backup_begin(const char *sock, struct base_arena *a,
                                         struct keeper_begun *out, struct base_fail *f);
/* CB for each file of WHAT ("keys", "exports") in the order of their ids; ends with its failure. */
typedef enum base_fail_class keeper_backup_file(void *ctx, const char *id, const char *text,
                                                size_t n, struct base_fail *f);
enum base_fail_class keeper_backup_files(const char *sock, const char *what, keeper_backup_file *cb,
                                         void *ctx, struct base_fail *f);
/* The export journal in pieces of whole lines; ID is "". */
enum base_fail_class keeper_backup_journal(const char *sock, keeper_backup_file *cb, void *ctx,
                                           struct base_fail *f);

/* ---- rewrap ------------------------------------------------------------------------------- */
/* KEK becomes the key that seals. Again with the same one: goes on. Permanent "keeper.rewrap". */
enum base_fail_class keeper_rewrap_begin(const char *sock, struct base_arena *a,
                                         const unsigned char kek[KEEPER_KEK_BYTES],
                                         struct keeper_begun *out, struct base_fail *f);
struct keeper_rewrapped {
    int64_t seen, changed, left, purged; /* sums so far */
};
/* Everything of WHAT; DRY only counts. TOLD (may be NULL) after each page. */
enum base_fail_class keeper_rewrap_all(const char *sock, const char *what, bool dry,
                                       struct keeper_rewrapped *sum,
                                       void (*told)(void *ctx, const struct keeper_rewrapped *sum),
                                       void *ctx, struct base_fail *f);
/* The new key is the store's; refused while anything is left. The keeper looks at all of it
 * first: TOLD (may be NULL) hears every few seconds how much was SEEN. */
enum base_fail_class keeper_rewrap_finish(const char *sock,
                                          void (*told)(void *ctx, const struct keeper_rewrapped *sum),
                                          void *ctx, struct base_fail *f);

/* ---- a copy ------------------------------------------------------------------------------- */
/* A credential's bytes (32, or 64 hex digits) as a key; false if it is neither. */
bool keeper_kek_read(const void *p, size_t n, unsigned char kek[KEEPER_KEK_BYTES]);
bool keeper_kek_name(const unsigned char kek[KEEPER_KEK_BYTES], char id[KEEPER_KEK_ID]);

struct keeper_copy;
/* CHECK and BOTH are the contents of those files; BOTH NULL or "" = there is none. */
enum base_fail_class keeper_copy_open(const unsigned char kek[KEEPER_KEK_BYTES], const char *check,
                                      const char *both, struct keeper_copy **out,
                                      struct base_fail *f);
void keeper_copy_close(struct keeper_copy *k); /* wipes */
/* Does this record open? COPY NULL: only its form is looked at. */
enum base_fail_class keeper_copy_key(struct keeper_copy *k, const char *id, const void *text,
                                     size_t n, bool *destroyed, struct base_fail *f);
enum base_fail_class keeper_copy_export(struct keeper_copy *k, const char *id, const void *text,
                                        size_t n, struct base_fail *f);
/* The place in the index of mailboxes of a record: directory and name; false if it is none. */
bool keeper_copy_index(const void *text, size_t n, char dir[16], char name[64]);

#endif
