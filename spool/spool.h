/* spool/spool.h - the durable hand-over of mail from the milter to the agent.
 *
 * doc/spool.md has the table of states. In short, below DIR:
 *   tmp/   being written        new/   complete, waiting for the agent
 *   cur/   claimed              dead/  failed for good, with NAME.reason
 * A file is one line of JSON (the envelope) and then the raw message, byte for
 * byte. Its name is ID.TAG: TAG is a short hash of the client's network, so
 * that files of one client can be counted without opening them.
 *
 * Writer: certmilterd (and the agent for `ingest`). All writer functions are
 * thread-safe; none of them lists a directory but spool_writer_rescan().
 * Reader: certagentd. Functions on different names may run in different
 * threads; the handle itself is opened and closed by one.
 * What lies in new/ is a claim, never a fact: owner, kind, size and envelope
 * are checked after the claim, when nobody else can exchange the file. */
#ifndef SPOOL_SPOOL_H
#define SPOOL_SPOOL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"

#define SPOOL_ID_LEN 30            /* 29 characters [0-9a-z-] and a NUL */
#define SPOOL_NAME_LEN 39          /* ID "." 8 hex digits, and a NUL */
#define SPOOL_ENVELOPE_MAX 524288  /* bytes of the envelope line */
#define SPOOL_RECIPIENTS_MAX 1000
#define SPOOL_ADDRESS_MAX 512      /* bytes of one address; longer is refused */
#define SPOOL_MAIL_MAX (10 * 1024 * 1024 + 1024 * 1024) /* bytes that a reader accepts */
#define SPOOL_SMALL (64 * 1024)    /* what the reserved quarter takes */

/* Strings are owned by whoever made the struct (spool_mail: its arena). */
struct spool_envelope {
    char id[SPOOL_ID_LEN];  /* set by spool_put_begin() */
    int64_t time;           /* seconds; when the mail was taken */
    const char *client;     /* "192.0.2.1", "2001:db8::1", "local" */
    const char *queue_id;   /* of the MTA, "" if it named none */
    const char *sender;     /* without angle brackets, "" for <> */
    const char **recipients; /* without angle brackets, as the MTA gave them */
    size_t n_recipients;
    bool sender_in_profile; /* the milter's word; matters for the reserve only */
    int64_t size;           /* bytes of the raw message; set by spool_put() and reading */
};

/* ---- writer ---------------------------------------------------------------- */

struct spool_writer_options {
    int64_t cap_bytes;       /* 0 = 1 GiB: all of tmp/ and new/ */
    int64_t small_bytes;     /* 0 = SPOOL_SMALL */
    int64_t per_client;      /* 0 = 2000 files of one IPv4 address or IPv6 /64 */
};

struct spool_writer;
struct spool_put; /* one file being written; used by one thread at a time */

/* Opens DIR, makes tmp/ and new/ (2770) where they are absent, counts once what
 * is there. Codes: spool.dir (permanent). */
enum base_fail_class spool_open_writer(const char *dir, const struct spool_writer_options *o,
                                       struct spool_writer **w, struct base_fail *f);
void spool_close_writer(struct spool_writer *w); /* no put may be open; NULL is fine */

/* Starts a file; on success ENV->id is set. ENV is copied into the file.
 * Codes (temporary): spool.full (cap, or reserve that this mail may not use),
 * spool.client (too many files of this client), spool.write. */
enum base_fail_class spool_put_begin(struct spool_writer *w, struct spool_envelope *env,
                                     struct spool_put **put, struct base_fail *f);
/* Appends raw message bytes. Codes (temporary): spool.full, spool.write. After
 * a failure only spool_put_abort() is allowed. */
enum base_fail_class spool_put_append(struct spool_put *p, const void *data, size_t n,
                                      struct base_fail *f);
/* fsync, rename into new/, fsync of the directory; frees PUT in every case. On
 * failure nothing is left in new/. Codes (temporary): spool.full, spool.write. */
enum base_fail_class spool_put_commit(struct spool_put *put, struct base_fail *f);
void spool_put_abort(struct spool_put *put); /* unlinks and frees; NULL is fine */

/* All at once. ENV as above. */
enum base_fail_class spool_put(struct spool_writer *w, struct spool_envelope *env,
                               const struct base_bytes *pieces, size_t n, struct base_fail *f);

/* Counts the directories again (the agent took files away) and removes what
 * dead writers left in tmp/. For a timer thread: takes as long as it takes.
 * Returns milliseconds until the next one is due (2 s and more). */
