/* cli/cli.h - what the files of the administrator's command share.
 *
 * One process runs one command and ends; memory lives in one arena until then.
 * Exit statuses are part of the interface. Whatever came from outside the
 * command (mail, agent, CA) goes to a terminal through cli_text() only. */
#ifndef CLI_CLI_H
#define CLI_CLI_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "policy/config.h"

enum cli_exit {
    CLI_DONE = 0,
    CLI_REFUSED = 1, /* or not found */
    CLI_USAGE = 2,
    CLI_TEMPORARY = 3, /* agent, keeper or CA can't be reached now */
    CLI_ATTENTION = 4, /* done, and somebody should look at something */
};

struct cli {
    struct base_arena *a;
    FILE *out, *err;
    bool tty;  /* out is a terminal */
    int width; /* of the terminal in columns; 0 = no limit */
    bool json; /* one JSON document on out, nothing else there */
    int64_t now;
    const char *config_path;
    bool config_given;         /* by option or environment, not by default */
    struct policy_config *cfg; /* NULL until cli_config() */
    bool cfg_assumed;          /* there is no file: policy_config_default() */
};

/* ---- arguments (args.c, help.c) ----------------------------------------------- */

enum cli_option_kind {
    CLI_FLAG,  /* --name */
    CLI_VALUE, /* --name VALUE; given twice the last one counts */
    CLI_MANY,  /* --name VALUE, any number of times */
    CLI_MAYBE, /* --name, --name=VALUE or --name VALUE */
};
struct cli_option {
    const char *name, *arg, *help;
    enum cli_option_kind kind;
};
struct cli_args;
struct cli_command {
    const char *name; /* "domain add" */
    const char *args; /* "DOMAIN"; "" = none */
    int min, max;     /* of positional arguments */
    const char *summary;
    const struct cli_option *options; /* ends with an unnamed one; NULL = none */
    int (*run)(struct cli *c, const struct cli_args *args);
    const char *more; /* further help, whole lines; NULL = none */
};
#define CLI_GIVEN_MAX 200
struct cli_args {
    const struct cli_command *command;
    const char *const *pos; /* positional arguments */
    size_t npos;
    struct {
        const char *name, *value;
        bool apart; /* CLI_MAYBE: VALUE was the next word */
    } given[CLI_GIVEN_MAX];
    size_t ngiven;
};

extern const struct cli_command cli_commands[]; /* table.c; ends with an unnamed one */

/* Reads the whole command line into C and ARGS; ARGV is reordered. -1: run
 * args->command; else the exit status, everything has been said. */
int cli_parse(struct cli *c, int argc, char **argv, struct cli_args *args);
bool cli_has(const struct cli_args *args, const char *name);
const char *cli_opt(const struct cli_args *args, const char *name); /* last value; NULL if not given */
/* Next value of a CLI_MANY option; *at starts at 0. NULL at the end. */
const char *cli_opt_next(const struct cli_args *args, const char *name, size_t *at);
/* "90s", "30d" of an option in seconds, DFLT if not given; false (said) if malformed. */
bool cli_opt_duration(struct cli *c, const struct cli_args *args, const char *name, int64_t dflt,
                      int64_t *out);
