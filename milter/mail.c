/* milter/mail.c - envelope and header of one message.
 *
 * Owns an arena, a buffer for the header and the unfinished spool file; all of
 * it goes in milter_mail_free(), whatever way the message ends. Nothing here
 * fails: what is past a cap makes the mail one of which no copy is taken. */
#include "mail.h"

#include <string.h>

const char *milter_mail_address(struct base_arena *a, const char *path)
{
    size_t n = strlen(path);
    if (n >= 2 && path[0] == '<' && path[n - 1] == '>')
        path++, n -= 2;
    return n <= SPOOL_ADDRESS_MAX ? base_arena_strndup(a, path, n) : "";
}

struct milter_mail *milter_mail_new(const char *sender)
{
    struct milter_snapshot *s = milter_snapshot_get();
    if (!s)
        return NULL;
    const struct policy_watch *w = milter_snapshot_watch(s);
    struct base_arena *a = base_arena_new();
    struct milter_mail *m = base_arena_alloc(a, sizeof *m);
    m->arena = a;
    m->watch = s;
    m->sender = milter_mail_address(a, sender);
    m->sender_in_profile = policy_watch_interest_sender(w, sender);
    m->interest = m->sender_in_profile;
    m->max = policy_watch_max_mail(w);
    base_buf_init(&m->head, (size_t)m->max);
    return m;
}

void milter_mail_rcpt(struct milter_mail *m, const char *recipient)
{
    bool full = m->n_rcpts == SPOOL_RECIPIENTS_MAX, watched = false;
    if (!m->interest || full)
        watched = policy_watch_interest_rcpt(milter_snapshot_watch(m->watch), recipient);
    m->interest = m->interest || watched;
    if (full && !watched)
        return;
    const char *r = milter_mail_address(m->arena, recipient);
    if (!*r)
        return;
    if (full) { /* more than MTAs let in: the watched one is worth more than the last */
        m->rcpts[m->n_rcpts - 1] = r;
        return;
    }
    if (m->n_rcpts == m->cap_rcpts) {
        m->cap_rcpts = m->cap_rcpts ? m->cap_rcpts * 2 : 8;
        const char **v = base_arena_array(m->arena, m->cap_rcpts, sizeof *v);
        if (m->n_rcpts)
            memcpy(v, m->rcpts, m->n_rcpts * sizeof *v);
        m->rcpts = v;
    }
    m->rcpts[m->n_rcpts++] = r;
}

bool milter_mail_field(struct base_buf *b, const char *name, const char *value, bool leadspc)
{
    bool ok = base_buf_adds(b, name) && base_buf_add(b, leadspc ? ":" : ": ", leadspc ? 1 : 2);
    while (ok && *value) {
        size_t n = strcspn(value, "\n");
        ok = base_buf_add(b, value, n);
        if (value[n] == '\n') { /* folds come as LF, from some MTAs as CRLF */
            if (ok && !(n && value[n - 1] == '\r'))
                ok = base_buf_add(b, "\r", 1);
            ok = ok && base_buf_add(b, "\n", 1);
            n++;
        }
        value += n;
    }
    return ok && base_buf_add(b, "\r\n", 2);
}

void milter_mail_header(struct milter_mail *m, const char *name, const char *value, bool leadspc)
{
    size_t n = strlen(name);
    while (n && (name[n - 1] == ' ' || name[n - 1] == '\t')) /* obsolete "From :" */
        n--;
    if (n == 4 && strncasecmp(name, "from", 4) == 0 && !m->recognised)
        m->recognised =
            policy_watch_from(milter_snapshot_watch(m->watch), value, strlen(value));
    else if (n == 12 && strncasecmp(name, "X-Certmilter", 12) == 0)
        m->stale++;
    if (m->too_large)
        return;
    if (!milter_mail_field(&m->head, name, value, leadspc)) {
        m->too_large = true;
        base_buf_free(&m->head);
    }
}

void milter_mail_free(struct milter_mail *m)
{
    if (!m)
        return;
    spool_put_abort(m->put);
    base_buf_free(&m->head);
    milter_snapshot_put(m->watch);
    base_arena_free(m->arena);
}
