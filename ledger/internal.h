/* ledger/internal.h - what the files of this room share and nobody else sees:
 * the connection, statements that are prepared once, and rows described by
 * tables of columns so that each subject is mostly its SQL.
 *
 * Statements are string literals; the address of the literal is its key in the
 * cache. None stays open after a call returns. In a statement that binds a
 * whole row, ?N is the Nth column of the row's description. */
#ifndef LEDGER_INTERNAL_H
#define LEDGER_INTERNAL_H
#include <sqlite3.h>
#include <stdarg.h>

#include "ledger.h"

#define LEDGER_APPLICATION 0x434d4c47 /* "CMLG" in the file's header */
#define LEDGER_SLOTS 256
#define LEDGER_ROW_MAX (16 << 20) /* bytes of one value or row */

struct ledger_slot {
    const char *sql;
    sqlite3_stmt *st;
};

struct ledger {
    sqlite3 *db;
    int lock; /* descriptor of PATH.lock */
    int version;
    bool in_transaction;
    struct base_arena *exact; /* owns the names of the domains that are not folded */
    const char **exact_domains;
    size_t nexact;
    bool folding_changed;     /* within the open transaction */
    struct base_fail lost; /* the engine ended the transaction by itself; BASE_OK = no */
    struct ledger_slot slots[LEDGER_SLOTS];
};

enum ledger_type {
    LEDGER_INT,   /* int64_t */
    LEDGER_INT32, /* int */
    LEDGER_BOOL,
    LEDGER_REF,   /* int64_t row id; 0 is NULL in the table */
    LEDGER_TEXT,  /* const char *; NULL is NULL */
    LEDGER_WORD,  /* the same, but NULL is written as "" */
    LEDGER_BYTES, /* const unsigned char * and size_t */
    LEDGER_NAMES, /* const char ** and size_t; a JSON array in the table */
    LEDGER_KEY,   /* const char *, a mailbox: its key is written; never read */
};

struct ledger_column {
    enum ledger_type type;
    size_t at, count_at; /* offsets of the member and of its size_t */
};
#define LEDGER_COL(t, s, m)                                                                        \
    {                                                                                              \
        LEDGER_##t, offsetof(s, m), 0                                                              \
    }
#define LEDGER_COL2(t, s, m, n)                                                                    \
    {                                                                                              \
        LEDGER_##t, offsetof(s, m), offsetof(s, n)                                                 \
    }

struct ledger_table {
    const char *what; /* for messages: "order" */
    size_t size;      /* of the struct */
    const struct ledger_column *columns;
    size_t ncolumns; /* a query may select only the first few */
};
#define LEDGER_TABLE(what, s, cols)                                                                \
    {                                                                                              \
        what, sizeof(s), cols, sizeof(cols) / sizeof((cols)[0])                                    \
    }

struct ledger_list {
    void *rows; /* in the caller's arena; NULL if there are none */
    size_t n;
};

/* ---- failures ---------------------------------------------------------------- */
/* Class and code for the engine's RC; notes in L if a transaction was lost by it. */
enum base_fail_class ledger_failure(struct ledger *l, int rc, const char *doing,
                                    struct base_fail *f);
enum base_fail_class ledger_misuse(struct base_fail *f, const char *text); /* ours "ledger.use" */
enum base_fail_class ledger_absent(struct base_fail *f, const char *what); /* permanent */

/* ---- rows (row.c) -------------------------------------------------------------- */
/* Both give the engine's code; what is bound must live until the statement ends. */
int ledger_bind_arguments(const struct ledger *l, sqlite3_stmt *st, const char *types, va_list ap);
int ledger_bind_row(const struct ledger *l, sqlite3_stmt *st, const struct ledger_table *t,
                    const void *row);
/* False if a column can't have been written by this program. */
bool ledger_read_row(sqlite3_stmt *st, struct base_arena *a, const struct ledger_table *t,
                     void *row);

/* ---- statements ---------------------------------------------------------------
 * TYPES has a letter for each argument: i int64_t, n size_t, t const char *,
 * r int64_t row id (0 = NULL), m const char *, a mailbox: its key is bound. */