/* Says what is wrong with how the command was called; returns CLI_USAGE. */
int cli_misused(struct cli *c, const struct cli_args *args, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

void cli_help_all(struct cli *c, FILE *to);
void cli_help_command(struct cli *c, FILE *to, const struct cli_command *cmd);
/* All commands that start with the word GROUP ("domain"); false if there is none. */
bool cli_help_group(struct cli *c, FILE *to, const char *group);
/* The command (or first word) most like NAME, NULL if nothing is near. */
const char *cli_nearest(struct cli *c, const char *name);
/* Runs a command line; the program's main(). */
int cli_main(int argc, char **argv);

/* ---- saying things (say.c) ------------------------------------------------------ */

/* "certmilter: ..." on err, made printable as a whole. */
void cli_complain(struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Text of others, printable, on one line, at most 2000 bytes; "" for NULL. */
const char *cli_text(struct cli *c, const char *s);
/* "2026-11-22 14:03 (in 3 d 4 h)", local time; "-" for 0. */
const char *cli_when(struct cli *c, int64_t t);
/* "2026-11-22 (in 30 d)" */
const char *cli_day(struct cli *c, int64_t t);
const char *cli_size(struct cli *c, int64_t bytes); /* "12.3 MiB" */
/* The document V as it goes out: indented and in ASCII for a terminal. */
void cli_json(struct cli *c, const json_t *v);
/* A failure: one line on err, or {"ok":false,...} on out with --json. Returns
 * the exit status that belongs to its class. */
int cli_failed(struct cli *c, const struct base_fail *f);
int cli_status_of(enum base_fail_class cls);
/* "! TEXT" for each member of `attention` in ANSWER (not with --json); the status
 * CLI_ATTENTION if there is any, else CLI_DONE. */
int cli_attention(struct cli *c, const json_t *answer);

/* ---- tables (table_out.c) --------------------------------------------------------- */

#define CLI_COLUMNS 10
struct cli_table {
    const char *head[CLI_COLUMNS];
    size_t width[CLI_COLUMNS]; /* grows from print to print */
    size_t ncol;
    const char **cell; /* in the arena of the moment; cells are printable texts */
    size_t nrows, room;
    bool headed; /* the header line was printed, or there is none */
    bool wrap;   /* on a terminal the last column is wrapped, not cut */
};
/* Heads end with NULL. */
void cli_table_init(struct cli_table *t, ...) __attribute__((sentinel));
/* One cell for each column. NULL = "". */
void cli_table_row(struct cli *c, struct cli_table *t, ...);
/* Prints the rows and forgets them. Columns that are empty in all rows are left
 * out; on a terminal the last column ends at its edge. */
void cli_table_print(struct cli *c, struct cli_table *t);
/* Aligned "name  value" lines: the same, without a header. */
void cli_pair(struct cli *c, struct cli_table *t, const char *name, const char *value);
size_t cli_columns(const char *s); /* of a terminal that S takes */

/* ---- objects of the agent (object.c) ---------------------------------------------- */

/* All members of O as pairs: times as dates, lists joined, objects indented;
 * `attention`, `ok` and the members named in SKIP (ends with NULL) are left out. */
void cli_object(struct cli *c, const json_t *o, const char *const *skip);
/* A member of any type as text for a table; "" if absent. Times by cli_day(). */
const char *cli_cell(struct cli *c, const json_t *o, const char *key);
/* [{rule|name,result,detail|text}] as a table. */
void cli_checks(struct cli *c, const json_t *list);

/* ---- configuration, agent (ask.c) --------------------------------------------------- */

/* Loads the configuration once. CLI_DONE, or the exit status with all errors said. */
int cli_config(struct cli *c);
/* "certmilter.conf:17: what was expected" */
const char *cli_error_line(struct cli *c, const struct policy_config_error *e);
/* {"v":1,"cmd":CMD,"by":...} */
json_t *cli_request(struct cli *c, const char *cmd);
/* Asks the agent; REQ is decref'd. Any status but CLI_DONE has been said. */
int cli_ask(struct cli *c, json_t *req, int timeout_ms, json_t **answer);
/* The same without a word: for hints and for what works without an agent. */
enum base_fail_class cli_try(struct cli *c, json_t *req, int timeout_ms, json_t **answer,
                             struct base_fail *f);
/* Asks and shows: SHOW prints the answer for a person. */
typedef void cli_show(struct cli *c, const json_t *answer);
int cli_do(struct cli *c, json_t *req, cli_show *show);
/* The same for lists that come in pages of MEMBER. C->a is another arena within
 * PAGE. EMPTY is said when there is nothing. A REQ with a limit of its own gets
 * one page. */
typedef void cli_page(struct cli *c, const json_t *list, struct cli_table *t);
int cli_pages(struct cli *c, json_t *req, const char *member, cli_page *page, struct cli_table *t,
              const char *empty);
#define CLI_TIMEOUT_MS 20000
#define CLI_TIMEOUT_LONG_MS 120000 /* commands that make the agent ask others */
/* WHAT, or the mailbox whose alias it is, where the configuration names Postfix's tables and nothing
 * is known of WHAT itself; said then. */
const char *cli_owner(struct cli *c, const char *what);
/* One line of FD without its end; from a terminal after PROMPT and without echo. False at the
 * end of input. The caller wipes LINE. */
bool cli_hidden(struct cli *c, int fd, const char *prompt, char *line, size_t room);
/* Who is at the keyboard: the login name, behind sudo too. */
const char *cli_who(struct cli *c);

/* ---- files (files.c) ------------------------------------------------------------------ */

/* FILE, or stdin for "-", at most MAX bytes; false (said). Free with base_buf_free(). */
bool cli_read(struct cli *c, const char *file, size_t max, struct base_buf *out);
/* Text of a file as a string in the arena, without NULs; NULL (said). */
const char *cli_read_text(struct cli *c, const char *file, size_t max);
#define CLI_MAIL_MAX (10 * 1024 * 1024)
#define CLI_TEXT_MAX (64 * 1024)

#endif
