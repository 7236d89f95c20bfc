/* milter/session.h - what certmilterd knows about one SMTP session and decides
 * about its mails. No libmilter here: callbacks.c translates.
 *
 * A session is used by one thread at a time (libmilter's promise), different
 * sessions by different threads. Nothing here waits but for the spool's disk. */
#ifndef MILTER_SESSION_H
#define MILTER_SESSION_H
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "spool/spool.h"

enum milter_answer { MILTER_CONTINUE, MILTER_ACCEPT, MILTER_TEMPFAIL };

struct milter_mail; /* one message: an arena, freed by one function */

/* All that an idle connection costs. */
struct milter_session {
    struct milter_mail *mail; /* NULL outside of a message of possible interest */
    unsigned char addr[16];   /* of the client */
    uint8_t family;           /* AF_INET, AF_INET6, 0 */
    bool leadspc;             /* header values come with their leading space */
};

/* The spool that all sessions write to. Set once before the first session. */
void milter_session_spool(struct spool_writer *w);

struct milter_session *milter_session_new(void);
void milter_session_free(struct milter_session *s); /* drops its mail; NULL is fine */
/* Sessions that exist now. */
long milter_sessions(void);

/* SA may be NULL (unknown). */
void milter_session_client(struct milter_session *s, const struct sockaddr *sa);

void milter_session_mail(struct milter_session *s, const char *sender);
void milter_session_rcpt(struct milter_session *s, const char *recipient);
/* ACCEPT when neither sender nor a recipient is of interest. */
enum milter_answer milter_session_data(struct milter_session *s);
void milter_session_header(struct milter_session *s, const char *name, const char *value);
/* ACCEPT when no From address is of a profile; TEMPFAIL when the spool can't
 * take the mail. */
enum milter_answer milter_session_eoh(struct milter_session *s, const char *queue_id);
void milter_session_body(struct milter_session *s, const void *p, size_t n);

struct milter_outcome {
    enum milter_answer answer;
    char id[SPOOL_ID_LEN]; /* "" unless a copy was taken */
    int stale;             /* X-Certmilter fields that came with the mail, to be removed */
};
/* A copy that was taken is durable when this returns. */
void milter_session_eom(struct milter_session *s, struct milter_outcome *o);
/* The message is over, however it ended. */
void milter_session_reset(struct milter_session *s);

#endif
