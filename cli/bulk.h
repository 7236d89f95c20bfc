/* cli/bulk.h - batches on the command line: what the files about them share. */
#ifndef CLI_BULK_H
#define CLI_BULK_H
#include "cli.h"

/* order --csv (bulk.c) */
int cli_bulk_order(struct cli *c, const struct cli_args *args);
/* reissue --issued-between (day.c) */
int cli_reissue_day(struct cli *c, const struct cli_args *args);
/* renew --days DAYS --batch (day.c) */
int cli_renew_batch(struct cli *c, const struct cli_args *args, int64_t days);

/* ---- csv to orders (bulkfile.c) ------------------------------------------------------- */
struct cli_bulk {
    const char *file; /* "-" = standard input */
    const struct cli_args *args;
    struct base_buf text;
    int64_t lines;    /* orders in it */
    char key[65];     /* hash of what they ask for */
};
/* Reads and checks the file whole; every error is said. CLI_DONE, or the exit status. */
int cli_bulk_read(struct cli *c, const struct cli_args *args, struct cli_bulk *b);
/* Each order in turn as {"line":N,"request":{}}, which the callee decrefs; stops at the first
 * status that isn't CLI_DONE. */
typedef int cli_bulk_line(struct cli *c, void *arg, json_t *line);
int cli_bulk_each(struct cli *c, const struct cli_bulk *b, cli_bulk_line *each, void *arg);
void cli_bulk_free(struct cli_bulk *b);

/* ---- watching (bulkwait.c) -------------------------------------------------------------- */
/* The state of batch ID into *answer; the status has been said. */
int cli_bulk_status(struct cli *c, int64_t id, json_t **answer);
/* Watches batch ID until nothing more happens by itself, SECONDS are over (0 = no limit) or the
 * user interrupts; keeps RESULT (NULL = none) fresh, and says how it stands. WAIT false: once. */
int cli_bulk_watch(struct cli *c, int64_t id, bool wait, int64_t seconds, const char *result);
/* The outcome of every line into FILE, whole or not at all; false (said). */
bool cli_bulk_result(struct cli *c, int64_t id, const char *file);
/* Whether to wait: --wait, --no-wait, else DFLT. */
bool cli_bulk_waits(const struct cli_args *args, bool dflt);
#endif
