/* policy/config_table.c - a table of domains, one a line.
 *
 *   DOMAIN [TENANT [ACCOUNT [MODE]]] [KEY=VALUE ...]
 *
 * "-" for the default, "#" starts a comment, contacts=a@x,b@x. For thousands of
 * lines that a program writes. Every error has its line. */
#include <fcntl.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"
#include "config_load.h"

#define TABLE_MAX (64 * 1024 * 1024)
#define LINE_MAX_LEN 8192

struct table {
    struct policy_load *l;
    const char *path;
    int line;
};

static bool is_key(const char *s)
{
    for (size_t i = 0; policy_domain_keys[i] != NULL; i++) {
        if (strcmp(s, policy_domain_keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void pair(const struct table *t, struct policy_domain *d, char *field, char *eq)
{
    *eq = '\0';
    if (!is_key(field)) {
        policy_errors_add(t->l->errs, t->path, t->line,
                          "unknown option \"%s\"; expected KEY=VALUE with an option of a domain",
                          base_printable(t->l->a, field, strlen(field), 40));
        return;
    }
    bool publish = strcmp(field, "publish") == 0;
    if (publish) {
        d->publish = (struct policy_strings){0}; /* in place of the defaults */
    }
    if (!publish && strcmp(field, "contacts") != 0) {
        policy_domain_option(t->l, d, field, eq + 1, t->path, t->line);
        return;
    }
    for (char *save = NULL, *c = strtok_r(eq + 1, ",", &save); c != NULL;
         c = strtok_r(NULL, ",", &save)) {
        policy_domain_option(t->l, d, field, c, t->path, t->line);
    }
}

static void one_line(const struct table *t, char *line, const struct policy_domain *defaults)
{
    static const char *const columns[] = {"tenant", "account", "mode"};
    struct policy_domain d = *defaults;
    size_t column = 0;
    char *save = NULL, *name = strtok_r(line, " \t\r", &save);

    if (name == NULL) {
        return;
    }
    for (char *f = strtok_r(NULL, " \t\r", &save); f != NULL; f = strtok_r(NULL, " \t\r", &save)) {
        char *eq = strchr(f, '=');
        if (eq != NULL) {
            pair(t, &d, f, eq);
            column = 3; /* columns come first */
        } else if (column >= 3) {
            policy_errors_add(
                t->l->errs, t->path, t->line,
                "expected DOMAIN TENANT ACCOUNT MODE and then KEY=VALUE, found \"%s\"",
                base_printable(t->l->a, f, strlen(f), 40));
            return;
        } else if (strcmp(f, "-") == 0) {
            column++;
        } else {
            policy_domain_option(t->l, &d, columns[column++], f, t->path, t->line);
        }
    }
    policy_domain_take(t->l, &d, name, t->path, t->line);
}

void policy_load_table(struct policy_load *l, const char *path, const char *from, int line,
                       const struct policy_domain *defaults)
{
    struct table t = {l, path, 0};
    struct base_buf b;
    struct base_fail f;

    if (base_file_read(AT_FDCWD, path, TABLE_MAX, &b, &f) != BASE_OK) {
        policy_errors_add(l->errs, from, line, "domain_table: %s", f.text);
        base_buf_free(&b);
        return;
    }
    const char *end = (const char *)b.p + b.n;
    for (const char *s = (const char *)b.p; s != NULL && s < end;) {
        const char *nl = memchr(s, '\n', (size_t)(end - s));
        size_t n = (size_t)((nl != NULL ? nl : end) - s);
        t.line++;
        if (n > LINE_MAX_LEN || memchr(s, '\0', n) != NULL) {
            policy_errors_add(l->errs, path, t.line, "expected a line of text, at most %d bytes",
                              LINE_MAX_LEN);
        } else {
            char *copy = base_arena_strndup(l->a, s, n);
            copy[strcspn(copy, "#")] = '\0';
            one_line(&t, copy, defaults);
        }
        s = nl != NULL ? nl + 1 : NULL;
    }
    base_buf_free(&b);
}
