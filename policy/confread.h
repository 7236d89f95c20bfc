/* policy/confread.h - a file of libconfuse's syntax as sections and values.
 *
 * libconfuse stops at its first error and checks values while it parses. Here
 * every value stays a text with its line, and a statement that doesn't parse
 * is recorded, blanked and the text parsed again: so all errors of a file come
 * out of one run, and each has its line. What the values mean is checked
 * by the callers with the functions below; each adds to the list of errors
 * and gives the default, so that checking goes on.
 *
 * libconfuse's lexer has static state: policy_conf_read() holds a lock. */
#ifndef POLICY_CONFREAD_H
#define POLICY_CONFREAD_H
#include <confuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"
#include "config.h"
#include "scan.h"

#define POLICY_CONF_ERRORS 200 /* more are counted, not kept */

/* ---- the list of errors (conferr.c) ------------------------------------------ */
void policy_errors_init(struct policy_config_errors *e);
/* Adds an error of LINE (0 = of the file as a whole); errors of one file stay sorted by line. */
void policy_errors_add(struct policy_config_errors *e, const char *path, int line, const char *fmt,
                       ...) __attribute__((format(printf, 4, 5)));
/* BASE_OK if there are none, else permanent CODE "... and N more". */
enum base_fail_class policy_errors_end(const struct policy_config_errors *e, const char *code,
                                       struct base_fail *f);

/* ---- reading ------------------------------------------------------------------ */
#define POLICY_VALUE(name) CFG_PTR_CB((char *)(name), NULL, CFGF_NONE, policy_conf_value, NULL)
#define POLICY_LIST(name) CFG_PTR_LIST_CB((char *)(name), NULL, CFGF_NONE, policy_conf_value, NULL)
#define POLICY_SECTION(name, opts) CFG_SEC((char *)(name), opts, CFGF_MULTI)
#define POLICY_TITLED(name, opts)                                                                  \
    CFG_SEC((char *)(name), opts, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES)
int policy_conf_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result);

struct policy_value {
    const char *text;
    int line;
};

struct policy_conf {
    struct base_arena *a; /* owns values; the caller's */
    const char *path;
    char *text;
    cfg_t *root; /* NULL after policy_conf_end() */
    struct policy_scan scan;
    struct policy_config_errors *errs;
};

/* Parses the N bytes of TEXT (copied). Whatever parses can be asked for afterwards.
 * policy_conf_end() frees libconfuse's tree; values and texts stay in A. */
void policy_conf_read(struct policy_conf *c, struct base_arena *a, const char *path,
                      const char *text, size_t n, cfg_opt_t *opts,
                      struct policy_config_errors *errs);
void policy_conf_end(struct policy_conf *c);

/* ---- asking -------------------------------------------------------------------- */
/* A section and the place where it starts. */
struct policy_sec {
    struct policy_conf *c;
    cfg_t *cfg; /* NULL: there is no such section, all is default */
    const char *name, *title;
    int line;
};
struct policy_sec policy_conf_root(struct policy_conf *c);
size_t policy_conf_sections(struct policy_conf *c, const char *name);
struct policy_sec policy_conf_section(struct policy_conf *c, const char *name, size_t i);
/* The only section NAME; a second one is an error. */
struct policy_sec policy_conf_single(struct policy_conf *c, const char *name);

void policy_sec_error(const struct policy_sec *s, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
const struct policy_value *policy_sec_value(const struct policy_sec *s, const char *name);
/* "PATH:LINE" of an option, of the section if it isn't set. */
const char *policy_sec_where(const struct policy_sec *s, const char *name);
int policy_sec_line(const struct policy_sec *s, const char *name);

/* All with a default; texts are of the arena. */
const char *policy_sec_text(const struct policy_sec *s, const char *name, const char *dflt);
bool policy_sec_bool(const struct policy_sec *s, const char *name, bool dflt);
int64_t policy_sec_int(const struct policy_sec *s, const char *name, int64_t lo, int64_t hi,
                       int64_t dflt);
int64_t policy_sec_duration(const struct policy_sec *s, const char *name, int64_t lo, int64_t hi,
                            int64_t dflt); /* seconds */
/* Index of the value among NAMES (ends with NULL). */
int policy_sec_enum(const struct policy_sec *s, const char *name, const char *const *names,
                    int dflt);
/* An absolute path; RELATIVE: may be relative to the file's own directory. */
const char *policy_sec_path(const struct policy_sec *s, const char *name, const char *dflt,
                            bool relative);
size_t policy_sec_count(const struct policy_sec *s, const char *name);
const struct policy_value *policy_sec_item(const struct policy_sec *s, const char *name, size_t i);
/* The list as it stands. */
struct policy_strings policy_sec_list(const struct policy_sec *s, const char *name);
/* PATH relative to the directory of FILE unless it is absolute. */
const char *policy_conf_beside(struct base_arena *a, const char *file, const char *path);

#endif
