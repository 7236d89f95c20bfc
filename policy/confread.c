/* policy/confread.c - a file of libconfuse's syntax as sections and values.
 *
 * Owns libconfuse's tree between policy_conf_read() and policy_conf_end().
 * Fails only through the list of errors. */
#include "confread.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

#define ROUNDS 100
#define MAX_OPTIONS 64 /* of one section */

/* libconfuse's callbacks get no pointer of ours; one parse runs at a time. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct policy_conf *current;
static struct {
    bool failed;
    int line;
    char word[64]; /* the unknown option, if it was one */
    char bare[64]; /* the option that has no value, if it was that */
} last;
/* Options that a section has set already. */
static struct once {
    const cfg_t *cfg;
    const cfg_opt_t *opt[MAX_OPTIONS];
    size_t n;
} seen[2]; /* 0: the file's own, 1: of the present section */
/* Options that were set twice; told after the last round, as each round sees them. */
static struct {
    const char *name;
    int line;
} twice[POLICY_CONF_ERRORS];
static size_t ntwice;

static bool is_root(const cfg_t *cfg)
{
    return cfg->name == NULL || strcmp(cfg->name, "root") == 0;
}

static void expected_names(const cfg_t *cfg, char *out, size_t room)
{
    size_t n = 0;

    for (const cfg_opt_t *o = cfg->opts; o != NULL && o->name != NULL && n + 40 < room; o++) {
        n += (size_t)snprintf(out + n, room - n, "%s%s", n > 0 ? ", " : "", o->name);
    }
    out[n] = '\0';
}

static bool word_in_quotes(const char *msg, const char *start, char *out, size_t room)
{
    size_t k = strlen(start), n;

    if (strncmp(msg, start, k) != 0) {
        return false;
    }
    n = strcspn(msg + k, "'");
    if (n >= room) {
        return false;
    }
    memcpy(out, msg + k, n);
    out[n] = '\0';
    return true;
}

/* libconfuse notices a missing value only at the next word. */
static int bare_line(void)
{
    struct policy_scan now;

    policy_scan(current->a, current->text, strlen(current->text), &now);
    const struct policy_token *t = policy_scan_bare(&now, current->text, last.bare, last.line);
    return t != NULL ? t->line : last.line;
}

static void on_error(cfg_t *cfg, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
    char msg[400], names[500];

    if (last.failed) {
        return; /* the first one is the cause */
    }
    (void)vsnprintf(msg, sizeof msg, fmt, ap);
    last.failed = true;
    last.line = cfg->line;
    if (word_in_quotes(msg, "no such option '", last.word, sizeof last.word)) {
        expected_names(cfg, names, sizeof names);
        policy_errors_add(current->errs, current->path, last.line,
                          "unknown option \"%s\"%s%s; expected one of: %s",
                          base_printable(current->a, last.word, strlen(last.word), 64),
                          is_root(cfg) ? "" : " in section ", is_root(cfg) ? "" : cfg->name, names);
        return;
    }
    last.word[0] = '\0';
    if (word_in_quotes(msg, "missing equal sign after option '", last.bare, sizeof last.bare)) {
        policy_errors_add(current->errs, current->path, bare_line(),
                          "expected \"=\" and a value after \"%s\"", last.bare);
        return;
    }
    last.bare[0] = '\0';
    if (word_in_quotes(msg, "found duplicate title '", names, sizeof names)) {
        policy_errors_add(current->errs, current->path, last.line,
                          "a section \"%s\" stands here a second time",
                          base_printable(current->a, names, strlen(names), 64));
        return;
    }
    policy_errors_add(current->errs, current->path, last.line, "%s",
                      base_printable(current->a, msg, strlen(msg), 300));
}

/* An option that is no list may stand once in its section. */
static void note_once(cfg_t *cfg, const cfg_opt_t *opt)
{
    struct once *o = &seen[is_root(cfg) ? 0 : 1];

    if (o->cfg != cfg) {
        o->cfg = cfg;
        o->n = 0;
    }
    for (size_t i = 0; i < o->n; i++) {
        if (o->opt[i] == opt) {
            if (ntwice < POLICY_CONF_ERRORS) {
                twice[ntwice].name = opt->name;
                twice[ntwice++].line = cfg->line;
            }
            return;
        }
    }
    if (o->n < MAX_OPTIONS) {
        o->opt[o->n++] = opt;
    }
}

