/* milter/callbacks.c - the only file that knows libmilter.
 *
 * Owns nothing: the session hangs on libmilter's context. Every session
 * negotiates the same (libmilter's table of states is one for the process):
 * CONNECT, MAIL, RCPT, headers and body without replies, and three answers: at
 * DATA, at the end of the headers, at the end of the message. A callback may
 * compare bytes, write into the spool, and return; nothing else.
 *
 * libmilter calls xxfi_close without xxfi_connect when a peer only connects, and
 * may call xxfi_connect again after QUIT_NC: so the session is made when first
 * needed, and its absence is always possible. */
#include "callbacks.h"

#include <libmilter/mfapi.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "session.h"

#define FIELD "X-Certmilter"

static char no_macros[] = "", queue_id_macro[] = "i";

static sfsistat answer(enum milter_answer a)
{
    switch (a) {
    case MILTER_CONTINUE:
        return SMFIS_CONTINUE;
    case MILTER_TEMPFAIL:
        return SMFIS_TEMPFAIL;
    case MILTER_ACCEPT:
        break;
    }
    return SMFIS_ACCEPT;
}

static struct milter_session *session(SMFICTX *ctx)
{
    struct milter_session *s = smfi_getpriv(ctx);
    if (!s) {
        s = milter_session_new();
        if (smfi_setpriv(ctx, s) != MI_SUCCESS) {
            milter_session_free(s);
            return NULL;
        }
    }
    return s;
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2,
                             unsigned long f3, unsigned long *pf0, unsigned long *pf1,
                             unsigned long *pf2, unsigned long *pf3)
{
    (void)f2, (void)f3;
    struct milter_session *s = session(ctx);
    if (!s)
        return SMFIS_REJECT;
    *pf0 = SMFIF_ADDHDRS | SMFIF_CHGHDRS;
    if (f0 & SMFIF_SETSYMLIST) {
        *pf0 |= SMFIF_SETSYMLIST;
        for (int place = SMFIM_FIRST; place <= SMFIM_LAST; place++)
            smfi_setsymlist(ctx, place, place == SMFIM_EOH ? queue_id_macro : no_macros);
    }
    *pf1 = SMFIP_NOHELO | SMFIP_NOUNKNOWN | SMFIP_NR_CONN | SMFIP_NR_MAIL | SMFIP_NR_RCPT |
           SMFIP_NR_HDR | SMFIP_NR_BODY;
    s->leadspc = f1 & SMFIP_HDR_LEADSPC;
    if (s->leadspc)
        *pf1 |= SMFIP_HDR_LEADSPC;
    *pf2 = *pf3 = 0;
    return SMFIS_CONTINUE;
}

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *sa)
{
    (void)host;
    struct milter_session *s = session(ctx);
    if (s)
        milter_session_client(s, sa);
    return SMFIS_NOREPLY;
}

static sfsistat on_mail(SMFICTX *ctx, char **argv)
{
    struct milter_session *s = session(ctx);
    if (s)
        milter_session_mail(s, argv[0] ? argv[0] : "");
    return SMFIS_NOREPLY;
}

static sfsistat on_rcpt(SMFICTX *ctx, char **argv)
{
    struct milter_session *s = smfi_getpriv(ctx);
    if (s && argv[0])
        milter_session_rcpt(s, argv[0]);
    return SMFIS_NOREPLY;
}

static sfsistat on_data(SMFICTX *ctx)
{
    struct milter_session *s = smfi_getpriv(ctx);
    return s ? answer(milter_session_data(s)) : SMFIS_ACCEPT;
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
    struct milter_session *s = smfi_getpriv(ctx);
    if (s && name && value)
        milter_session_header(s, name, value);
    return SMFIS_NOREPLY;
}

static sfsistat on_eoh(SMFICTX *ctx)
{
    struct milter_session *s = smfi_getpriv(ctx);
    return s ? answer(milter_session_eoh(s, smfi_getsymval(ctx, queue_id_macro)))
             : SMFIS_ACCEPT;
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *p, size_t n)
{
    struct milter_session *s = smfi_getpriv(ctx);
    if (s)
        milter_session_body(s, p, n);
    return SMFIS_NOREPLY;
}

/* Fields that claim to be ours go, from the last to the first since the MTA
 * counts anew after each; then ours comes. The copy is in the spool already, so
 * a failure here costs the field, not the mail. */
static void mark(SMFICTX *ctx, const struct milter_session *s, const struct milter_outcome *o)
{
    char value[64], name[] = FIELD;
    bool ok = true;
    for (int i = o->stale; i > 0; i--)
        ok = smfi_chgheader(ctx, name, i, NULL) == MI_SUCCESS && ok;
    if (o->id[0]) {
        snprintf(value, sizeof value, "%sv=1; taken; id=%s", s->leadspc ? " " : "", o->id);
        ok = smfi_addheader(ctx, name, value) == MI_SUCCESS && ok;
    }
    if (!ok)
        base_log(LOG_WARNING, "mail.not_marked", "id", o->id, NULL);
}

static sfsistat on_eom(SMFICTX *ctx)
{
    struct milter_session *s = smfi_getpriv(ctx);
    struct milter_outcome o;
    if (!s)
        return SMFIS_ACCEPT;
    milter_session_eom(s, &o);
    if (o.answer == MILTER_ACCEPT)
        mark(ctx, s, &o);
    return answer(o.answer);
}

static sfsistat on_abort(SMFICTX *ctx)
{
    struct milter_session *s = smfi_getpriv(ctx);
    if (s)
        milter_session_reset(s);
    return SMFIS_CONTINUE;
}

static sfsistat on_close(SMFICTX *ctx)
{
    struct milter_session *s = smfi_getpriv(ctx);
    if (s) {
        smfi_setpriv(ctx, NULL);
        milter_session_free(s);
    }
    return SMFIS_CONTINUE;
}

bool milter_callbacks_register(int listen_fd)
{
    static char name[] = "certmilter";
    struct smfiDesc d = {
        .xxfi_name = name,
        .xxfi_version = SMFI_VERSION,
        .xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS,
        .xxfi_connect = on_connect,
        .xxfi_envfrom = on_mail,
        .xxfi_envrcpt = on_rcpt,
        .xxfi_header = on_header,
        .xxfi_eoh = on_eoh,
        .xxfi_body = on_body,
        .xxfi_eom = on_eom,
        .xxfi_abort = on_abort,
        .xxfi_close = on_close,
        .xxfi_data = on_data,
        .xxfi_negotiate = on_negotiate,
    };
    char conn[24];
    snprintf(conn, sizeof conn, "fd:%d", listen_fd);
    return smfi_setconn(conn) == MI_SUCCESS && smfi_register(d) == MI_SUCCESS &&
           smfi_opensocket(false) == MI_SUCCESS;
}

int milter_callbacks_run(void)
{
    return smfi_main();
}
