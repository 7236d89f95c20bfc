/* inspect/links.c - addresses out of attributes and out of running text.
 *
 * Owns nothing; strings go into the arena. Linear in the size of the text. */
#include "links.h"

#include <string.h>
#include <strings.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

static bool is_web(const char *s, size_t n)
{
    return (n > 7 && strncasecmp(s, "http://", 7) == 0) ||
           (n > 8 && strncasecmp(s, "https://", 8) == 0);
}

void inspect_links_add(struct inspect_links *l, const char *url, size_t n, const char *where)
{
    while (n > 0 && is_blank(*url)) {
        url++;
        n--;
    }
    while (n > 0 && is_blank(url[n - 1])) {
        n--;
    }
    if (!is_web(url, n)) {
        return;
    }
    if (n > INSPECT_URL_MAX) {
        l->left_out++;
        return;
    }
    char s[INSPECT_URL_MAX + 1];
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        if (url[i] != '\t' && url[i] != '\r' && url[i] != '\n') {
            s[len++] = url[i];
        }
    }
    s[len] = '\0';
    for (size_t i = 0; i < l->n; i++) {
        if (l->v[i].where == where && strcmp(l->v[i].url, s) == 0) {
            return;
        }
    }
    if (l->n == POLICY_FACTS_LINKS) {
        l->left_out++;
        return;
    }
    l->v[l->n].url = base_arena_strdup(l->a, s);
    l->v[l->n++].where = where;
}

/* Bytes of the address at S: up to white space, a control or non-ASCII
 * character, or one that no address holds. */
static size_t url_length(const char *s)
{
    size_t n = 0;

    while ((unsigned char)s[n] > ' ' && (unsigned char)s[n] < 127 &&
           strchr("<>\"\\^`{|}", s[n]) == NULL) {
        n++;
    }
    return n;
}

/* Cuts what ends the sentence, not the address. */
static size_t trim(const char *s, size_t n)
{
    for (; n > 0; n--) {
        char c = s[n - 1];

        if (strchr(".,;:!?'*", c) != NULL) {
            continue;
        }
        if (c == ')' || c == ']') {
            char open = c == ')' ? '(' : '[';
            int depth = 0;

            for (size_t i = 0; i < n; i++) {
                depth += (s[i] == open) - (s[i] == c);
            }
            if (depth < 0) {
                continue;
            }
        }
        break;
    }
    return n;
}

void inspect_links_scan(struct inspect_links *l, const char *text, const char *where)
{
    const char *s = text;

    while ((s = strchr(s, ':')) != NULL) {
        const char *start = NULL;

        if (s[1] == '/' && s[2] == '/') {
            if (s - text >= 5 && strncasecmp(s - 5, "https", 5) == 0) {
                start = s - 5;
            } else if (s - text >= 4 && strncasecmp(s - 4, "http", 4) == 0) {
                start = s - 4;
            }
        }
        s++;
        if (start != NULL) {
            size_t n = url_length(start);

            inspect_links_add(l, start, trim(start, n), where);
            s = start + n > s ? start + n : s;
        }
    }
}
