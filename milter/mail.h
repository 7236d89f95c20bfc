/* milter/mail.h - one message while it passes. */
#ifndef MILTER_MAIL_H
#define MILTER_MAIL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "session.h"
#include "snapshot.h"

struct milter_mail {
    struct base_arena *arena; /* owns this struct and its strings */
    struct milter_snapshot *watch;
    const char *sender; /* without brackets */
    const char **rcpts;
    size_t n_rcpts, cap_rcpts;
    bool sender_in_profile;
    bool interest;   /* sender or a recipient */
    bool recognised; /* a From address is of a profile */
    bool past_head;  /* EOH came */
    bool too_large;  /* no copy is taken */
    bool failed;     /* the spool refused while the body came; the sender is told at the end */
    int stale;       /* X-Certmilter fields seen */
    int64_t size, max;
    struct base_buf head;  /* header fields until EOH, as they go into the file */
    struct spool_put *put; /* from EOH on */
    char id[SPOOL_ID_LEN];
};

/* Begins a message under the watch in force; NULL if there is none. */
struct milter_mail *milter_mail_new(const char *sender);
void milter_mail_rcpt(struct milter_mail *m, const char *recipient);
/* One header field as it came over the wire, rebuilt into m->head. */
void milter_mail_header(struct milter_mail *m, const char *name, const char *value, bool leadspc);
/* Frees everything, the unfinished spool file too. NULL is fine. */
void milter_mail_free(struct milter_mail *m);

/* "<a@b>" -> a@b, copied; cut text of more than SPOOL_ADDRESS_MAX bytes gives "". */
const char *milter_mail_address(struct base_arena *a, const char *path);
/* NAME ":" VALUE, line ends as CRLF, and a CRLF. False past the buffer's cap. */
bool milter_mail_field(struct base_buf *b, const char *name, const char *value, bool leadspc);

#endif