/* Reads: all rows / the one row (none: "ledger.absent") / one number (none or NULL: *v stays). */
enum base_fail_class ledger_rows(struct ledger *l, struct base_arena *a,
                                 const struct ledger_table *t, struct ledger_list *out,
                                 struct base_fail *f, const char *sql, const char *types, ...);
enum base_fail_class ledger_row(struct ledger *l, struct base_arena *a,
                                const struct ledger_table *t, void *out, struct base_fail *f,
                                const char *sql, const char *types, ...);
enum base_fail_class ledger_number(struct ledger *l, int64_t *v, struct base_fail *f,
                                   const char *sql, const char *types, ...);

/* Changes; each demands a transaction. *changed (may be NULL) gets the number of rows. */
enum base_fail_class ledger_change(struct ledger *l, int *changed, struct base_fail *f,
                                   const char *sql, const char *types, ...);
/* Binds the whole ROW. *id (may be NULL) gets the new row's id. */
enum base_fail_class ledger_insert(struct ledger *l, const struct ledger_table *t, const void *row,
                                   int64_t *id, struct base_fail *f, const char *sql);
/* Binds the whole ROW; no row changed is "ledger.absent". */
enum base_fail_class ledger_update(struct ledger *l, const struct ledger_table *t, const void *row,
                                   struct base_fail *f, const char *sql);
/* A change that answers with one number (RETURNING). */
enum base_fail_class ledger_change_number(struct ledger *l, int64_t *v, struct base_fail *f,
                                          const char *sql, const char *types, ...);
/* Statements without arguments or rows that need no transaction (BEGIN and the like). */
enum base_fail_class ledger_plain(struct ledger *l, struct base_fail *f, const char *sql);
/* SQL of any length and number of statements, not kept. */
enum base_fail_class ledger_script(struct ledger *l, struct base_fail *f, const char *sql);
/* "PRAGMA x" with a number as answer. */
enum base_fail_class ledger_pragma(struct ledger *l, const char *sql, int64_t *v,
                                   struct base_fail *f);
void ledger_forget_statements(struct ledger *l);

/* ---- schema ----------------------------------------------------------------------
 * steps[i] takes a ledger of version i to version i + 1. */
struct ledger_schema {
    const char *const *steps;
    int n;
};
extern const struct ledger_schema ledger_schema;
extern const char ledger_step_validation[]; /* schema_validation.c */
extern const char ledger_step_watching[];    /* schema_watching.c */
extern const char ledger_step_publication[]; /* schema_publication.c */
extern const char ledger_step_custody[];     /* schema_custody.c */
extern const char ledger_step_trust[];       /* schema_trust.c */
extern const char ledger_step_account[];     /* schema_account.c */
extern const char ledger_step_batch[];       /* schema_batch.c */
extern const char ledger_step_scale[];       /* schema_scale.c */
extern const char ledger_step_folding[];     /* schema_folding.c */

/* Sets the version; refuses what is newer or no ledger. Writes nothing. */
enum base_fail_class ledger_check_version(struct ledger *l, const char *path,
                                          const struct ledger_schema *schema, struct base_fail *f);
/* Brings L, opened on PATH, from its version to the newest one. */
enum base_fail_class ledger_migrate(struct ledger *l, const char *path,
                                    const struct ledger_schema *schema, struct base_fail *f);
/* ledger_open() with another schema: tests of migrations. */
enum base_fail_class ledger_open_schema(const char *path, const struct ledger_schema *schema,
                                        struct ledger **out, struct base_fail *f);
/* fsync of the directory that PATH is in; false with errno. */
bool ledger_sync_directory(const char *path);

/* ---- folding (folding.c) ------------------------------------------------------------ */
/* Reads which domains are not folded. */
enum base_fail_class ledger_folding_load(struct ledger *l, struct base_fail *f);

/* ---- mailboxes (certificates.c, for orders too) ------------------------------------ */
/* *id of the row of NAME, made if it is new; its tenant becomes TENANT. */
enum base_fail_class ledger_mailbox_row(struct ledger *l, const char *name, const char *tenant,
                                        int64_t *id, struct base_fail *f);

#endif
