/* milter/session.c - the way of a message: interest, recognition, spool.
 *
 * Owns the sessions' mails. The spool's failures are temporary and end in 451
 * for this mail alone; a mail past max_mail is accepted without a copy and an
 * event says so. */
#include "session.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "mail.h"

static struct spool_writer *spool;
static atomic_long sessions;

void milter_session_spool(struct spool_writer *w)
{
    spool = w;
}

struct milter_session *milter_session_new(void)
{
    struct milter_session *s = base_xmalloc(sizeof *s);
    memset(s, 0, sizeof *s);
    atomic_fetch_add(&sessions, 1);
    return s;
}

void milter_session_free(struct milter_session *s)
{
    if (!s)
        return;
    milter_session_reset(s);
    free(s);
    atomic_fetch_sub(&sessions, 1);
}

long milter_sessions(void)
{
    return atomic_load(&sessions);
}

void milter_session_client(struct milter_session *s, const struct sockaddr *sa)
{
    s->family = 0;
    if (!sa)
        return;
    if (sa->sa_family == AF_INET) {
        memcpy(s->addr, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
        s->family = AF_INET;
    } else if (sa->sa_family == AF_INET6) {
        memcpy(s->addr, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
        s->family = AF_INET6;
    }
}

static const char *client_text(const struct milter_session *s, char out[INET6_ADDRSTRLEN])
{
    if (s->family && inet_ntop(s->family, s->addr, out, INET6_ADDRSTRLEN))
        return out;
    return "local";
}

void milter_session_reset(struct milter_session *s)
{
    milter_mail_free(s->mail);
    s->mail = NULL;
}

void milter_session_mail(struct milter_session *s, const char *sender)
{
    milter_session_reset(s);
    s->mail = milter_mail_new(sender);
}

void milter_session_rcpt(struct milter_session *s, const char *recipient)
{
    if (s->mail)
        milter_mail_rcpt(s->mail, recipient);
}

enum milter_answer milter_session_data(struct milter_session *s)
{
    if (s->mail && s->mail->interest)
        return MILTER_CONTINUE;
    milter_session_reset(s);
    return MILTER_ACCEPT;
}

void milter_session_header(struct milter_session *s, const char *name, const char *value)
{
    if (s->mail && s->mail->interest && !s->mail->past_head)
        milter_mail_header(s->mail, name, value, s->leadspc);
}

static void log_refused(const struct milter_session *s, const char *queue_id,
                        const struct base_fail *f)
{
    char client[INET6_ADDRSTRLEN];
    base_log_fail(LOG_WARNING, "mail.refused", f, "queue_id", queue_id, "client",
                  client_text(s, client), "sender", s->mail->sender, "answer", "451", NULL);
}

/* Opens the spool file and writes what has come so far. */
static enum base_fail_class begin(struct milter_session *s, const char *queue_id,
                                  struct base_fail *f)
{
    struct milter_mail *m = s->mail;
    char client[INET6_ADDRSTRLEN];
    struct spool_envelope env = {.time = base_now(),
                                 .client = client_text(s, client),
                                 .queue_id = queue_id,
                                 .sender = m->sender,
                                 .recipients = m->rcpts,
                                 .n_recipients = m->n_rcpts,
                                 .sender_in_profile = m->sender_in_profile};
    enum base_fail_class c = spool_put_begin(spool, &env, &m->put, f);
    if (c != BASE_OK)
        return c;
    memcpy(m->id, env.id, sizeof m->id);
    m->size = (int64_t)m->head.n;
    c = spool_put_append(m->put, m->head.p, m->head.n, f);
    base_buf_free(&m->head);
    return c;
}

enum milter_answer milter_session_eoh(struct milter_session *s, const char *queue_id)
{
    struct milter_mail *m = s->mail;
    if (!m || !m->interest || !m->recognised || m->n_rcpts == 0) {
        milter_session_reset(s);
        return MILTER_ACCEPT;
    }
    if (m->past_head) /* a second end of headers is none */
        return MILTER_CONTINUE;
    m->past_head = true;
    if (m->too_large || !base_buf_add(&m->head, "\r\n", 2)) {
        m->too_large = true;
        return MILTER_CONTINUE;
    }
    struct base_fail f;
    if (begin(s, queue_id ? queue_id : "", &f) == BASE_OK)
        return MILTER_CONTINUE;
    log_refused(s, queue_id, &f);
    milter_session_reset(s);
    return MILTER_TEMPFAIL;
}

void milter_session_body(struct milter_session *s, const void *p, size_t n)
{
    struct milter_mail *m = s->mail;
    if (!m || !m->put)
        return;
    struct base_fail f;
    if (m->size + (int64_t)n > m->max) {
        m->too_large = true;
    } else if (spool_put_append(m->put, p, n, &f) != BASE_OK) {
        m->failed = true;
        log_refused(s, m->id, &f);
    } else {
        m->size += (int64_t)n;
        return;
    }
    spool_put_abort(m->put);
    m->put = NULL;
    m->id[0] = 0;
}

static void log_end(const struct milter_session *s, const char *event)
{
    const struct milter_mail *m = s->mail;
    char client[INET6_ADDRSTRLEN];
    base_log(LOG_INFO, event, "id", m->id[0] ? m->id : NULL, "client", client_text(s, client),
             "sender", m->sender, "rcpt", m->rcpts[0], "rcpts",
             base_log_num((long long)m->n_rcpts), "size", base_log_num(m->size), NULL);
}

void milter_session_eom(struct milter_session *s, struct milter_outcome *o)
{
    struct milter_mail *m = s->mail;
    struct base_fail f;
    *o = (struct milter_outcome){.answer = MILTER_ACCEPT};
    if (!m)
        return;
    o->stale = m->stale;
    if (m->too_large) {
        log_end(s, "mail.too_large");
    } else if (m->failed) {
        o->answer = MILTER_TEMPFAIL;
    } else if (m->put) {
        struct spool_put *put = m->put;
        m->put = NULL;
        if (spool_put_commit(put, &f) == BASE_OK) {
            memcpy(o->id, m->id, sizeof o->id);
            log_end(s, "mail.taken");
        } else {
            log_refused(s, m->id, &f);
            o->answer = MILTER_TEMPFAIL;
        }
    }
    milter_session_reset(s);
}