int policy_conf_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    struct policy_value *v = base_arena_alloc(current->a, sizeof *v);

    v->text = base_arena_strdup(current->a, value);
    v->line = cfg->line;
    *(struct policy_value **)result = v;
    /* of a list only the first value starts a statement */
    if ((opt->flags & CFGF_LIST) == 0 || cfg_opt_size(opt) <= 1) {
        note_once(cfg, opt);
    }
    return 0;
}

/* One parse of current->text. True if it went through. */
static bool parse_once(cfg_opt_t *opts)
{
    memset(&last, 0, sizeof last);
    memset(seen, 0, sizeof seen);
    ntwice = 0;
    current->root = cfg_init(opts, CFGF_NONE);
    if (current->root == NULL) {
        (void)base_xmalloc(SIZE_MAX / 2); /* out of memory: ends the process as base/ does */
    }
    cfg_set_error_function(current->root, on_error);
    return cfg_parse_buf(current->root, current->text) == CFG_SUCCESS && !last.failed;
}

/* Takes what failed out of the way. False if nothing could be. */
static bool take_out(void)
{
    size_t n = strlen(current->text), done = 0;
    struct policy_scan now;

    policy_scan(current->a, current->text, n, &now);
    if (last.word[0] != '\0') {
        done = policy_scan_blank_word(&now, current->text, last.word, last.line);
    } else if (last.bare[0] != '\0') {
        const struct policy_token *t = policy_scan_bare(&now, current->text, last.bare, last.line);
        done = t != NULL ? policy_scan_blank_token(current->text, t) : 0;
    }
    if (done == 0) {
        done = policy_scan_blank_line(&now, current->text, n, last.line);
    }
    return done > 0;
}

/* What libconfuse lets pass: the end of the file inside of something, values
 * that come from the environment. */
static void check_shape(struct policy_conf *c)
{
    const struct policy_scan *s = &c->scan;

    if (s->open_line > 0) {
        policy_errors_add(c->errs, c->path, s->open_line, "this %s never ends", s->open_what);
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct policy_token *t = &s->v[i];
        if (t->kind == '{' && t->match == (size_t)-1) {
            policy_errors_add(c->errs, c->path, t->line, "this brace is never closed");
        }
        if (t->kind == 'w' && i + 1 < s->n && t[1].kind == '=' &&
            memchr(c->text + t->at, '|', t->n) != NULL) {
            policy_errors_add(c->errs, c->path, t->line,
                              "\"%s\" is no name of an option; an option stands in its section",
                              base_printable(c->a, c->text + t->at, t->n, 64));
        }
        if (t->kind == 'w' && c->text[t->at] != '\'' && t->n > 1 &&
            memmem(c->text + t->at, t->n, "${", 2) != NULL) {
            policy_errors_add(c->errs, c->path, t->line,
                              "\"${\" would take a value from the environment; put the value "
                              "into single quotes if it is meant as text");
        }
    }
}

/* Parses until nothing is left that doesn't. */
static void parse_rounds(cfg_opt_t *opts)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (parse_once(opts) || i + 1 == ROUNDS || !take_out()) {
            break;
        }
        cfg_free(current->root);
    }
    for (size_t i = 0; i < ntwice; i++) {
        policy_errors_add(current->errs, current->path, twice[i].line,
                          "option \"%s\" stands here a second time", twice[i].name);
    }
}

void policy_conf_read(struct policy_conf *c, struct base_arena *a, const char *path,
                      const char *text, size_t n, cfg_opt_t *opts,
                      struct policy_config_errors *errs)
{
    *c = (struct policy_conf){.a = a, .path = base_arena_strdup(a, path), .errs = errs};
    c->text = base_arena_strndup(a, text, n);
    size_t len = strlen(c->text);
    if (len < n) {
        policy_errors_add(errs, path, 0, "the file has a NUL byte");
    }
    policy_scan(a, c->text, len, &c->scan);
    check_shape(c);
    policy_scan_comments(c->text, len);
    pthread_mutex_lock(&lock);
    current = c;
    parse_rounds(opts);
    current = NULL;
    pthread_mutex_unlock(&lock);
    policy_scan(a, c->text, len, &c->scan);
}

void policy_conf_end(struct policy_conf *c)
{
    if (c->root != NULL) {
        cfg_free(c->root);
    }
    c->root = NULL;
}
