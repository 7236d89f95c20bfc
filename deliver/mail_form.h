/* deliver/mail_form.h - a mail with text, HTML and one attachment as bytes for SMTP. */
#ifndef DELIVER_MAIL_FORM_H
#define DELIVER_MAIL_FORM_H
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

struct deliver_form {
    const char *from, *to;       /* addresses; TO may be UTF-8 (RFC 6532), the rest is 7 bit */
    const char *subject;         /* UTF-8 */
    const char *id;              /* of the message, without "<>" */
    int64_t date;                /* seconds */
    const char *language;        /* "en" */
    const char *text, *html;     /* UTF-8, LF */
    const char *type;            /* of the attachment: "application/x-pkcs12" */
    const char *name;            /* its file name, UTF-8 without control characters */
    struct base_bytes attachment;
};
/* RFC 5322, 2045, 2047, 2231; CRLF. The same form gives the same bytes. OUT is
 * initialised here, the caller frees it. */
void deliver_form_write(struct base_arena *a, const struct deliver_form *m, struct base_buf *out);

#endif
