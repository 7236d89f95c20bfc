/* policy/mailtext.c - templates of mails: reading, checking, filling in.
 *
 * One pass over a file does all three, so that a check finds what rendering would; both
 * arms of a condition are read. Owns nothing beyond a call. */
#include "mailtext.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "confread.h"

#define DEPTH 8

const char *const policy_mailtext_names[] = {
    "mailbox", "domain", "tenant", "contact", "serial", "issuer", "subject", "thumbprint",
    "valid_from", "valid_to", "attachment", "older", "history", "renewed", "sign", "encrypt",
    "passphrase_hook", "passphrase_file", "passphrase_preset", NULL};
static const char *const kinds[] = {"key", "certificate", NULL};

struct fill {
    struct base_arena *a;
    const struct policy_mailtext_value *v;
    size_t n;
    bool html;
    const char *path;
    struct policy_config_errors *errs;
    struct base_buf out;
    bool shown[DEPTH + 1]; /* of each open condition */
    int opened[DEPTH + 1]; /* its line */
    int depth;
};

static bool is_known(const char *name)
{
    for (size_t i = 0; policy_mailtext_names[i] != NULL; i++) {
        if (strcmp(policy_mailtext_names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static const char *value_of(const struct fill *k, const char *name)
{
    for (size_t i = 0; i < k->n; i++) {
        if (strcmp(k->v[i].name, name) == 0 && k->v[i].value != NULL) {
            return k->v[i].value;
        }
    }
    return "";
}

static void put_value(struct fill *k, const char *value)
{
    const char *clean = base_printable(k->a, value, strlen(value), 2000);

    for (const char *p = clean; *p != '\0'; p++) {
        const char *escaped = !k->html  ? NULL
                              : *p == '&' ? "&amp;"
                              : *p == '<' ? "&lt;"
                              : *p == '>' ? "&gt;"
                              : *p == '"' ? "&quot;"
                              : *p == '\'' ? "&#39;"
                                           : NULL;
        (void)(escaped != NULL ? base_buf_adds(&k->out, escaped) : base_buf_add(&k->out, p, 1));
    }
}

static void open_if(struct fill *k, const char *rest, int line)
{
    bool negated = strncmp(rest, "not ", 4) == 0;
    const char *name = negated ? rest + 4 : rest;

    if (!is_known(name)) {
        policy_errors_add(k->errs, k->path, line, "{{if %.60s}}: there is no value of that name",
                          name);
    }
    if (k->depth == DEPTH) {
        policy_errors_add(k->errs, k->path, line, "more than %d conditions in one another", DEPTH);
        return;
    }
    k->depth++;
    k->shown[k->depth] = k->shown[k->depth - 1] && (value_of(k, name)[0] != '\0') != negated;
    k->opened[k->depth] = line;
}

static void directive(struct fill *k, const char *word, int line)
{
    if (strncmp(word, "if ", 3) == 0) {
        open_if(k, word + 3, line);
    } else if (strcmp(word, "end") == 0) {
        if (k->depth == 0) {
            policy_errors_add(k->errs, k->path, line, "{{end}} without {{if ...}}");
        } else {
            k->depth--;
        }
    } else if (!is_known(word)) {
        policy_errors_add(k->errs, k->path, line,
                          "{{%.60s}}: there is no value of that name; expected one such as "
                          "{{mailbox}} or {{valid_to}}",
                          base_printable(k->a, word, strlen(word), 60));
    } else if (k->shown[k->depth]) {
        put_value(k, value_of(k, word));
    }
}

/* A condition that stands alone on its line takes the line with it. */
static bool alone(const char *start, const char *open, const char *after)
{
    return (open == start || open[-1] == '\n') && (*after == '\n' || *after == '\0');
}

static void expand(struct fill *k, const char *text)
{
    int line = 1;

    for (const char *p = text; *p != '\0';) {
        const char *end = strncmp(p, "{{", 2) == 0 ? strstr(p, "}}") : NULL;
        if (strncmp(p, "{{", 2) == 0 && (end == NULL || memchr(p, '\n', (size_t)(end - p)))) {
            policy_errors_add(k->errs, k->path, line, "\"{{\" without \"}}\" on its line");
            p += 2;
            continue;
        }
        if (end == NULL) {
            line += *p == '\n';
            if (k->shown[k->depth]) {
                base_buf_add(&k->out, p, 1);
            }
            p++;
            continue;
        }
        const char *word = base_arena_strndup(k->a, p + 2, (size_t)(end - p - 2));
        bool whole = (strncmp(word, "if ", 3) == 0 || strcmp(word, "end") == 0) &&
                     alone(text, p, end + 2);
        directive(k, word, line);
        p = end + 2;
        if (whole && *p == '\n') {
            line++;
            p++;
        }
    }
    if (k->depth > 0) {
        policy_errors_add(k->errs, k->path, k->opened[k->depth], "{{if ...}} without {{end}}");
    }
}

/* The file's content without CRs; NULL after an error was added. */
static char *read_text(struct base_arena *a, const char *path, bool *absent,
                       struct policy_config_errors *errs)
{
    struct base_buf b;
    struct base_fail f = {0};
    char *text = NULL;
    size_t n = 0;

    *absent = false;
    if (base_file_read(AT_FDCWD, path, POLICY_MAILTEXT_MAX, &b, &f) != BASE_OK) {
        *absent = strcmp(f.code, "file.absent") == 0;
        if (!*absent) {
            policy_errors_add(errs, path, 0, "%s", f.text);
        }
        base_buf_free(&b);
        return NULL;
    }
    text = base_arena_strndup(a, base_buf_str(&b), b.n);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p != '\r') {
            text[n++] = *p;
        }
    }
    text[n] = '\0';
    /* base_printable() changes a control character or anything that isn't UTF-8 */
    for (char *p = text, *next; *p != '\0'; p = next) {
        size_t len = strcspn(p, "\n\t");
        next = p + len + (p[len] != '\0');
        if (strcmp(base_printable(a, p, len, len + 4), base_arena_strndup(a, p, len)) != 0) {
            policy_errors_add(errs, path, 0, "expected UTF-8 text without control characters");
            break;
        }
    }
    base_buf_free(&b);
    return text;
}

/* NAME.EXT of the own folder, else of the installation; *PATH is the one that counts. */
static const char *find_text(struct base_arena *a, const char *dir, const char *language,
                             const char *name, const char **path,
                             struct policy_config_errors *errs)
{
    bool absent = true;
    const char *text = NULL;

    if (dir != NULL) {
        *path = base_arena_printf(a, "%s/%s", dir, name);
        text = read_text(a, *path, &absent, errs);
    }
    if (absent) {
        *path = base_arena_printf(a, "%s/%s/%s", policy_default_template_dir(), language, name);
        text = read_text(a, *path, &absent, errs);
        if (absent) {
            policy_errors_add(errs, *path, 0, "there is no such template");
        }
    }
    return text;
}

static const char *fill_in(struct fill *k, const char *dir, const char *language, const char *name)
{
    const char *text = find_text(k->a, dir, language, name, &k->path, k->errs);
    const char *out = "";

    if (text != NULL) {
        base_buf_init(&k->out, POLICY_MAILTEXT_MAX);
        k->depth = 0;
        k->shown[0] = true;
        expand(k, text);
        if (k->out.full) {
            policy_errors_add(k->errs, k->path, 0, "more than %d bytes", POLICY_MAILTEXT_MAX);
        }
        out = base_arena_strdup(k->a, base_buf_str(&k->out));
        base_buf_free(&k->out);
    }
    return out;
}

/* "Subject: words", an empty line, the text. */
static void split_subject(struct fill *k, const char *filled, struct policy_mailtext *out)
{
    size_t n = strcspn(filled, "\n");

    out->subject = out->text = "";
    if (strncmp(filled, "Subject: ", 9) != 0 || strncmp(filled + n, "\n\n", 2) != 0 || n > 209) {
        policy_errors_add(k->errs, k->path, 1,
                          "expected \"Subject: \" with at most 200 bytes, then an empty line");
        return;
    }
    out->subject = base_arena_strndup(k->a, filled + 9, n - 9);
    out->text = filled + n + 2;
}

static void render(struct fill *k, const char *dir, const char *language, const char *kind,
                   struct policy_mailtext *out)
{
    k->html = false;
    const char *filled =
        fill_in(k, dir, language, base_arena_printf(k->a, "%s.txt", kind));
    if (filled[0] != '\0') {
        split_subject(k, filled, out);
    }
    k->html = true;
    out->html = fill_in(k, dir, language, base_arena_printf(k->a, "%s.html", kind));
}

enum base_fail_class policy_mailtext_render(struct base_arena *a, const char *dir,
                                            const char *language, const char *kind,
                                            const struct policy_mailtext_value *values, size_t n,
                                            struct policy_mailtext *out, struct base_fail *f)
{
    struct policy_config_errors errs;
    struct fill k = {.a = a, .v = values, .n = n, .errs = &errs};
    enum base_fail_class c = BASE_OK;

    *out = (struct policy_mailtext){.subject = "", .text = "", .html = ""};
    policy_errors_init(&errs);
    render(&k, dir, language, kind, out);
    if (errs.n > 0) {
        c = base_failf(f, BASE_PERMANENT, "mailtext", "%s: %s", errs.v[0].where, errs.v[0].text);
    }
    policy_config_errors_free(&errs);
    return c;
}

void policy_mailtext_check(const char *dir, const char *language,
                           struct policy_config_errors *errs)
{
    struct base_arena *a = base_arena_new();

    for (size_t i = 0; kinds[i] != NULL; i++) {
        struct policy_mailtext out;
        struct fill k = {.a = a, .errs = errs};
        render(&k, dir, language, kinds[i], &out);
    }
    base_arena_free(a);
}
