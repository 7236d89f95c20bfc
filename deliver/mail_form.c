/* deliver/mail_form.c - multipart/mixed of multipart/alternative and the attachment.
 *
 * All bodies are base64, so that nothing on the way has to change them. Boundaries come
 * from the message's id: nothing in base64 can look like one. */
#include "mail_form.h"

#include <string.h>

#include "base/clock.h"

#define LINE 76 /* characters of base64 a line */
#define WORD 45 /* bytes in an encoded word of at most 75 characters */

/* RFC 2047 where S isn't plain ASCII; words end between characters. */
static void put_words(struct base_arena *a, struct base_buf *b, const char *s)
{
    const char *p = s;
    while (*p && (unsigned char)*p < 127)
        p++;
    if (!*p && strlen(s) <= 60 && !strstr(s, "=?")) {
        base_buf_adds(b, s);
        return;
    }
    for (p = s; *p;) {
        size_t n = strnlen(p, WORD);
        while (p[n] && ((unsigned char)p[n] & 0xc0) == 0x80)
            n--;
        base_buf_addf(b, "%s=?utf-8?B?%s?=", p == s ? "" : "\r\n ", base_base64(a, p, n));
        p += n;
    }
}

static void put_body(struct base_arena *a, struct base_buf *b, const void *p, size_t n)
{
    const char *text = base_base64(a, p, n);
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at += LINE)
        base_buf_addf(b, "%.*s\r\n", LINE, text + at);
}

/* Bodies of type text have CRLF inside the base64 too (RFC 2046 section 4.1.1). */
static void put_text(struct base_arena *a, struct base_buf *b, const char *type, const char *text)
{
    struct base_buf lines;
    base_buf_init(&lines, 0);
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        base_buf_add(&lines, p, n);
        base_buf_adds(&lines, "\r\n");
        p += n + (p[n] == '\n');
    }
    base_buf_addf(b, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n",
                  type);
    put_body(a, b, lines.p, lines.n);
    base_buf_free(&lines);
}

static bool is_plain(const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.@_+-";
    return name[strspn(name, plain)] == '\0';
}

/* RFC 2231 section 4 for names that aren't plain; every byte that could matter is escaped. */
static void put_parameter(struct base_buf *b, const char *parameter, const char *name)
{
    if (is_plain(name)) {
        base_buf_addf(b, ";\r\n %s=\"%s\"", parameter, name);
        return;
    }
    base_buf_addf(b, ";\r\n %s*=utf-8''", parameter);
    for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
        const char one[2] = {(char)*p, 0};
        if (*p < 0x80 && is_plain(one) && *p != '@' && *p != '+')
            base_buf_add(b, p, 1);
        else
            base_buf_addf(b, "%%%02X", *p);
    }
}

static void put_attachment(struct base_arena *a, struct base_buf *b, const struct deliver_form *m)
{
    base_buf_addf(b, "Content-Type: %s", m->type);
    put_parameter(b, "name", m->name);
    base_buf_adds(b, "\r\nContent-Disposition: attachment");
    put_parameter(b, "filename", m->name);
    base_buf_adds(b, "\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    put_body(a, b, m->attachment.p, m->attachment.n);
}

void deliver_form_write(struct base_arena *a, const struct deliver_form *m, struct base_buf *out)
{
    char date[BASE_TIME_LEN], hash[BASE_SHA256_HEX];
    base_sha256_hex(m->id, strlen(m->id), hash);
    base_time_rfc5322(m->date, date);
    base_buf_init(out, 0);
    base_buf_addf(out, "From: certmilter <%s>\r\nTo: <%s>\r\nSubject: ", m->from, m->to);
    put_words(a, out, m->subject);
    base_buf_addf(out,
                  "\r\nDate: %s\r\nMessage-ID: <%s>\r\nAuto-Submitted: auto-generated\r\n"
                  "X-Certmilter-Notice: 1\r\nContent-Language: %s\r\nMIME-Version: 1.0\r\n"
                  "Content-Type: multipart/mixed;\r\n boundary=\"=_m%.32s\"\r\n\r\n"
                  "--=_m%.32s\r\nContent-Type: multipart/alternative;\r\n"
                  " boundary=\"=_a%.32s\"\r\n\r\n--=_a%.32s\r\n",
                  date, m->id, m->language, hash, hash, hash, hash);
    put_text(a, out, "text/plain", m->text);
    base_buf_addf(out, "--=_a%.32s\r\n", hash);
    put_text(a, out, "text/html", m->html);
    base_buf_addf(out, "--=_a%.32s--\r\n\r\n--=_m%.32s\r\n", hash, hash);
    put_attachment(a, out, m);
    base_buf_addf(out, "--=_m%.32s--\r\n", hash);
}
