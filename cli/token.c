/* cli/token.c - what in a link looks like a token.
 *
 * A guess, for a person to look at: names and words alternate rarely between
 * letters and digits, random text does all the time. */
#include "token.h"

#include <string.h>
#include <strings.h>

#include "base/bytes.h"

#define MIN_RUN 8
#define MIN_CHANGES 3
#define MIN_MIXED 20
#define MIN_DIGITS 16

static bool lower(char ch)
{
    return ch >= 'a' && ch <= 'z';
}

static bool upper(char ch)
{
    return ch >= 'A' && ch <= 'Z';
}

static bool digit(char ch)
{
    return ch >= '0' && ch <= '9';
}

static bool run_char(char ch)
{
    return lower(ch) || upper(ch) || digit(ch) || ch == '-' || ch == '_' || ch == '~' || ch == '.';
}

bool cli_looks_random(const char *p, size_t n)
{
    size_t lowers = 0, uppers = 0, digits = 0, changes = 0;
    int last = 0; /* 1 letter, 2 digit */
    for (size_t i = 0; i < n; i++) {
        int now = digit(p[i]) ? 2 : lower(p[i]) || upper(p[i]) ? 1 : 0;
        lowers += lower(p[i]);
        uppers += upper(p[i]);
        digits += digit(p[i]);
        changes += now && last && now != last;
        last = now ? now : last;
    }
    return (n >= MIN_RUN && changes >= MIN_CHANGES) ||
           (n >= MIN_MIXED && lowers && uppers && digits) || (n >= MIN_DIGITS && digits == n);
}

/* Where path and query start. */
static size_t behind_host(const char *s)
{
    const char *p = strstr(s, "://");
    return p ? (size_t)(p + 3 - s) + strcspn(p + 3, "/?#") : 0;
}

bool cli_next_run(const char *s, size_t *from, struct cli_run *r)
{
    size_t i = *from < behind_host(s) ? behind_host(s) : *from;
    while (s[i] && !run_char(s[i])) {
        /* the two digits of %2F belong to no token */
        size_t skip = s[i] == '%' && s[i + 1] && s[i + 2] ? 3 : 1;
        i += skip;
    }
    r->at = i;
    while (s[i] && run_char(s[i]))
        i++;
    r->n = i - r->at;
    *from = i;
    return r->n > 0;
}

bool cli_longest_run(const char *url, struct cli_run *r)
{
    struct cli_run one;
    size_t from = 0;
    r->n = 0;
    while (cli_next_run(url, &from, &one))
        if (one.n > r->n && cli_looks_random(url + one.at, one.n))
            *r = one;
    return r->n > 0;
}

/* ---- hiding ------------------------------------------------------------------------ */

static void add_masked(struct base_buf *b, const char *p, size_t n)
{
    base_buf_add(b, p, n < 8 ? 0 : 4);
    base_buf_adds(b, "...");
}

static void mask_rest(struct base_buf *b, const char *url, size_t from, size_t end)
{
    struct cli_run r;
    size_t done = from;
    while (cli_next_run(url, &from, &r) && r.at < end) {
        if (!cli_looks_random(url + r.at, r.n))
            continue;
        base_buf_add(b, url + done, r.at - done);
        add_masked(b, url + r.at, r.n);
        done = r.at + r.n;
    }
    if (done < end)
        base_buf_add(b, url + done, end - done);
}

const char *cli_mask_url(struct base_arena *a, const char *url, const char *token)
{
    struct base_buf b;
    size_t done = 0, n = token ? strlen(token) : 0;
    const char *hit;
    base_buf_init(&b, 0);
    while (n > 0 && (hit = strstr(url + done, token)) != NULL) {
        mask_rest(&b, url, done, (size_t)(hit - url));
        add_masked(&b, token, n);
        done = (size_t)(hit - url) + n;
    }
    mask_rest(&b, url, done, strlen(url));
    const char *text = base_arena_strdup(a, base_buf_str(&b));
    base_buf_free(&b);
    return text;
}

/* ---- shapes --------------------------------------------------------------------------- */

static const char *set_of(struct base_arena *a, const char *p, size_t n)
{
    static const char extras[] = "._~-"; /* the minus last: else it is a range */
    bool low = false, up = false, num = false, beyond_f = false;
    char other[sizeof(extras)] = "";
    size_t o = 0;
    for (size_t i = 0; i < n; i++) {
        low = low || lower(p[i]);
        beyond_f = beyond_f || (lower(p[i]) && p[i] > 'f');
        up = up || upper(p[i]);
        num = num || digit(p[i]);
    }
    for (const char *e = extras; *e; e++)
        if (memchr(p, *e, n))
            other[o++] = *e;
    bool hex = low && num && !up && !beyond_f && n >= 16;
    return base_arena_printf(a, "%s%s%s%s", hex ? "a-f" : low ? "a-z" : "", up ? "A-Z" : "",
                             num ? "0-9" : "", other);
}

/* NAME as it may stand in a URL: how many characters of S it takes; 0 = it isn't there. */
static size_t name_here(const char *s, const char *name)
{
    size_t i = 0;
    for (; name && *name; name++) {
        if ((*name == '@' && strncasecmp(s + i, "%40", 3) == 0) ||
            (*name == '+' && strncasecmp(s + i, "%2B", 3) == 0))
            i += 3;
        else if (s[i] && strncasecmp(s + i, name, 1) == 0)
            i++;
        else
            return 0;
    }
    return i;
}

const char *cli_template_of(struct base_arena *a, const char *url, const char *mailbox,
                            const char *domain)
{
    struct base_buf b;
    struct cli_run token = {0};
    bool has = cli_longest_run(url, &token);
    size_t i = behind_host(url), n;
    base_buf_init(&b, 0);
    base_buf_add(&b, url, i);
    while (url[i]) {
        if (has && i == token.at) {
            base_buf_addf(&b, "{token:%zu:%s}", token.n, set_of(a, url + i, token.n));
            i += token.n;
        } else if ((n = name_here(url + i, mailbox)) > 0) {
            base_buf_adds(&b, "{mailbox}");
            i += n;
        } else if ((n = name_here(url + i, domain)) > 0) {
            base_buf_adds(&b, "{domain}");
            i += n;
        } else {
            if (url[i] == '{' || url[i] == '}')
                base_buf_add(&b, url + i, 1);
            base_buf_add(&b, url + i++, 1);
        }
    }
    const char *text = base_arena_strdup(a, base_buf_str(&b));
    base_buf_free(&b);
    return text;
}