int spool_writer_rescan(struct spool_writer *w);

/* ---- reader ---------------------------------------------------------------- */

struct spool_reader;

struct spool_mail {
    struct base_arena *arena;  /* owns everything below */
    char name[SPOOL_NAME_LEN]; /* in cur/ */
    struct spool_envelope env;
    struct base_bytes raw;     /* the message */
};

/* Opens DIR, makes cur/ (0700) and dead/ (0700) where they are absent and takes
 * the lock: one agent per spool. Codes: spool.dir (permanent), spool.locked
 * (temporary). */
enum base_fail_class spool_open_reader(const char *dir, struct spool_reader **r,
                                       struct base_fail *f);
void spool_close_reader(struct spool_reader *r); /* NULL is fine */

/* inotify descriptor, readable when something came into new/; -1 if inotify
 * isn't to be had (then the scan alone works). Owned by the reader. */
int spool_reader_fd(const struct spool_reader *r);
void spool_reader_drain(struct spool_reader *r); /* reads the events away */

/* Names in new/ (or cur/), oldest first, at most MAX of them. Names that no
 * writer of ours makes are left out and counted by spool_count(). NAMES and its
 * strings are allocated in A. Codes: spool.dir (temporary). */
enum base_fail_class spool_list_new(struct spool_reader *r, struct base_arena *a, size_t max,
                                    const char ***names, size_t *n, struct base_fail *f);
enum base_fail_class spool_list_cur(struct spool_reader *r, struct base_arena *a, size_t max,
                                    const char ***names, size_t *n, struct base_fail *f);

/* Renames new/NAME to cur/NAME (not fsynced: see doc/spool.md) and loads it. Codes:
 * spool.gone (permanent): no such file, nothing to do;
 * spool.bad (permanent): not a regular file of the milter or of our own, too
 *   large, or no envelope: it is in cur/, call spool_dead();
 * spool.read (temporary). */
enum base_fail_class spool_claim(struct spool_reader *r, const char *name,
                                 struct spool_mail **mail, struct base_fail *f);
/* Loads what is in cur/ already (left by a crash, or needed again). Same codes. */
enum base_fail_class spool_load(struct spool_reader *r, const char *name,
                                struct spool_mail **mail, struct base_fail *f);
void spool_mail_free(struct spool_mail *m); /* NULL is fine */

/* The outcomes are committed: unlinks N files of cur/ with one fsync. Gone already is OK.
 * Codes: spool.write (temporary). */
enum base_fail_class spool_done_all(struct spool_reader *r, const char *const *names, size_t n,
                                    struct base_fail *f);
/* Moves cur/NAME to dead/ with REASON (printable, cut at 4 KiB) beside it. Codes:
 * spool.gone (permanent), spool.write (temporary). */
enum base_fail_class spool_dead(struct spool_reader *r, const char *name, const char *reason,
                                struct base_fail *f);
/* Removes what has been in dead/ for longer than MAX_AGE seconds (30 days:
 * SPOOL_DEAD_AGE). Returns how many mails went. */
#define SPOOL_DEAD_AGE (30 * 86400)
size_t spool_dead_wipe(struct spool_reader *r, int64_t now, int64_t max_age);

struct spool_counts {
    int64_t new_files, new_bytes, oldest_new; /* oldest: seconds since the epoch, 0 = none */
    int64_t cur_files, cur_bytes;
    int64_t dead_files, dead_bytes;
    int64_t strange; /* entries of new/ that no writer of ours makes */
};
/* Reads three directories; not for every loop round. */
void spool_count(struct spool_reader *r, struct spool_counts *c);

/* ---- pure parts (tests, fuzzing) --------------------------------------------- */

/* Text of the envelope line with its newline. *size_at is where ten columns for
 * the size start. Allocated in A; NULL if ENV breaks a cap. */
char *spool_envelope_write(struct base_arena *a, const struct spool_envelope *env,
                           size_t *size_at);
/* Parses the line at the start of P; *used is its length with the newline.
 * Strings are allocated in A. Codes: spool.bad (permanent). */
enum base_fail_class spool_envelope_read(struct base_arena *a, const void *p, size_t n,
                                         struct spool_envelope *env, size_t *used,
                                         struct base_fail *f);
/* ID.TAG as a writer makes it? */
bool spool_name_ok(const char *name);

#endif
